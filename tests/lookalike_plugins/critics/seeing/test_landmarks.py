"""Videos and pictures of another game are told from unseen levels of the same one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from lookalike_bench.errors import CriticFailure, VideoError
from lookalike_bench.types import Observation
from lookalike_bench.videos.demonstrations import read_demonstration
from lookalike_bench.videos.pictures import write_pictures
from lookalike_bench.videos.video import Video
from lookalike_plugins.critics.frames import Frames
from lookalike_plugins.critics.seeing.knowledge import read_film, small
from lookalike_plugins.critics.seeing.landmarks import disagreeing, learn_landmarks, measure
from lookalike_plugins.critics.seeing.objects import find_objects

from tests.lookalike_plugins.critics.test_frames import BRIEF, TASKS, Maze


def swim(seed: int, length: int = 20) -> list[np.ndarray]:
    """Another game: a red fish in blue water over a green ground, with bubbles anywhere."""
    random = np.random.default_rng(seed)
    water = np.full((64, 64, 3), (30, 60, 150 + seed % 40), np.uint8)
    water[52:] = (40, 140, 60)
    for row, column in random.integers(0, 50, (12, 2)):
        water[row : row + 2, column : column + 2] = (200, 220, 255)
    frames = []
    for time in range(length):
        picture = water.copy()
        picture[30:34, 4 + 2 * time : 9 + 2 * time] = (220, 40, 40)
        frames.append(picture)
    return frames


def mazes(seeds: range) -> list[np.ndarray]:
    return [np.array([small(picture) for picture in Maze(seed).film()]) for seed in seeds]


def test_the_video_of_another_game_is_found_among_the_others() -> None:
    videos = mazes(range(9))
    assert disagreeing(videos, measure(videos)) is None
    for place in (0, 4, 9):
        mixed = [*videos[:place], np.array(swim(1)), *videos[place:]]
        assert disagreeing(mixed, measure(mixed)) == place


def test_few_videos_say_nothing_about_one_of_them() -> None:
    videos = [*mazes(range(3)), np.array(swim(1))]
    assert disagreeing(videos, measure(videos)) is None


def test_unseen_levels_are_the_same_game_and_another_game_is_not() -> None:
    videos = mazes(range(6))
    landmarks = learn_landmarks(videos, find_objects(videos), measure(videos))
    assert [landmarks.missing(Maze(seed).draw()) for seed in range(40, 70)] == [""] * 30
    assert all(landmarks.missing(swim(seed)[0]) for seed in range(30))


def test_four_videos_do_not_tell_what_every_level_has() -> None:
    videos = mazes(range(4))
    landmarks = learn_landmarks(videos, find_objects(videos), measure(videos))
    assert not landmarks.missing(swim(1)[0])


def write(folder: Path, name: str, pictures: list[np.ndarray]) -> Video:
    write_pictures([picture.repeat(8, 0).repeat(8, 1) for picture in pictures], folder / name, 15)
    return Video(folder / name, name, "searched")


def test_the_critic_names_the_video_of_another_game(tmp_path: Path) -> None:
    videos = [write(tmp_path, f"maze-{seed}.mp4", [small(p) for p in Maze(seed).film()]) for seed in range(8)]
    videos.insert(3, write(tmp_path, "swim.mp4", swim(1)))
    with pytest.raises(VideoError, match=r"swim\.mp4: shows another game than the other 8 videos"):
        asyncio.run(Frames().watch(videos, BRIEF))


def test_an_episode_of_another_game_is_an_error_and_no_score(tmp_path: Path) -> None:
    videos = [write(tmp_path, f"maze-{seed}.mp4", [small(p) for p in Maze(seed).film()]) for seed in range(6)]
    learned = asyncio.run(Frames().watch(videos, BRIEF))
    other = Observation("A fish.", frame=swim(2)[0])
    with pytest.raises(CriticFailure, match="another game than the one that is played") as caught:
        Frames().judge(learned).observe(None, other, ["left", "right"])
    assert "\n" not in str(caught.value)
    Frames(same_game=False).judge(learned).observe(None, other, ["left", "right"])


@pytest.mark.usefixtures("procgen")
def test_procgen_games_are_told_apart(tmp_path: Path) -> None:
    from lookalike_plugins.environments.procgen import Procgen

    learned, first = {}, {}
    for game in ("maze", "heist"):
        videos = []
        for path in sorted((TASKS / "demonstrations" / "procgen").glob(f"{game}-[0-9].json"))[:10]:
            demonstration = read_demonstration(path)
            environment = Procgen(**demonstration.environment.arguments)
            film = tmp_path / f"{path.stem}.mp4"
            write_pictures(environment.film(demonstration.seed, demonstration.played), film, 15)
            videos.append(read_film(Video(film, "", "searched")).frames)
            environment.close()
        learned[game] = learn_landmarks(videos, find_objects(videos), measure(videos))
        environment = Procgen(game)
        first[game] = [environment.reset(level).frame for level in range(100, 120)]
        environment.close()
    for game, landmarks in learned.items():
        for played, pictures in first.items():
            refused = [bool(landmarks.missing(picture)) for picture in pictures]
            assert refused == [played != game] * len(pictures), f"{game} watched, {played} played"
