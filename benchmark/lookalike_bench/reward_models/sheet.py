"""The contact sheet: what a critic learned from its videos, as pictures with a line or two to each.

    sheet = outline_sheet(reward_model, videos)            # or critic.sheet(reward_model, videos)
    sheet.moments[0].caption                               # "0:12.5  open mailbox"

Any reward model with an outline has one: the frame at the time of each step. A critic that sees more than that makes
its own. publish/contact_sheet.py turns it into a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lookalike_bench.videos.frames import read_frames

if TYPE_CHECKING:
    from lookalike_bench.reward_models.model import RewardModel
    from lookalike_bench.types import Frame
    from lookalike_bench.videos.video import Video

MOST_MOMENTS = 120
"""Steps of an outline that are shown, evenly spaced if there are more."""
SAMPLES = 4.0
"""Frames a second at which a step's frame is looked for."""


@dataclass(frozen=True)
class Moment:
    """One moment of a video. `pictures`: the frame, and what else is drawn of it; `caption`: what was done;
    `progress`: how far the play is, from 0 to 1; `facts`: lines below."""

    pictures: tuple[Frame, ...]
    caption: str
    facts: tuple[str, ...] = ()
    progress: float | None = None


@dataclass(frozen=True)
class Sheet:
    """Moments by video: (the video's name, its moments in order). `legend`: how the pictures are to be read."""

    rows: list[tuple[str, list[Moment]]] = field(default_factory=list)
    legend: tuple[str, ...] = ()

    @property
    def moments(self) -> list[Moment]:
        return [moment for _, moments in self.rows for moment in moments]


def outline_sheet(reward_model: RewardModel, videos: Sequence[Video]) -> Sheet | None:
    """The frame of each step of an outline; None if there is no outline, or no video to show it. Raises VideoError."""
    steps = reward_model.outline
    chosen = [step for index, step in enumerate(steps) if index * MOST_MOMENTS % max(len(steps), 1) < MOST_MOMENTS]
    total = sum(step.weight for step in steps) or 1.0
    done = 0.0
    progress = {}
    for step in steps:
        progress[id(step)] = done / total
        done += step.weight
    rows = []
    for number, video in enumerate(videos):
        waiting = sorted((step for step in chosen if step.video == number), key=lambda step: step.time)
        if not waiting:
            continue
        moments = []
        for frame in read_frames(video, fps=SAMPLES, changed_only=False, largest=720):
            while waiting and waiting[0].time <= frame.time + 1 / SAMPLES:
                step = waiting.pop(0)
                caption = f"{int(step.time) // 60}:{step.time % 60:04.1f}  {step.action}"
                facts = tuple(text for text in (step.milestone, step.cue, step.outcome) if text)
                moments.append(Moment((frame.image,), caption, facts, progress[id(step)]))
            if not waiting:
                break
        rows.append((video.path.name, moments))
    return Sheet(rows) if any(moments for _, moments in rows) else None
