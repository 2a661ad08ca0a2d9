"""The default critic for text games: it reads the screen in a video of human play and writes down what was done.

    critic = Transcript()
    reward_model = await critic.watch([Video(Path("zork.mp4"), sha256, "human", mask_top=0.05)], brief)
    reward_model.outline[0]
    # OutlineStep(cue='West of House\\nYou are standing in an open field ...', action='n',
    #             outcome='North of House\\nYou are facing the north side ...', milestone='reaches North of House', ...)

    frames.py -> screen.py -> ocr.py -> scrollback.py -> turns.py -> the outline made here

It sees pictures and times only. What it cannot see (a masked score, a command that never stood on the screen) is
not in the outline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from lookalike_bench.engine.background import in_background
from lookalike_bench.errors import VideoError
from lookalike_bench.plugins.critic import Critic
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.types import Brief
from lookalike_bench.videos.frames import VideoFrame, read_frames
from lookalike_bench.videos.video import Video

from lookalike_plugins.critics.turns import Turn, mend_commands, read_turns

if TYPE_CHECKING:
    from lookalike_bench.types import Frame

    from lookalike_plugins.critics.ocr import LineReader

FRAMES_FOR_GRID = 120
"""How many changed frames are looked at to find where the rows of the terminal are."""

LARGEST_HEIGHT = 1200
"""Pictures higher than this, in pixels, are halved before they are read."""

ORDINARY, TAKING, NEW_PLACE = 1.0, 1.5, 2.0
"""Weights of steps: of one that worked, of one that won something visible, of one that led to a new place."""

OPPOSITES = {"n": "s", "e": "w", "ne": "sw", "nw": "se", "u": "d", "in": "out"}
OPPOSITES |= {back: way for way, back in OPPOSITES.items()}
LONG_FORMS = {
    "north": "n", "south": "s", "east": "e", "west": "w", "up": "u", "down": "d", "northeast": "ne",
    "northwest": "nw", "southeast": "se", "southwest": "sw", "enter": "in", "exit": "out",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watched:
    """What was read off one video, and how much work and doubt there was."""

    turns: list[Turn]
    confidence: float
    frames: int
    rows_shown: int
    rows_read: int
    redraws: int


class Transcript(Critic):
    """Reads a video of a text game by optical character recognition and writes the outline of what was played.

    `fps`: how often the video is looked at, in samples a second. `ocr`: the reader, `rapidocr` or `tesserocr`.
    """

    version = "2"

    def __init__(self, fps: float = 2.0, ocr: str = "rapidocr") -> None:
        self.fps = fps
        self.ocr = ocr
        self.on_progress: Callable[[Video, float], None] | None = None
        """Called from another thread with the video and the time, in seconds, up to which it has been read."""

    @property
    def identity(self) -> dict[str, object]:
        return {"fps": self.fps, "ocr": self.ocr}

    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        """Read every video, and make one outline of them all. Raises VideoError if one shows no typed command."""
        return await in_background(self._watch, videos, brief)

    def _watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        from lookalike_plugins.critics.ocr import open_reader

        reader = open_reader(self.ocr)
        watched: list[Watched] = []
        mended = 0
        outline: list[OutlineStep] = []
        for number, video in enumerate(videos):
            seen = self._read(video, reader)
            mended += mend_commands(seen.turns, brief.vocabulary)
            outline += make_outline(seen.turns, number)
            watched.append(seen)
        lines = sum(len(turn.rows) for seen in watched for turn in seen.turns)
        return RewardModel(
            provenance={
                "critic": "transcript",
                "version": self.version,
                "ocr": reader.name,
                "fps": self.fps,
                "videos": [video.provenance for video in videos],
                "frames": sum(seen.frames for seen in watched),
                "lines": lines,
                "rows_shown": sum(seen.rows_shown for seen in watched),
                "rows_read": sum(seen.rows_read for seen in watched),
                "commands": len(outline),
                "commands_mended": mended,
            },
            quality={
                "ocr_confidence": round(sum(seen.confidence for seen in watched) / max(1, len(watched)), 4),
                "redraws": float(sum(seen.redraws for seen in watched)),
            },
            outline=outline,
            rules=make_rules(outline),
            vocabulary=list(dict.fromkeys(word for step in outline for word in step.action.split())),
        )

    def _read(self, video: Video, reader: LineReader) -> Watched:
        """One video's turns."""
        from lookalike_plugins.critics.screen import find_grid, ink_profile, read_rows
        from lookalike_plugins.critics.scrollback import Scrollback

        # 1. Find the rows of the terminal.
        profiles = [ink_profile(frame.image) for frame in islice(self._frames(video), FRAMES_FOR_GRID)]
        grid = find_grid(sum(profiles[1:], profiles[0]))
        if grid is None:
            raise VideoError(f"{video.path}: no rows of text were found in it: this critic reads terminals")
        # 2. Read what appears on them over time.
        scrollback = Scrollback(reader)
        frames = 0
        for frame in self._frames(video):
            scrollback.show(read_rows(frame.image, grid), frame.time, frame.index)
            frames += 1
            if self.on_progress is not None:
                self.on_progress(video, frame.time)
        # 3. Cut it into commands and replies.
        turns = read_turns(scrollback.lines)
        if len(turns) < 2:
            raise VideoError(
                f"{video.path}: no typed command was read in it: a terminal with a prompt (>) and commands is expected"
            )
        texts = [line for line in scrollback.lines if line.text]
        confidence = sum(line.confidence * len(line.text) for line in texts) / sum(len(line.text) for line in texts)
        return Watched(turns, confidence, frames, scrollback.rows_shown, scrollback.rows_read, scrollback.redraws)

    def _frames(self, video: Video) -> Iterator[VideoFrame]:
        """The changed frames, without the masked rows of pixels at the top."""
        for frame in read_frames(video, self.fps):
            top = math.ceil(video.mask_top * frame.image.shape[0])
            yield VideoFrame(frame.time, frame.index, shrink(frame.image[top:]))


def shrink(image: Frame) -> Frame:
    """A picture from a large screen, halved until it is no higher than LARGEST_HEIGHT: letters stay big enough."""
    import numpy as np

    while image.shape[0] > LARGEST_HEIGHT:
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        four = image[:height, :width].astype(np.uint16)
        image = ((four[::2, ::2] + four[1::2, ::2] + four[::2, 1::2] + four[1::2, 1::2]) >> 2).astype(np.uint8)
    return image


def make_outline(turns: Sequence[Turn], video: int) -> list[OutlineStep]:
    """One step for each command: what stood there before, what was typed, what came of it, what it was worth."""
    visited = {turns[0].place}
    steps: list[OutlineStep] = []
    for before, turn in pairwise(turns):
        action = turn.typed or ""
        milestones, weight = [], 0.0 if turn.refused else ORDINARY
        if turn.taken:
            milestones.append(f"takes {action.partition(' ')[2] or 'something'}")
            weight = TAKING
        if turn.notice:
            milestones.append(turn.notice)
            weight = TAKING
        if turn.heading and turn.place not in visited:
            visited.add(turn.place)
            milestones.append(f"reaches {turn.place}")
            weight = NEW_PLACE
        steps.append(
            OutlineStep(
                cue=before.situation,
                action=action,
                outcome=turn.reply,
                milestone="; ".join(milestones),
                weight=weight,
                time=round(turn.time, 2),
                frame=turn.frame,
                video=video,
            )
        )
    for number in detours(turns):
        steps[number - 1].weight = 0.0
        steps[number - 1].milestone = ""
    return steps


def detours(turns: Sequence[Turn]) -> list[int]:
    """The indices of turns that went somewhere and straight back, with nothing done in between."""
    found: list[int] = []
    way: list[int] = []
    for number in range(1, len(turns)):
        turn, before = turns[number], turns[number - 1]
        direction = LONG_FORMS.get(turn.typed or "", turn.typed or "")
        if not turn.heading or direction not in OPPOSITES:
            way.clear()
            continue
        if way:
            there = turns[way[-1]].typed or ""
            start = turns[way[-1] - 1].place
            if OPPOSITES[direction] == LONG_FORMS.get(there, there) and turn.place == start != before.place:
                found += [way.pop(), number]
                continue
        way.append(number)
    return sorted(found)


def make_rules(outline: Sequence[OutlineStep]) -> list[str]:
    """What the transcript shows as a whole, in a sentence or two."""
    milestones = [part for step in outline for part in step.milestone.split("; ")]
    rules = []
    places = [part.removeprefix("reaches ") for part in milestones if part.startswith("reaches ")]
    if places:
        rules.append(f"The play went to these places, in this order: {', '.join(places)}.")
    taken = list(dict.fromkeys(part.removeprefix("takes ") for part in milestones if part.startswith("takes ")))
    if taken:
        rules.append(f"The play took: {', '.join(taken)}.")
    return rules
