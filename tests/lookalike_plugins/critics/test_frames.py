"""The critic of pixels, on a small maze drawn here, and on Procgen where it is installed."""

from __future__ import annotations

import asyncio
from collections import deque
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest
from lookalike_bench.errors import CriticFailure, VideoError
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.types import Brief, Observation
from lookalike_bench.videos.demonstrations import read_demonstration
from lookalike_bench.videos.pictures import write_pictures
from lookalike_bench.videos.video import Video
from lookalike_plugins.critics.frames import Frames, value_by_direction
from lookalike_plugins.critics.seeing.knowledge import read_film, small
from lookalike_plugins.critics.seeing.motion import action_towards, camera_shift, direction

TASKS = Path(__file__).parents[3] / "tasks"
BRIEF = Brief("maze", "complete the level", "Find the exit.")
WAYS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
CELL = 4


class Maze:
    """A maze of 16 x 16 cells of 4 x 4 pixels: brown walls, a floor of one of three greys, a blue player and a
    yellow goal. Its corridors are carved at random."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        self.floor = (60, 60, 60) if seed % 3 == 0 else (110, 115, 110) if seed % 3 == 1 else (30, 30, 45)
        self.free = np.zeros((16, 16), bool)
        stack = [(1, 1)]
        self.free[1, 1] = True
        while stack:
            row, column = stack[-1]
            around = [(row + 2 * a, column + 2 * b) for a, b in WAYS.values()]
            ahead = [(r, c) for r, c in around if 0 < r < 15 and 0 < c < 15 and not self.free[r, c]]
            if not ahead:
                stack.pop()
                continue
            r, c = random.choice(ahead)
            self.free[r, c] = self.free[(row + r) // 2, (column + c) // 2] = True
            stack.append((r, c))
        places = [tuple(place) for place in np.argwhere(self.free)]
        self.player, self.goal = random.sample(places, 2)

    def draw(self) -> np.ndarray:
        picture = np.full((64, 64, 3), (190, 150, 100), np.uint8)
        for (row, column), colour in [
            *(((r, c), self.floor) for r, c in np.argwhere(self.free)),
            (self.goal, (250, 220, 30)),
            (self.player, (40, 90, 240)),
        ]:
            picture[CELL * row : CELL * row + CELL, CELL * column : CELL * column + CELL] = colour
        return picture

    def step(self, action: str) -> Observation:
        down, right = WAYS[action]
        target = self.player[0] + down, self.player[1] + right
        if self.free[target]:
            self.player = target
        done = self.player == self.goal
        return Observation("A maze.", terminated=done, level_complete=done, frame=self.draw())

    def solution(self) -> list[str]:
        came: dict = {self.player: ()}
        queue = deque([self.player])
        while queue:
            place = queue.popleft()
            for name, (down, right) in WAYS.items():
                target = place[0] + down, place[1] + right
                if self.free[target] and target not in came:
                    came[target] = (*came[place], name)
                    queue.append(target)
        return list(came[self.goal])

    def film(self) -> list[np.ndarray]:
        """What a person's video shows of the solution, each pixel eight times as large."""
        pictures = [self.draw()]
        for action in self.solution()[:-1]:
            self.step(action)
            pictures.append(self.draw())
        return [picture.repeat(8, axis=0).repeat(8, axis=1) for picture in pictures]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Video]:
    folder = tmp_path_factory.mktemp("videos")
    made = []
    for seed in range(6):
        path = folder / f"maze-{seed}.mp4"
        write_pictures(Maze(seed).film(), path, frames_per_second=15)
        made.append(Video(path, str(seed), "searched"))
    return made


@pytest.fixture(scope="module")
def learned(videos: list[Video], tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    """Watched, written to a file and read again."""
    path = tmp_path_factory.mktemp("model") / "maze.yaml"
    asyncio.run(Frames().watch(videos, BRIEF)).save(path)
    return RewardModel.load(path)


def first_look(maze: Maze) -> Observation:
    return Observation("A maze.", frame=maze.draw())


def test_follows_the_way_in_mazes_that_it_has_not_seen(learned: RewardModel) -> None:
    critic = Frames()
    for seed in range(50, 58):
        maze = Maze(seed)
        shortest = len(maze.solution())
        judge = critic.judge(learned)
        judge.observe(None, first_look(maze), list(WAYS))
        for _ in range(shortest):
            action = judge.recommended
            assert action is not None
            observation = maze.step(action)
            judge.observe(action, observation, list(WAYS))
        assert observation.level_complete, f"maze {seed}"
        assert asyncio.run(judge.review()).reward == 1.0


def test_rewards_steps_towards_the_goal_and_punishes_steps_away(learned: RewardModel) -> None:
    maze = Maze(60)
    towards = maze.solution()[0]
    away = {"left": "right", "right": "left", "up": "down", "down": "up"}[towards]
    judge = Frames().judge(learned)
    judge.observe(None, first_look(maze), list(WAYS))
    good, bad, unknown = asyncio.run(judge.judge([towards, away, "fly"]))
    assert good.reward == 1.0 and good.recommended == towards
    assert bad.reward <= 0 and unknown.reward == -1.0
    judge.observe(towards, maze.step(towards), list(WAYS))
    assert asyncio.run(judge.review()).reward > 0.5
    judge.observe(away, maze.step(away), list(WAYS))
    assert asyncio.run(judge.review()).reward < 0


def test_describes_where_the_goal_is_and_what_is_free(learned: RewardModel) -> None:
    maze = Maze(61)
    words = asyncio.run(Frames().judge(learned).describe(maze.draw()))
    down, right = maze.goal[0] - maze.player[0], maze.goal[1] - maze.player[1]
    if down:
        assert f"{CELL * abs(down)} {'down' if down > 0 else 'up'}" in words
    if right:
        assert f"{CELL * abs(right)} {'right' if right > 0 else 'left'}" in words
    free = words.split("Free: ")[1].split(".")[0].split(", ")
    row, column = maze.player
    assert sorted(free) == sorted(name for name, (a, b) in WAYS.items() if maze.free[row + a, column + b])


def test_the_outline_tells_in_words_what_was_done(learned: RewardModel) -> None:
    assert {step.action for step in learned.outline} <= set(WAYS)
    first = next(step for step in learned.outline if step.video == 0)
    assert first.action == Maze(0).solution()[0]
    assert "The camera stands still." in learned.rules


def test_the_same_videos_give_the_same_reward_model(videos: list[Video], learned: RewardModel) -> None:
    again = asyncio.run(Frames().watch(videos, BRIEF))
    assert again.outline == learned.outline
    assert all(np.array_equal(again.arrays[name], learned.arrays[name]) for name in again.arrays)


def test_it_is_told_who_played(learned: RewardModel) -> None:
    assert learned.origins == ["searched"] and len(learned.provenance["videos"]) == 6


def test_a_video_without_a_player_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 255, (64, 64, 3)).astype(np.uint8) for _ in range(12)]
    write_pictures(pictures, tmp_path / "noise.mp4", frames_per_second=15)
    with pytest.raises(VideoError, match="no player"):
        asyncio.run(Frames().watch([Video(tmp_path / "noise.mp4", "", "human")], BRIEF))


@pytest.mark.parametrize(
    ("length", "message"), [(60, "the player does not move"), (3, r"still\.mp4: no longer than one action of 4 frames")]
)
def test_a_video_in_which_nothing_happens_is_refused(tmp_path: Path, length: int, message: str) -> None:
    write_pictures([Maze(0).film()[0]] * length, tmp_path / "still.mp4", frames_per_second=15)
    with pytest.raises(VideoError, match=message):
        asyncio.run(Frames(4).watch([Video(tmp_path / "still.mp4", "", "human")], BRIEF))


def test_a_video_that_is_named_twice_is_watched_once(videos: list[Video], learned: RewardModel) -> None:
    again = asyncio.run(Frames().watch([*videos, *videos[:4]], BRIEF))
    assert again.outline == learned.outline
    assert all(np.array_equal(again.arrays[name], learned.arrays[name]) for name in again.arrays)


def test_frame_times_count_and_not_frame_numbers(tmp_path: Path) -> None:
    """The same play with a frame for each change only, shown for as long as the change takes."""
    import av

    pictures = Maze(3).film()
    # Every second picture stands for three times as long as the others, beginning a little before it is sampled.
    times = np.cumsum([0.0] + [1 + 2 * (number % 2) for number in range(len(pictures))]) / 15
    with av.open(str(tmp_path / "variable.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=1000)
        stream.width = stream.height = 512
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "10"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = max(0, round(1000 * times[number]) - 5), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    film = read_film(Video(tmp_path / "variable.mp4", "", "human"))
    shown = [int(np.argmin([np.abs(small(p).astype(int) - frame).mean() for p in pictures])) for frame in film.frames]
    expected = [number for number in range(len(pictures)) for _ in range(1 + 2 * (number % 2))]
    assert shown[: len(expected) - 3] == expected[:-3]


def test_a_video_in_4k_shows_the_same(tmp_path: Path) -> None:
    large = [picture.repeat(4, axis=0).repeat(7, axis=1) for picture in Maze(0).film()[:8]]
    write_pictures(large, tmp_path / "large.mp4", frames_per_second=15)
    assert large[0].shape == (2048, 3584, 3)
    for shown, drawn in zip(read_film(Video(tmp_path / "large.mp4", "", "human")).frames, Maze(0).film(), strict=False):
        assert np.abs(shown.astype(int) - small(drawn)).mean() < 6


def test_a_reward_model_of_another_critic_is_refused() -> None:
    with pytest.raises(CriticFailure, match="lacks"):
        Frames().judge(RewardModel(rules=["Go north."]))


def test_without_a_picture_there_is_nothing_to_judge(learned: RewardModel) -> None:
    with pytest.raises(CriticFailure, match="no picture"):
        Frames().judge(learned).observe(None, Observation("Dark."), ["left"])


def test_directions_come_from_the_names_of_actions() -> None:
    assert direction("jump left") == (-1, -1) and direction("wait") is None
    actions = ["right", "jump right", "jump", "wait"]
    assert action_towards(-1, 1, actions) == "jump right"
    assert action_towards(0, 0, actions) == "wait"
    assert action_towards(1, -1, ["right", "wait"]) is None


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-6, 5)])
def test_the_shift_of_the_world_is_measured(shift: tuple[int, int]) -> None:
    world = np.random.default_rng(1).integers(0, 255, (96, 96, 3)).astype(np.uint8)
    before = world[16:80, 16:80]
    after = world[16 - shift[0] : 80 - shift[0], 16 - shift[1] : 80 - shift[1]]
    assert camera_shift(before, after) == shift


@pytest.mark.usefixtures("procgen")
@pytest.mark.parametrize(("game", "levels", "at_least"), [("maze", range(100, 106), 5), ("jumper", (1, 2, 7, 8), 3)])
def test_plays_procgen_from_pixels(game: str, levels: range, at_least: int, tmp_path: Path) -> None:
    from lookalike_plugins.environments.procgen import Procgen

    videos = []
    for path in sorted((TASKS / "demonstrations" / "procgen").glob(f"{game}-[0-9].json")):
        demonstration = read_demonstration(path)
        environment = Procgen(**demonstration.environment.arguments)
        video = tmp_path / f"{path.stem}.mp4"
        write_pictures(environment.film(demonstration.seed, demonstration.played), video, 15)
        videos.append(Video(video, path.stem, "searched"))
    critic = Frames(frames_per_action=int(environment.hold))
    learned = asyncio.run(critic.watch(videos, BRIEF))
    solved = 0
    for level in levels:
        observation = environment.reset(level)
        judge = critic.judge(learned)
        judge.observe(None, observation, environment.actions())
        for _ in range(35):
            action = judge.recommended or "wait"
            observation = environment.step(action)
            judge.observe(action, observation, environment.actions())
            if observation.terminated:
                break
        solved += observation.level_complete
    assert solved >= at_least


def test_no_action_is_worth_less_than_the_worst_reward() -> None:
    values = value_by_direction(np.array([-1.0, 0.0]), ["up", "down", "left", "right", "wait"])
    assert values["up"] == 1.0
    assert values["down"] == -1.0
    assert all(-1 <= value <= 1 for value in values.values())
