"""Puts the text of a terminal back together over time: every row that ever stood on the screen, once, in order.

    scrollback = Scrollback(reader)
    for frame in frames:
        scrollback.show(read_rows(frame.image, grid), frame.time, frame.index)
    scrollback.lines          # [Line("West of House", ...), Line(">north", ...), ...]

Only what is new is read: a row that stands where it stood, or that moved up with the others, is recognised by its
picture. A row that changes in its place (a command being typed) is read again and replaces what it said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from lookalike_plugins.critics.screen import ALIKE, Row, same

if TYPE_CHECKING:
    from lookalike_plugins.critics.ocr import LineReader

MOVED = 0.8
"""The share of the text rows that must be found again, one and the same distance up, to call it scrolling."""

SLIPS = 80
"""The similarity, in per cent, from which two readings of one row count as readings of the same text."""
UNSURE = 0.8
"""A single character that was read with less confidence than this is not taken for text."""


@dataclass(slots=True)
class Line:
    """A row of text; blank rows have no text. `time` (seconds) and `frame` tell when it first read so, `left` is
    where its ink begins, in pixels."""

    text: str
    confidence: float
    left: int
    time: float
    frame: int


class Scrollback:
    """The lines of a terminal, of which the last ones are on its screen."""

    def __init__(self, reader: LineReader) -> None:
        self.reader = reader
        self.lines: list[Line] = []
        self.rows_shown = 0
        self.rows_read = 0
        self.redraws = 0
        """Times that nothing of the screen before was found again: text in between may be lost."""
        self._rows: list[Row] = []
        self._top = 0

    def show(self, rows: list[Row], time: float, frame: int) -> None:
        """Take in the screen as it stands at a time."""
        # 1. How far has the screen scrolled? The line in its first row moves on by as many.
        rows = _without_end([row for row in rows if not row.bar])
        distance = scrolled(self._rows, rows)
        if distance is None:
            self.redraws += 1
            self._rows, self._top = [], len(self.lines)
        else:
            self._rows, self._top = self._rows[distance:], self._top + distance
        # 2. Rows below what is left of the screen before are new; above, only those whose picture changed are.
        for number, row in enumerate(rows):
            self.rows_shown += row.image is not None
            if number < len(self._rows) and same(self._rows[number], row):
                continue
            line = self._read(row, time, frame)
            index = self._top + number
            if index == len(self.lines):
                self.lines.append(line)
            else:
                self.lines[index] = _later(self.lines[index], line, typing=number == len(rows) - 1)
        self._rows = rows

    def _read(self, row: Row, time: float, frame: int) -> Line:
        if row.image is None:
            return Line("", 1.0, 0, time, frame)
        self.rows_read += 1
        text, confidence = self.reader.read(row.image)
        if len(text) == 1 and confidence < UNSURE:
            text = ""  # a bare prompt, which readers of words take for a digit
        return Line(text, confidence, row.left, time, frame)


def _later(before: Line, now: Line, typing: bool) -> Line:
    """Which of two readings of a row stands. On the last row, where a command is typed, the later one; above it
    the surer one, if they differ by no more than a reader's slips."""
    if before.text == now.text:
        return before
    if typing or fuzz.ratio(before.text, now.text) < SLIPS:
        return now
    return before if before.confidence >= now.confidence else replace(now, time=before.time, frame=before.frame)


def scrolled(before: list[Row], now: list[Row]) -> int | None:
    """By how many rows the screen went up between two pictures; None if they have too little in common."""
    # The last row is where a command is typed: it may differ.
    known = before[:-1] if len(before) > 1 else before
    best, best_share = None, 0.0
    for distance in range(len(known)):
        pairs = [(old, new) for old, new in zip(known[distance:], now, strict=False) if old.image is not None]
        if not pairs:
            continue
        share = sum(same(old, new, ALIKE) for old, new in pairs) / len(pairs)
        if share >= MOVED and share > best_share:
            best, best_share = distance, share
            if share == 1.0:
                break
    if best is None and not any(row.image is not None for row in before):
        return 0
    return best


def _without_end(rows: list[Row]) -> list[Row]:
    """The rows without the blank ones after the last text."""
    end = len(rows)
    while end and rows[end - 1].image is None:
        end -= 1
    return rows[:end]
