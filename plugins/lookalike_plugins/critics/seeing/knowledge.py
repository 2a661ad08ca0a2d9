"""What the critic of pixels learned from videos, and how it is kept in a reward model.

known = learn([read_film(video) for video in videos], frames_per_action=4)
reward_model.arrays = known.arrays()
known = Knowledge.of(reward_model)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from lookalike_bench.errors import CriticFailure, VideoError
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.videos.frames import read_frames

from lookalike_plugins.critics.seeing.crossing import Crossing, learn_crossing
from lookalike_plugins.critics.seeing.demonstrated import Demonstrated, remember, walking_speeds, world_speeds
from lookalike_plugins.critics.seeing.ground import Ground, learn_ground
from lookalike_plugins.critics.seeing.heading import Heading, learn_heading
from lookalike_plugins.critics.seeing.landmarks import Landmarks, disagreeing, learn_landmarks, measure
from lookalike_plugins.critics.seeing.objects import Objects, find_objects
from lookalike_plugins.critics.seeing.words import describe

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from lookalike_bench.videos.video import Video
    from numpy.typing import NDArray

FRAMES_PER_SECOND = 15.0
SIDE = 64
"""Pictures are looked at in 64 x 64, as the games draw them for a player."""
LARGEST = 1024
"""Width and height up to which pictures are decoded; larger ones are scaled down: a game draws 64 pixels, not 2160."""
MOST_FRAMES = 6000
"""Frames of a video at most: 7 minutes of play, which take 74 MB."""


@dataclass(frozen=True)
class Film:
    """A video, and its frames, 15 a second: (n, 64, 64, 3)."""

    video: Video
    frames: NDArray[np.uint8]

    def large(self) -> Iterator[tuple[Frame, NDArray[np.uint8]]]:
        """Each frame, and the same in grey eight times as large. One is held at a time."""
        for frame, image in zip(self.frames, _images(self.video), strict=True):
            yield frame, resized(image, 8 * SIDE).mean(axis=2).astype(np.uint8)


def read_film(video: Video) -> Film:
    """Read a video whole. Raises VideoError."""
    frames = [small(image) for image in _images(video)]
    if not frames:
        raise VideoError(f"{video.path}: there is no frame to watch")
    if len(frames) > MOST_FRAMES:
        raise VideoError(f"{video.path}: longer than {MOST_FRAMES / FRAMES_PER_SECOND:.0f} s: cut it by start and stop")
    return Film(video, np.array(frames))


def _images(video: Video) -> Iterator[Frame]:
    sampled = read_frames(video, fps=FRAMES_PER_SECOND, changed_only=False, largest=LARGEST)
    return (frame.image for frame in islice(sampled, MOST_FRAMES + 1))


def small(image: Frame) -> Frame:
    return resized(image, SIDE)


def resized(image: Frame, side: int) -> Frame:
    """A picture as a square of `side` pixels: of each of its cells the pixel in the middle, as the games draw."""
    height, width = image.shape[:2]
    rows = ((np.arange(side) + 0.5) * height / side).astype(int)
    columns = ((np.arange(side) + 0.5) * width / side).astype(int)
    square: Frame = image[np.ix_(rows, columns)]
    return square


PARTS: dict[str, type] = {
    "objects": Objects,
    "ground": Ground,
    "crossing": Crossing,
    "heading": Heading,
    "demonstrated": Demonstrated,
    "landmarks": Landmarks,
}


@dataclass(frozen=True)
class Knowledge:
    """What was learned, as it is kept in a reward model's arrays."""

    objects: Objects
    ground: Ground
    crossing: Crossing
    heading: Heading
    demonstrated: Demonstrated
    landmarks: Landmarks

    def arrays(self) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for part in PARTS:
            kept |= {f"{part}.{name}": np.asarray(value) for name, value in asdict(getattr(self, part)).items()}
        # Pictures are whole numbers but for a fraction: a byte each is enough.
        views = kept["demonstrated.views"]
        raw = self.demonstrated.features == "raw"
        kept["demonstrated.views"] = np.round(views).astype(np.uint8) if raw else views.astype(np.float16)
        return kept

    @classmethod
    def of(cls, reward_model: RewardModel) -> Knowledge:
        """Raises CriticFailure if the reward model was not made by this critic."""
        parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        for name, array in reward_model.arrays.items():
            part, _, field = name.partition(".")
            if part in parts:
                parts[part][field] = array.item() if array.ndim == 0 else array
        try:
            parts["demonstrated"]["views"] = parts["demonstrated"]["views"].astype(np.float32)
            return cls(*(made(**parts[part]) for part, made in PARTS.items()))
        except (KeyError, TypeError) as error:
            raise CriticFailure(f"frames: the reward model lacks what was learned from pictures ({error})") from None

    def rules(self) -> list[str]:
        """What was learned in words."""
        camera = "follows the player" if self.objects.follows else "stands still"
        rules = [f"The camera {camera}."]
        if self.objects.goal_codes.any():
            rules.append("The goal rests in one place.")
        if not self.objects.follows:
            kind = "from cell to cell" if self.ground.lattice else "freely"
            rules.append(f"The player moves {kind}, {self.ground.stride:.1f} of 64 pixels with an action.")
        return rules

    def outline(self, films: Sequence[Film]) -> list[OutlineStep]:
        """The demonstrations as directions, one line for each stretch in the same direction."""
        steps: list[OutlineStep] = []
        start = 0
        for number, film in enumerate(films):
            last = None
            if len(film.frames) <= self.demonstrated.frames_per_action:
                continue
            for time in range(0, len(film.frames), self.demonstrated.frames_per_action):
                done = in_words(self.demonstrated.moves[start + time])
                if done != last:
                    cue = describe(self, film.frames[time])
                    seconds = time / FRAMES_PER_SECOND
                    steps.append(OutlineStep(cue=cue, action=done, time=seconds, frame=time, video=number))
                last = done
            start += len(film.frames)
        return steps


def learn(films: Sequence[Film], frames_per_action: int, features: str = "raw") -> Knowledge:
    """Learn from all films together. Raises VideoError if no player can be made out, or a film is of another game."""
    videos = [film.frames for film in films]
    measured = measure(videos)
    if (other := disagreeing(videos, measured)) is not None:
        raise VideoError(
            f"{films[other].video.path}: shows another game than the other {len(films) - 1} videos: "
            "a critic learns one game at a time"
        )
    objects = find_objects(videos)
    if not objects.player_codes.any():
        raise VideoError(
            f"{_named(films)}: no player can be made out: nothing looks alike and moves alike in all of them "
            "(the critic frames learns games of pictures)"
        )
    # A film shorter than an action shows none.
    shown = [index for index, video in enumerate(videos) if len(video) > frames_per_action]
    if not shown:
        raise VideoError(f"{_named(films)}: no longer than one action of {frames_per_action} frames")
    tracks = [track(objects, video) for video in videos]
    if objects.follows:
        speeds = [world_speeds(film.large()) for film in films]
    else:
        speeds = [walking_speeds(places) for places in tracks]
    demonstrated = remember(
        [videos[index] for index in shown],
        [speeds[index] for index in shown],
        objects.follows,
        frames_per_action,
        features,
    )
    if not demonstrated.meant.any():
        raise VideoError(f"{_named(films)}: nothing happens: the player does not move")
    ground = learn_ground(videos, tracks, frames_per_action)
    crossing = learn_crossing(videos, tracks, ground.stride, frames_per_action)
    heading = learn_heading(videos if objects.follows else [], speeds)
    landmarks = learn_landmarks(videos, objects, measured)
    return Knowledge(objects, ground, crossing, heading, demonstrated, landmarks)


def _named(films: Sequence[Film]) -> str:
    """The films in an error: the first, and how many more."""
    more = f" and {len(films) - 1} more" if len(films) > 1 else ""
    return f"{films[0].video.path}{more}"


def track(objects: Objects, video: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Where the player is in each frame, (n, 2); where it is not seen, where it was last."""
    places, last = [], (SIDE / 2, SIDE / 2)
    for frame in video:
        last = objects.player(frame) or last
        places.append(last)
    return np.array(places)


def in_words(move: NDArray[np.float64]) -> str:
    """A move (down, right) as a person would say it: "up left", or "wait"."""
    words = [("up", "", "down")[int(np.sign(move[0])) + 1], ("left", "", "right")[int(np.sign(move[1])) + 1]]
    return " ".join(word for word in words if word) or "wait"
