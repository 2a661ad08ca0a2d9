"""Takes the picture of a terminal apart into its rows.

A terminal is a grid: rows of one height at fixed places. The grid is found once for a video, from the ink that
all its frames leave on each line of pixels: rows show as ink at one distance with gaps between them.

    grid = find_grid(sum(ink_profile(image) for image in images))
    rows = read_rows(image, grid)        # top to bottom, blank rows included
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

INK = 0.3
"""Share of a picture's strongest contrast from which a pixel counts as ink: antialiased edges do, noise does not."""
FAINTEST = 40
"""Contrast in grey levels below which a picture counts as blank."""
SMALLEST_PITCH = 7
FEWEST_ROWS = 6
"""A grid of rows lower than the first, in pixels, or of fewer rows than the second, is not looked for."""
SAME, ALIKE = 16.0, 26.0
"""Two rows are the same, or likely to be, if no piece of them as wide as a letter differs by more than this, in grey
levels. Measured: rows that scrolled differ by up to 12, and by up to 24 in pictures that were scaled and compressed
hard; rows with one other letter by 22 at least."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows lie between offset + k * pitch and offset + (k + 1) * pitch, in pixels from the top."""

    pitch: float
    offset: float

    def bounds(self, height: int) -> list[tuple[int, int]]:
        """Top and bottom of every row in a picture of that height. A cut row at an edge is a row too."""
        edges = np.arange(self.offset - self.pitch, height + self.pitch, self.pitch)
        tops = np.clip(np.round(edges), 0, height).astype(int)
        rows = zip(tops[:-1].tolist(), tops[1:].tolist(), strict=True)
        return [(top, bottom) for top, bottom in rows if bottom - top >= self.pitch / 3]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `image` (height, width) uint8, dark on light, cut to its ink, which begins at pixel `left`; None if
    the row is blank. `whole` is the row uncut, to compare. `bar` marks inverse video: a status line."""

    whole: NDArray[np.uint8] = field(repr=False)
    image: NDArray[np.uint8] | None = field(repr=False)
    left: int = 0
    bar: bool = False


def ink_profile(image: Frame) -> NDArray[np.float64]:
    """The share of ink on every line of pixels of a picture (height, width, 3): (height,)."""
    contrast = _contrast(image)
    ink = contrast > max(FAINTEST, INK * float(contrast.max()))
    # A window's frame is not text: columns that are nearly all ink, lines that are nearly all ink.
    ink[:, ink.mean(axis=0) > 0.8] = False
    profile: NDArray[np.float64] = ink.mean(axis=1)
    profile[profile > 0.9] = 0.0
    return profile


def find_grid(profile: NDArray[np.float64]) -> Grid | None:
    """The grid that puts the least ink on the borders between rows: the smallest pitch that does it as well as any
    other, since every multiple of a pitch does it too. None if no pitch leaves a gap, so the text is in no grid."""
    height = len(profile)
    if profile.sum() == 0 or height < SMALLEST_PITCH * FEWEST_ROWS:
        return None
    # Steps so small that the last row of a screen is not a third of a pixel off.
    count = int(np.log(height / FEWEST_ROWS / SMALLEST_PITCH) * height / 0.3) + 1
    pitches = SMALLEST_PITCH * np.exp(np.arange(count) * 0.3 / height)
    folds = [_fold(profile, pitch) for pitch in pitches]
    # Ink on the emptiest two lines of pixels of the folded row, beside the average line.
    borders = np.array([np.minimum(fold, np.roll(fold, 1)).min() + fold.min() for fold in folds])
    borders /= np.array([2 * fold.mean() for fold in folds])
    if borders.min() > 0.35:
        return None
    smallest = int(np.argmax(borders <= 1.5 * borders.min() + 0.03))
    # Neighbours of the right pitch leave a gap too, only narrower: take the one with the least ink around it.
    near = range(smallest, int(np.searchsorted(pitches, 1.12 * pitches[smallest])))
    best = min(near, key=lambda index: _gap(folds[index])[0])
    return Grid(float(pitches[best]), _gap(folds[best])[1] * float(pitches[best]))


def read_rows(image: Frame, grid: Grid) -> list[Row]:
    """The rows of a picture (height, width, 3), from top to bottom."""
    contrast = _contrast(image)
    strongest = max(FAINTEST, float(contrast.max()))
    dark = np.clip(contrast * (255.0 / strongest), 0, 255).astype(np.uint8)
    return [_row(dark[top:bottom]) for top, bottom in grid.bounds(image.shape[0])]


def same(one: Row, other: Row, limit: float = SAME) -> bool:
    """Whether two rows show the same, compression noise aside."""
    if (one.image is None) != (other.image is None):
        return False
    return one.image is None or difference(one, other) <= limit


def difference(one: Row, other: Row) -> float:
    """How much the two rows differ where they differ most, in grey levels averaged over the width of a letter.

    In a picture that was scaled, a row that scrolled falls on other fractions of a pixel: so the rows are also
    compared half a pixel and a whole one apart, and the best counts.
    """
    height = min(len(one.whole), len(other.whole))
    above, below = one.whole[:height].astype(np.float32), other.whole[:height].astype(np.float32)
    best = _largest(above - below)
    if best <= 3.0:
        return best
    halves_above, halves_below = (above[1:] + above[:-1]) / 2, (below[1:] + below[:-1]) / 2
    shifted = [
        above[1:] - below[:-1],
        above[:-1] - below[1:],
        halves_above - below[:-1],
        halves_above - below[1:],
        above[:-1] - halves_below,
        above[1:] - halves_below,
    ]
    return min(best, *(_largest(pair) for pair in shifted))


def _largest(pair: NDArray[np.float32]) -> float:
    """The largest mean difference in a window as wide as a letter."""
    grey = np.abs(pair).mean(axis=0)
    letter = max(3, round(len(pair) * 0.4))
    sums = np.concatenate([[0.0], np.cumsum(grey)])
    return float((sums[letter:] - sums[:-letter]).max()) / letter


def _contrast(image: Frame) -> NDArray[np.int16]:
    """How far each pixel is from the paper, the commonest colour: light on dark and dark on light come out alike."""
    coarse = (image[::2, ::2] >> 3).astype(np.int32)
    codes = (coarse[..., 0] << 10) | (coarse[..., 1] << 5) | coarse[..., 2]
    commonest = int(np.bincount(codes.ravel()).argmax())
    near = image[::2, ::2][codes == commonest]
    paper = np.round(near.mean(axis=0)).astype(np.int16)
    contrast: NDArray[np.int16] = np.abs(image.astype(np.int16) - paper).max(axis=2)
    return contrast


def _fold(profile: NDArray[np.float64], pitch: float) -> NDArray[np.float64]:
    """The profile laid over itself at a pitch: the average ink on each line of pixels of a row."""
    bins = int(pitch)
    place = ((np.arange(len(profile)) % pitch) * (bins / pitch)).astype(int)
    total = np.bincount(place, weights=profile, minlength=bins)[:bins]
    lines = np.bincount(place, minlength=bins)[:bins]
    fold: NDArray[np.float64] = total / np.maximum(lines, 1)
    return fold


def _gap(fold: NDArray[np.float64]) -> tuple[float, float]:
    """The emptiest fifth of a folded row: its ink, and where its middle lies, in [0, 1) of the row."""
    bins = len(fold)
    width = max(2, round(bins / 5))
    ink = np.convolve(np.concatenate([fold, fold[: width - 1]]), np.ones(width), mode="valid")
    start = int(ink.argmin())
    return float(ink[start] / fold.mean() / width), ((start + width / 2) / bins) % 1.0


def _row(ink: NDArray[np.uint8]) -> Row:
    """A row from its ink, 0 for paper to 255 for the strongest ink."""
    height = len(ink)
    if float(np.median(ink)) > 110:
        return Row(whole=~ink, image=None, bar=True)
    strong = ink > 255 * INK
    # A cursor is a block: a run of columns full of ink and broader than any stroke of a letter.
    full = np.concatenate([[False], strong.mean(axis=0) > 0.7, [False]])
    changes = np.flatnonzero(full[1:] != full[:-1])
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        if end - start >= 0.3 * height:
            ink = ink.copy()
            ink[:, max(0, start - 2) : end + 2] = 0
    strong = ink > 255 * INK
    columns = np.flatnonzero(strong.any(axis=0))
    if len(columns) == 0 or strong.sum() < 3:
        return Row(whole=~ink, image=None)
    left, right = max(0, int(columns[0]) - height // 3), int(columns[-1]) + 1 + height // 3
    return Row(whole=~ink, image=~ink[:, left:right], left=int(columns[0]))
