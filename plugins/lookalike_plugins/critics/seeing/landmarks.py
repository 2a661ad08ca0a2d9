"""Tells whether a picture shows the game that the videos showed, by what is there in every picture of it.

    measured = measure(videos)                                # videos: (frames, 64, 64, 3) each
    disagreeing(videos, measured)                             # the number of the video of another game, or None
    landmarks = learn_landmarks(videos, objects, measured)
    landmarks.missing(frame)                                  # "", or what a picture of another game lacks

Levels of one game differ in shape, ground and background, but some small places look the same in all of them: the
wall, the player, the border of an instrument. Patches of 5 x 5 pixels that are met in nearly the same colours in all
videos are the landmarks; in another game most of them are not to be found anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lookalike_plugins.critics.seeing.objects import codes, find_objects

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

    from lookalike_plugins.critics.seeing.objects import Objects

SIDE = 5
MOST = 12
"""Landmarks that are kept."""
STEADY = 40.0
"""Root mean square difference, in levels of 255, up to which a patch is met again in every video."""
APART = 15.0
"""The same between two landmarks: there is no use in keeping one twice."""
FEWEST = 5
"""Videos of different levels that it takes to know what they have in common."""
OFTEN = 0.75
"""Share of a video's frames in which the player is seen, at least."""
ENOUGH = 8
"""Videos that it takes to tell that one of them is of another game: fewer levels differ too much by chance."""
STRANGE = 0.8
"""How much further than in any video a landmark may be, in shares of that distance and 8 levels. Chosen on ten videos
and 60 more levels of each of five Procgen games: at most 0.24 in the game that was watched. Where those of another
come close to it (0.45 between heist and coinrun), the player's size tells them apart."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """`patches` (k, 75) as floats; `slack` (k,) how far each is from the nearest place of a demonstrated picture at
    most; `limit` how strange a picture may be; `player` how few and how many pixels the player may
    have, or zeros where the camera follows it, since nothing depends on seeing it there. No patches if the videos
    were too few."""

    patches: NDArray[np.float32]
    slack: NDArray[np.float32]
    limit: float
    player: NDArray[np.float64]
    player_codes: NDArray[np.bool_]

    def missing(self, frame: Frame) -> str:
        """What every video shows and the picture does not, in words; empty if it may be the same game."""
        if self.player.any() and not self.player[0] <= _size(self.player_codes, frame) <= self.player[1]:
            return "nothing in it looks like the player of the videos"
        if self.strangeness(frame) > self.limit:
            return "it lacks what is in every picture of the videos"
        return ""

    def strangeness(self, frame: Frame) -> float:
        """How much further than in any video the landmark is that is missed most."""
        if not len(self.patches):
            return 0.0
        return _strangeness(_nearest(self.patches, frame), self.slack)


@dataclass(frozen=True, slots=True)
class Measured:
    """`patches` (n, 75); `distances` (videos, n): how far the place of a video that is most like each is at most;
    `seen` (videos,): the share of a video's frames that show the player of the other videos, not a number where that
    cannot be known, since the camera of the others follows the player."""

    patches: NDArray[np.float32]
    distances: NDArray[np.float32]
    seen: NDArray[np.float64]


def measure(videos: Sequence[NDArray[np.uint8]]) -> Measured:
    """Patches of the first videos' first pictures, and where they are met again: in the beginning, middle and end
    of each video."""
    patches = np.unique(np.concatenate([_places(video[0], 3) for video in videos[:4]]), axis=0)
    distances = [
        np.max([_nearest(patches, video[time]) for time in (0, len(video) // 2, len(video) - 1)], axis=0)
        for video in videos
    ]
    few = [video[:: max(1, len(video) // 24)] for video in videos]
    seen = [_player_seen(few, number) for number in range(len(few))] if len(few) >= FEWEST else [np.nan] * len(few)
    return Measured(patches, np.array(distances), np.array(seen))


def learn_landmarks(videos: Sequence[NDArray[np.uint8]], objects: Objects, measured: Measured) -> Landmarks:
    """Learn them from videos of one game. Whether they are of one game, `disagreeing` tells before."""
    # What is not found in one video by what the others show is nothing to miss.
    known = not objects.follows and (measured.seen > OFTEN).all()
    player = _player_size(objects, videos) if known else np.zeros(2)
    if len(videos) < FEWEST:
        empty = np.zeros((0, 3 * SIDE * SIDE), np.float32)
        return Landmarks(empty, empty[:, 0], STRANGE, player, objects.player_codes)
    kept = _kept(measured.patches, measured.distances)
    # Where levels differ so much that a video would be strange among the others, more must be allowed.
    limit = max(STRANGE, 1.5 * max(_left_out(measured, number) for number in range(len(videos))))
    return Landmarks(
        measured.patches[kept], measured.distances[:, kept].max(axis=0), limit, player, objects.player_codes
    )


def disagreeing(videos: Sequence[NDArray[np.uint8]], measured: Measured) -> int | None:
    """The video that shows another game than all others, by what they have in common; None if there is none.

    Either the player of the others is not in it; or it lacks their landmarks, far more than any of them does, and
    where the player can be known by its colours, it is missing now and then as well.
    """
    if len(videos) < ENOUGH:
        return None
    strange = np.array([_left_out(measured, number) for number in range(len(videos))])
    seen = np.nan_to_num(measured.seen, nan=0.9)
    least = int(np.argmin(seen))
    if seen[least] < OFTEN < np.delete(seen, least).min() and strange[least] > STRANGE / 3:
        return least
    most = int(np.argmax(strange))
    alone = strange[most] > max(2 * STRANGE, 3 * np.delete(strange, most).max())
    return most if alone and seen[most] < 0.95 else None


def _player_seen(videos: Sequence[NDArray[np.uint8]], number: int) -> float:
    """The share of a video's frames with something in them that looks like the player of the other videos."""
    others = [video for index, video in enumerate(videos) if index != number]
    objects = find_objects(others)
    if objects.follows:
        return np.nan
    size = _player_size(objects, others)
    return float(np.mean([size[0] <= _size(objects.player_codes, frame) <= size[1] for frame in videos[number]]))


def _player_size(objects: Objects, videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """How few and how many pixels in the player's colours may pass for it."""
    sizes = [_size(objects.player_codes, frame) for video in videos for frame in video]
    least, most = np.percentile(sizes, [1, 99])
    return np.array([max(1.0, 2 / 3 * least), 3 * most])


def _size(player_codes: NDArray[np.bool_], frame: Frame) -> int:
    return int(player_codes[codes(frame)].sum())


def _kept(patches: NDArray[np.float32], distances: NDArray[np.float32]) -> list[int]:
    """The steadiest patches that are unlike one another."""
    kept: list[int] = []
    slack = distances.max(axis=0)
    for index in np.argsort(slack):
        if slack[index] > STEADY or len(kept) == MOST:
            break
        if all(np.sqrt(((patches[index] - patches[other]) ** 2).mean()) > APART for other in kept):
            kept.append(int(index))
    return kept


def _left_out(measured: Measured, number: int) -> float:
    """How strange a video is by what the others have in common."""
    others = np.delete(measured.distances, number, axis=0)
    kept = _kept(measured.patches, others)
    return _strangeness(measured.distances[number, kept], others[:, kept].max(axis=0)) if kept else 0.0


def _strangeness(distance: NDArray[np.float32], slack: NDArray[np.float32]) -> float:
    return float(((distance - slack) / (slack + 8)).max(initial=0.0))


def _nearest(patches: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
    """The root mean square difference of each patch to the place in a picture that is most like it."""
    places = _places(frame, 1)
    square = (patches**2).sum(axis=1)[:, None] - 2 * patches @ places.T + (places**2).sum(axis=1)
    result: NDArray[np.float32] = np.sqrt(np.maximum(square.min(axis=1), 0) / patches.shape[1])
    return result


def _places(frame: Frame, step: int) -> NDArray[np.float32]:
    windows = np.lib.stride_tricks.sliding_window_view(frame, (SIDE, SIDE, 3))[::step, ::step]
    places: NDArray[np.float32] = np.moveaxis(windows, -1, -3).reshape(-1, 3 * SIDE * SIDE).astype(np.float32)
    return places
