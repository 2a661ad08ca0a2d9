"""Tells where the player can go from where it was seen to go: the colours of ground, of obstacles, of things.

    ground = learn_ground(videos, tracks)            # tracks: the player's (y, x) in every frame of each video
    kinds = ground.kinds(frame)                      # (64, 64): FREE, BLOCKED or THING for every pixel

What the player is about to stand on, seen before it covers it, is ground. What is unlike any ground of its own
video is an obstacle, if there is much of it, and a thing if there is little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

    Track = NDArray[np.float64]

FREE, BLOCKED, THING = 0, 1, 2
STEPS = 16
"""Colours are looked up in 16 steps a channel."""
ALIKE = 34.0
"""Distance in RGB up to which a colour is like one that was seen."""
OFTEN = 0.25
COMMON = 40
"""Pixels of one colour from which on it covers much of a picture: a hundredth of it."""
AHEAD = 6.0
"""Pixels that the player has yet to go to a place whose ground is looked at: it must not cover it already."""


@dataclass(frozen=True, slots=True)
class Ground:
    """`table` gives the kind of each of 16 x 16 x 16 colours; `body` is the half-width in pixels that has to be
    free around the player's middle, `stride` the length of an unhindered move in pixels, and `lattice` whether
    every move has that length, from cell to cell."""

    table: NDArray[np.uint8]
    body: int
    stride: float
    lattice: bool

    def kinds(self, frame: Frame) -> NDArray[np.uint8]:
        index = frame // (256 // STEPS)
        result: NDArray[np.uint8] = self.table[index[..., 0], index[..., 1], index[..., 2]]
        return result


def learn_ground(videos: Sequence[NDArray[np.uint8]], tracks: Sequence[Track], frames_per_action: int) -> Ground:
    """Learn from all videos at once, since what is ground in one level is ground in another."""
    ground, other, counts, vanished = [], [], [], []
    for video, track in zip(videos, tracks, strict=True):
        colours, count = _palette(video[0])
        gone = _vanished(video, track)
        own = _trodden(video, track, frames_per_action)
        if len(gone) and len(own):
            # What is as dark as much of the picture (the eye of a lock) is no thing; no thing is ground.
            gone = gone[_distance(gone, colours[count > COMMON]) > ALIKE]
            own = own[_distance(own, gone) > ALIKE] if len(gone) else own
        if len(own) == 0:
            continue
        ground.append(own)
        vanished.append(gone)
        unlike = _distance(colours, own) > ALIKE
        other.append(colours[unlike])
        counts.append(count[unlike])
    if not ground:
        return Ground(np.zeros((STEPS,) * 3, np.uint8), 1, 4.0, False)
    free = np.unique(np.concatenate(ground), axis=0)
    rest, rest_count = np.concatenate(other), np.concatenate(counts)
    # An obstacle's colour covers much of a picture.
    obstacle = rest[rest_count >= COMMON]
    grid = ((np.indices((STEPS,) * 3).reshape(3, -1).T + 0.5) * (256 / STEPS)).astype(np.float64)
    to_free, to_obstacle = _distance(grid, free), _distance(grid, obstacle if len(obstacle) else free + 1000)
    table = np.where(to_free <= to_obstacle, FREE, BLOCKED).astype(np.uint8)
    things = np.concatenate(vanished)
    if len(things):
        to_thing = _distance(grid, things)
        table[(to_thing <= np.minimum(to_free, to_obstacle)) & (to_thing < ALIKE)] = THING
    table = table.reshape((STEPS,) * 3)
    stride, lattice = _stride(tracks, frames_per_action)
    body = 0 if lattice else _body(Ground(table, 0, stride, lattice), videos, tracks)
    return Ground(table, body, stride, lattice)


def _vanished(video: NDArray[np.uint8], track: Track) -> NDArray[np.float64]:
    """Rare colours of what was there when a video began and is not when it ends, the player aside: the keys that
    were taken, the locks that were opened. More than one pixel of a colour, so that no noise is a thing."""
    first, last = video[0].astype(int), video[-1].astype(int)
    changed = np.abs(first - last).max(axis=2) > 60
    rows, columns = np.mgrid[:64, :64]
    for y, x in (track[0], track[-1]):
        changed &= np.hypot(rows - y, columns - x) > 7
    if changed.mean() > 0.05:
        # A world that moves by itself: what is gone was not taken.
        return np.zeros((0, 3))
    colours, count = _palette(video[0])
    share = {tuple(colour): number / count.sum() for colour, number in zip(colours, count, strict=True)}
    gone, times = _palette(video[0][changed]) if changed.any() else (np.zeros((0, 3)), np.zeros(0))
    rare = np.array([share[tuple(colour)] < 0.02 for colour in gone], np.bool_)
    return gone[rare & (times > 1)] if len(gone) else gone


def _trodden(video: NDArray[np.uint8], track: Track, frames: int) -> NDArray[np.float64]:
    """Colours of where the player was to go, before it was there: those that are met there at least as often as
    a quarter of their share of the picture, since a place is known to a pixel only."""
    samples = []
    for arrival in range(1, len(video)):
        earlier = np.arange(max(0, arrival - frames - 3), arrival)
        away = earlier[np.hypot(*(track[earlier] - track[arrival]).T) >= AHEAD]
        if len(away):
            y, x = np.clip(np.round(track[arrival]).astype(int), 0, 63)
            samples.append(video[away[-1], y, x])
    if not samples:
        return np.zeros((0, 3))
    colours, times = _palette(np.array(samples))
    shown, count = _palette(video[0])
    share = {tuple(colour): number / count.sum() for colour, number in zip(shown, count, strict=True)}
    usual = np.array([share.get(tuple(colour), 0.0) for colour in colours])
    trodden: NDArray[np.float64] = colours[times / times.sum() > OFTEN * usual]
    return trodden


def _stride(tracks: Sequence[Track], frames: int) -> tuple[float, bool]:
    """How far a move goes, in pixels, and whether all that go anywhere go that far."""
    gone = [np.abs(track[frames:] - track[:-frames]).max(axis=1) for track in tracks if len(track) > frames]
    moved = np.concatenate(gone) if gone else np.zeros(0)
    moved = moved[moved > 1.5]
    if len(moved) == 0:
        return 4.0, False
    if moved.std() < 0.15 * moved.mean():
        return float(moved.mean()), True
    return float(np.percentile(moved, 85)), False


def _body(ground: Ground, videos: Sequence[NDArray[np.uint8]], tracks: Sequence[Track]) -> int:
    """The largest half-width that was free wherever the player went, but for the player's own place."""
    from scipy.ndimage import binary_erosion

    for half in (3, 2, 1):
        inside = []
        for video, track in zip(videos, tracks, strict=True):
            if len(track) < 2:
                continue
            # The ground in one picture: the kind of each pixel most of the time.
            blocked = np.mean([ground.kinds(frame) == BLOCKED for frame in video[:: max(1, len(video) // 8)]], axis=0)
            room = binary_erosion(blocked < 0.5, np.ones((2 * half + 1,) * 2), border_value=0)
            y, x = np.clip(np.round(track).astype(int), 0, 63).T
            inside.append(room[y, x].mean())
        if inside and np.mean(inside) > 0.75:
            return half
    return 0


def _palette(frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The colours of a picture in 16 steps a channel, and how many pixels have each."""
    index = (frame // (256 // STEPS)).reshape(-1, 3)
    colours, count = np.unique(index, axis=0, return_counts=True)
    return ((colours + 0.5) * (256 / STEPS)).astype(np.float64), count


def _distance(colours: NDArray[np.float64], to: NDArray[np.float64]) -> NDArray[np.float64]:
    """From each colour to the nearest of the others, in RGB."""
    from scipy.spatial import cKDTree

    distance: NDArray[np.float64] = cKDTree(to).query(colours)[0]
    return distance
