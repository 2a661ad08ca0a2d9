"""An outline made ready to be followed: each step with the place where it is taken and the place it leads to.

A step that changes the place is a *way*: it need not be taken again by a player who stands beyond it. Any other
step is a *deed* (take the lamp, move the rug): it is wanted until it is done.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process
from rapidfuzz.distance import Hamming

from lookalike_bench.reward_models.actions import action_key, is_direction
from lookalike_bench.reward_models.model import OutlineStep
from lookalike_bench.reward_models.places import Places
from lookalike_bench.reward_models.similarity import Sentences


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the outline. `place` and `leads_to` are None where the outline shows no place; `outcome` holds
    the sentences of the reply by number."""

    index: int
    action: str
    key: str
    place: int | None
    leads_to: int | None
    outcome: tuple[int, ...]
    weight: float
    milestone: str

    @property
    def is_way(self) -> bool:
        """Whether the step changes the place."""
        return self.leads_to != self.place


class Outline:
    """The steps, and the map that they draw."""

    def __init__(self, steps: Iterable[OutlineStep], vocabulary: Iterable[str] = ()) -> None:
        self.sentences = Sentences()
        self.places = Places(self.sentences)
        self.steps: list[Step] = []
        self.with_key: dict[str, list[int]] = defaultdict(list)
        self.at_place: dict[int | None, list[int]] = defaultdict(list)
        here: int | None = None
        video: int | None = None
        moves = titled = 0
        written = list(steps)
        corrected = _corrected([step.action for step in written], vocabulary)
        for index, step in enumerate(written):
            cue = self.sentences.read(step.cue)
            if video != step.video:
                video, here = step.video, self.places.arrive(cue, None, None)
            action = corrected[index]
            key = action_key(action)
            follows = index + 1 < len(written) and written[index + 1].video == step.video
            reply = self.sentences.read(step.outcome or (written[index + 1].cue if follows else ""))
            there = self.places.arrive(reply, here, key)
            self.places.learn(here, key, there, index)
            self.steps.append(Step(index, action, key, here, there, reply.numbers, step.weight, step.milestone))
            self.with_key[key].append(index)
            self.at_place[here].append(index)
            if is_direction(key) and there != here:
                moves, titled = moves + 1, titled + reply.headed
            here = there
        self.places.titled = titled > 0.8 * moves
        heard = Counter(number for step in self.steps for number in set(step.outcome))
        # A rare and long sentence tells more than a frequent or short one.
        self._tells = {number: min(len(self.sentences.words[number]), 12) / count for number, count in heard.items()}
        self.spelt = lru_cache(maxsize=4096)(self._spelt)

    def __len__(self) -> int:
        return len(self.steps)

    def outcome_seen(self, step: Step, heard: set[int]) -> float:
        """How much of the step's outcome a reply holds, 0 to 1. What else the reply says does not count."""
        whole = sum(self._tells[number] for number in step.outcome)
        return sum(self._tells[number] for number in step.outcome if number in heard) / whole if whole else 0.0

    def _spelt(self, key: str) -> str:
        """The outline's own spelling of an action, where a letter was misread in the video."""
        if key in self.with_key or len(key) < 6:
            return key
        close = process.extractOne(key, self.with_key.keys(), scorer=fuzz.ratio, score_cutoff=86)
        return close[0] if close and close[0].count(" ") == key.count(" ") else key

    @lru_cache(maxsize=512)  # noqa: B019
    def alternative(self, key: str) -> str | None:
        """Another action of the outline that is all but spelt the same: one of the two was misread."""
        others = [other for other in self.with_key if other != key and len(other) == len(key)]
        near = min(others, key=lambda other: Hamming.distance(key, other), default=None)
        return near if near is not None and len(key) > 4 and Hamming.distance(key, near) == 1 else None


def _corrected(actions: list[str], vocabulary: Iterable[str]) -> list[str]:
    """The actions, with a first word that occurs once replaced by a frequent one that differs in a single letter:
    "gee candles" becomes "get candles"."""
    verbs = Counter(action.lower().partition(" ")[0] for action in actions)
    real = {word.lower() for word in vocabulary} | {verb for verb, count in verbs.items() if count > 2}
    corrected = []
    for action in actions:
        verb, space, rest = action.partition(" ")
        if space and verbs[verb.lower()] == 1 and verb.lower() not in real:
            near = [word for word in real if len(word) == len(verb) and Hamming.distance(word, verb.lower()) == 1]
            verb = max(near, key=lambda word: (verbs[word], word), default=verb)
        corrected.append(verb + space + rest)
    return corrected
