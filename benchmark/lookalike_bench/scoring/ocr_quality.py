"""How well a critic read a rendered video, whose text is known.

    truth = truth_path(video.path).read_text()
    quality = reading_quality(truth, reward_model)
    quality.words, quality.actions          # 0.998, 1.0

It is a report to the person who runs `lookalike-bench watch`; nothing that plays or judges ever sees the truth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike_bench.reward_models.model import RewardModel


@dataclass(frozen=True, slots=True)
class ReadingQuality:
    """Word accuracy and the share of typed commands that were read exactly, both in [0, 1]."""

    words: float
    actions: float


def reading_quality(truth: str, reward_model: RewardModel) -> ReadingQuality:
    """Compare the outline of one rendered video with the video's text. The outline leaves out a game's title and
    its makers, so the words of the opening are those from the outline's first cue on."""
    steps = reward_model.outline
    opening, _, rest = truth.partition("\n>")
    if steps:
        first = steps[0].cue.splitlines()[0] if steps[0].cue else ""
        found = opening.find(first) if first else -1
        opening = opening[max(0, found) :]
    read = "\n".join([steps[0].cue if steps else "", *(f">{step.action}\n{step.outcome}" for step in steps)])
    return ReadingQuality(
        words=word_accuracy(f"{opening}\n>{rest}", read),
        actions=action_accuracy(commands(truth), [step.action for step in steps]),
    )


def word_accuracy(truth: str, read: str) -> float:
    """1 - word edit distance / words of the truth (1 - the word error rate of speech recognition), at least 0.
    Case and line breaks do not count, punctuation does."""
    from rapidfuzz.distance import Levenshtein

    words = _words(truth)
    if not words:
        return 1.0 if not _words(read) else 0.0
    return max(0.0, 1.0 - Levenshtein.distance(words, _words(read)) / len(words))


def action_accuracy(truth: list[str], read: list[str]) -> float:
    """The share of the typed commands that were read exactly, in their order; commands that nobody typed count
    against it."""
    from rapidfuzz.distance import Levenshtein

    typed = [" ".join(action.lower().split()) for action in truth]
    if not typed:
        return 1.0 if not read else 0.0
    return max(0.0, 1.0 - Levenshtein.distance(typed, read) / max(len(typed), len(read)))


def commands(transcript: str) -> list[str]:
    """The typed commands in a transcript: its lines that begin with a prompt."""
    return re.findall(r"^>(.+)$", transcript, flags=re.MULTILINE)


def _words(text: str) -> list[str]:
    # A prompt is not a word, whether it was read with a space behind it or not.
    return re.sub(r"^>\s*", "", text, flags=re.MULTILINE).lower().split()
