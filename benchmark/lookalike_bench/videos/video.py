"""What a video is to a critic: a file, which part of it to watch, and what to hide in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Video:
    """A video file to watch.

    `start` and `end` are seconds in the file. `mask_top` is the share of the picture's height that is painted
    over from the top before a critic sees it: 0 for nothing, else the terminal's status line, whose score a
    critic could read instead of judging play. `origin` says who played ("human", "human-authored walkthrough,
    replayed", "scripted", "searched") and is printed wherever the video appears. `completes` is whether the play in it
    is known to complete the level or win the game; None where that is not known.
    """

    path: Path
    sha256: str
    origin: str
    start: float = 0.0
    end: float | None = None
    mask_top: float = 0.0
    completes: bool | None = None

    @property
    def provenance(self) -> dict[str, object]:
        """What a reward model tells of a video that it was learned from."""
        return {
            "sha256": self.sha256,
            "origin": self.origin,
            "start": self.start,
            "end": self.end,
            "mask_top": round(self.mask_top, 4),
        }


def file_sha256(path: Path) -> str:
    """The sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
