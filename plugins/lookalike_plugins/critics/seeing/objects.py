"""Finds the player and the goal in videos of play, from pixels alone.

    objects = find_objects(videos)          # videos: list of (frames, 64, 64, 3) uint8, one of each level
    objects.player(frame)                   # (y, x) of the player's centre in pixels, or None

A thing that matters looks the same in every level and stands in one place at a time. So its colours are
*present* in nearly all frames of all videos and *compact* in each: their pixels lie together. Of such colours,
where the camera stands still, those that move are the player's and those that rest are the goal's; where the
camera follows, those that rest are the player's, since it is the world that moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

LEVELS = 8
"""Colours are told apart in 8 steps a channel: 512 colour codes."""
COMPACT = 3.0
"""Standard deviation in pixels, at most, of the places of a compact colour."""
PRESENT = 0.85
MOVED = 6.0
"""Pixels across a video, in the median of the videos, from which on a colour has moved."""
REACH = 5.0
"""Pixels around the player's middle within which its other pixels lie."""


@dataclass(frozen=True, slots=True)
class Objects:
    """What was found. `player_codes` and `goal_codes` are masks over the 512 colour codes; `start` is where the
    player was when the videos began, (y, x), and `follows` whether the camera follows the player."""

    player_codes: NDArray[np.bool_]
    goal_codes: NDArray[np.bool_]
    follows: bool

    def player(self, frame: Frame) -> tuple[float, float] | None:
        return place(self.player_codes[codes(frame)])

    def goal(self, frame: Frame) -> tuple[float, float] | None:
        return place(self.goal_codes[codes(frame)])


def find_objects(videos: Sequence[NDArray[np.uint8]]) -> Objects:
    """Learn what the player and the goal look like. Videos of a single frame teach nothing about motion."""
    moving = [video for video in videos if len(video) >= 4] or list(videos)
    present, compact, travel = np.zeros(512), np.zeros(512), []
    for video in moving:
        places = np.full((len(video), 512, 2), np.nan)
        for time, frame in enumerate(video):
            count, middle, spread = _clusters(codes(frame))
            together = (count > 0) & (spread < COMPACT) & (count < 60)
            present += count > 0
            compact += together
            places[time, together] = middle[together]
        travel.append(_range(places))
    total = sum(len(video) for video in moving)
    found = (compact / total > PRESENT) & (compact / np.maximum(present, 1) > 0.9)
    distance = np.median(np.nan_to_num(np.array(travel)), axis=0)
    moved: NDArray[np.bool_] = found & (distance > MOVED)
    follows = not moved.any()
    if follows:
        return Objects(found, np.zeros(512, np.bool_), True)
    return Objects(moved, found & (distance < 1.0), False)


def codes(frame: Frame) -> NDArray[np.intp]:
    """The colour code of each pixel."""
    steps = frame.astype(np.intp) // (256 // LEVELS)
    result: NDArray[np.intp] = (steps[..., 0] * LEVELS + steps[..., 1]) * LEVELS + steps[..., 2]
    return result


def place(mask: NDArray[np.bool_]) -> tuple[float, float] | None:
    """The middle of the densest heap of pixels in a mask: others of the colour may lie about."""
    from scipy.ndimage import uniform_filter

    if not mask.any():
        return None
    rows, columns = np.nonzero(mask)
    dense = uniform_filter(mask.astype(np.float32), 7)[rows, columns]
    densest = dense >= dense.max() - 1e-4
    middle = np.median(rows[densest]), np.median(columns[densest])
    near = (abs(rows - middle[0]) <= REACH) & (abs(columns - middle[1]) <= REACH)
    if not near.any():
        return float(middle[0]), float(middle[1])
    rows, columns = rows[near], columns[near]
    # The middle of the extent, not of the mass: a sprite that turns keeps its extent.
    return float(rows.min() + rows.max()) / 2, float(columns.min() + columns.max()) / 2


def _clusters(code: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """For each colour code: how many pixels, their middle (y, x), and their spread in pixels."""
    rows, columns = np.mgrid[: code.shape[0], : code.shape[1]]
    flat = code.ravel()
    count = np.bincount(flat, minlength=512).astype(np.float64)
    many = np.maximum(count, 1)
    y = np.bincount(flat, rows.ravel(), 512) / many
    x = np.bincount(flat, columns.ravel(), 512) / many
    square = np.bincount(flat, (rows**2 + columns**2).ravel(), 512) / many
    return count, np.stack([y, x], axis=1), np.sqrt(np.maximum(square - y**2 - x**2, 0))


def _range(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each colour's middle moved in a video, in pixels; not at all where it was never seen."""
    seen: NDArray[np.bool_] = np.isfinite(places[..., 0])
    low = np.where(seen[..., None], places, np.inf).min(axis=0)
    high = np.where(seen[..., None], places, -np.inf).max(axis=0)
    span: NDArray[np.float64] = np.where(np.isfinite(low), high - low, 0.0).max(axis=1)
    return span
