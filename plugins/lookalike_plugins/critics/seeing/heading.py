"""Reads an instrument in the picture that points to the goal, such as a dial with a needle, if there is one.

    heading = learn_heading(videos, speeds)             # None if nothing in the picture tells where the way led
    heading.read(frame)                                 # (down, right), about 1 long: where the goal must be

An instrument stays in its place while the world moves. What its needle means is learned from the videos: how its
place in the instrument went along with the way that the player still had to go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lookalike_plugins.critics.seeing.objects import codes

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

LIKE = 30.0
"""Levels of 255 up to which a pixel shows the instrument's ground."""
LEAST = 40
"""Pixels of an instrument at least."""
TELLS = 0.3
"""Share of the variance of the way to go that a needle must explain."""


@dataclass(frozen=True, slots=True)
class Heading:
    """`dial` is the mask of the instrument's pixels and `ground` its colour; `map` (3, 2) turns the middle of what
    stands out on it, relative to its own, into (down, right). All empty if there is no instrument."""

    dial: NDArray[np.bool_]
    ground: NDArray[np.float64]
    map: NDArray[np.float64]

    def read(self, frame: Frame) -> tuple[float, float] | None:
        needle = _needle(self.dial, self.ground, frame) if self.dial.any() else None
        if needle is None:
            return None
        down, right = np.array([*needle, 1.0]) @ self.map
        return float(down), float(right)


def learn_heading(videos: Sequence[NDArray[np.uint8]], speeds: Sequence[NDArray[np.float64]]) -> Heading:
    nothing = Heading(np.zeros((64, 64), np.bool_), np.zeros(3), np.zeros((3, 2)))
    if not videos:
        return nothing
    frames = np.concatenate([video[:: max(1, len(video) // 8)] for video in videos])
    dial, ground = _dial(frames)
    if not dial.any():
        return nothing
    needles, ways = [], []
    for video, speed in zip(videos, speeds, strict=True):
        to_go = np.cumsum(speed[::-1], axis=0)[::-1]
        for frame, way in zip(video, to_go, strict=True):
            needle = _needle(dial, ground, frame)
            if needle is not None and np.hypot(*way) > 4:
                needles.append([*needle, 1.0])
                ways.append(way / np.hypot(*way))
    if len(needles) < 20:
        return nothing
    known, wanted = np.array(needles), np.array(ways)
    solution = np.linalg.lstsq(known, wanted, rcond=None)[0]
    explained = 1 - ((wanted - known @ solution) ** 2).sum() / ((wanted - wanted.mean(axis=0)) ** 2).sum()
    return Heading(dial, ground, solution) if explained > TELLS else nothing


def _dial(frames: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The largest region whose pixels have one colour in most frames, which the rest of the picture has not."""
    from scipy.ndimage import binary_closing, label

    usual = np.median(frames, axis=0)
    steady = (np.abs(frames - usual).max(axis=3) < LIKE).mean(axis=0) > 0.7
    code = codes(usual.astype(np.uint8))
    shown = np.bincount(np.concatenate([codes(frame)[~steady] for frame in frames]), minlength=512)
    steady &= (shown / max(1, shown.sum()) < 0.02)[code]
    rows, columns = np.mgrid[:64, :64]
    steady &= np.hypot(rows - 31.5, columns - 31.5) > 10
    regions, count = label(binary_closing(steady))
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    sizes[0] = 0
    if count == 0 or sizes.max() < LEAST:
        return np.zeros((64, 64), np.bool_), np.zeros(3)
    dial = regions == int(np.argmax(sizes))
    return dial, np.median(usual[dial], axis=0)


def _needle(dial: NDArray[np.bool_], ground: NDArray[np.float64], frame: Frame) -> tuple[float, float] | None:
    """The middle of the pixels that stand out on the instrument, relative to its own, in pixels."""
    out = dial & (np.abs(frame - ground).max(axis=2) > LIKE)
    if not out.any():
        return None
    rows, columns = np.nonzero(out)
    own_rows, own_columns = np.nonzero(dial)
    return float(rows.mean() - own_rows.mean()), float(columns.mean() - own_columns.mean())
