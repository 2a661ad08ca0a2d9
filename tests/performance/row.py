"""One line of the table that `make performance` prints."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was measured, and what it must reach. A measure of NaN was not taken: the note says why."""

    case: str
    measured: float
    unit: str
    bound: float
    note: str = ""
    at_least: bool = False

    @property
    def reached(self) -> bool:
        if math.isnan(self.measured):
            return True
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def __str__(self) -> str:
        sign = "at least" if self.at_least else "at most"
        bound = "" if math.isinf(self.bound) else f"{sign} {self.bound:g}"
        mark = "" if self.reached else "MISSED "
        measured = f"{'-':>8}" if math.isnan(self.measured) else f"{self.measured:8.2f}"
        return f"{self.case:<54}{measured} {self.unit:<4}{bound:<14}{mark}{self.note}".rstrip()
