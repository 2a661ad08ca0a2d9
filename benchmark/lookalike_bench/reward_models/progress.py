"""What was done so far: where the play stands, and which steps of the outline are done.

    progress = Progress(outline)
    progress.begin(text)
    move = progress.note("get lamp", "Taken.")      # Move(step=Step(index=12, ...), ...)

A step is done when its action was played in its place and the reply holds its outcome, whatever else the reply
says; it is wanted again when the player takes it back, or loses what was taken.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from lookalike_bench.reward_models.actions import action_key, undone_by
from lookalike_bench.reward_models.outline import Outline, Step
from lookalike_bench.reward_models.similarity import Reply

SEEN = 0.5
"""The share of a step's outcome that a reply must hold for the step to count as done."""
FAILURES, TRIES = 2, 12
"""After how many failures, or tries without the outcome (a fight takes several), a step is given up."""

_DEATH = re.compile(r"\byou (?:have died|are dead|re dead|died)\b|\byou're dead\b|reincarnat|resurrect", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Move:
    """One action as it turned out: the step of the outline that it did or took back (`undone`), the place it was
    played in (`before`), and whether it was refused or had no effect, again."""

    key: str
    before: int | None
    step: Step | None
    undone: int | None
    refused: bool
    without_effect: bool


class Progress:
    """Follows the play. `position` is the next step where the play goes along the outline, `front` the first step
    that it has not reached yet, `target` the step that is wanted now, `next` the advice and the reason for it."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.places = outline.places
        self.here: int | None = None
        self.position = 0
        self.front = 0
        self.target: int | None = None
        self.next: tuple[str | None, str] = (None, "")
        self.done = [False] * len(outline)
        self.moved_to: dict[int, int | None] = {}
        self.given_up: set[int] = set()
        # Given up for having been advised in vain: unlike the others, not tried again for being near.
        self.abandoned: set[int] = set()
        self.sought: set[int] = set()
        self.last_move: str | None = None
        self.last_key = ""
        # By place and action: how often it was played, without doing a step, and without any effect.
        self.times: Counter[tuple[int | None, str]] = Counter()
        self.tries: Counter[tuple[int | None, str]] = Counter()
        self.failed: Counter[tuple[int | None, str]] = Counter()
        self.replies: dict[tuple[int | None, str], tuple[int, ...]] = {}

    def begin(self, text: str) -> None:
        """Take note of the first observation."""
        self.here = self.places.arrive(self.outline.sentences.read(text), None, None)

    def note(self, action: str, text: str) -> Move:
        """Take note of an action and the reply to it."""
        # 1. Where does the play stand now?
        reply, before, key = self.outline.sentences.read(text), self.here, self._key(action)
        self.last_key = key
        self.here = self.places.arrive(reply, before, key)
        self.places.learn(before, key, self.here)
        if self.here != before:
            self.last_move = key
            self.given_up -= {index for index in self.given_up if self._worth_trying(index)}

        # 2. Did it take a step of the outline, or take one back?
        step = self._step_taken(key, before, reply)
        undone = self._take_back(key, reply.refusal) if step is None else None
        situation = (before, key)
        without_effect = step is None and self.here == before and self.replies.get(situation) == reply.numbers
        self.replies[situation] = reply.numbers
        self.times[situation] += 1

        # 3. What does that change?
        if _DEATH.search(text):
            self._lose_everything()
        if step is not None:
            self._do(step)
        elif undone is None:
            self.tries[situation] += 1
            if self.here == before:
                self.failed[situation] += reply.refusal or without_effect
            self._give_up(key, before)
        return Move(key, before, step, undone, reply.refusal, without_effect)

    def _key(self, action: str) -> str:
        """What the action means; where the outline misread what is due, the outline's word for it."""
        key = self.outline.spelt(action_key(action))
        due = self.outline.steps[self.target].key if self.target is not None else ""
        return due if due != key and self.outline.alternative(due) == key else key

    def _step_taken(self, key: str, before: int | None, reply: Reply) -> Step | None:
        """The step of the outline that this action and its reply fulfil."""
        steps, heard = self.outline.steps, set(reply.numbers)
        taken: list[tuple[int, int]] = []
        for index in self.outline.with_key.get(key, ()):
            step = steps[index]
            if step.is_way:
                fits = self.place_of(step) == before and step.leads_to == self.here
            else:
                fits = not self.done[index] and self.place_of(step) == before == self.here
                fits = fits and (self.outline.outcome_seen(step, heard) >= SEEN or self._as_good(step, reply))
            if fits:
                ahead = index - self.position
                # The step that is due; else the next one ahead, else the last one behind.
                taken.append((ahead if ahead >= 0 else len(steps) - ahead, index))
        if taken:
            return steps[min(taken)[1]]
        # The outline did not tell this place by its form, but the reply is the one that is due.
        if self.here != before and self.here not in self.outline.at_place and self.target is not None:
            for index in range(self.position, min(self.target + 2, len(steps))):
                if steps[index].outcome and self.outline.outcome_seen(steps[index], heard) >= SEEN:
                    self._call_here(index)
                    return steps[index]
        return None

    def _as_good(self, step: Step, reply: Reply) -> bool:
        """Whether the reply, in other words, says that the step is done: "It is already open", or a word or two
        ("OK.") where the outline, perhaps misread, has a word or two."""
        words = self.outline.sentences.words
        if any("already" in words[number] for number in reply.numbers):
            return True
        said = [word for number in reply.numbers for word in words[number]]
        expected = [word for number in step.outcome for word in words[number]]
        return not reply.refusal and 0 < len(said) <= 2 and 0 < len(expected) <= 2

    def _call_here(self, index: int) -> None:
        """The place that the step leads to is the one where the play stands."""
        steps = self.outline.steps
        place = steps[index].leads_to
        for step in steps[index + 1 :]:
            if step.place != place:
                break
            self.moved_to[step.index] = self.here
            if step.is_way:
                break

    def _do(self, step: Step) -> None:
        """Mark the step as done, with what led up to it if it was tried before (the blows of a fight)."""
        index = step.index
        self.done[index] = True
        self.moved_to.pop(index, None)
        if step.is_way:
            missing = self.first_missing()
            if missing is None or index < missing:
                self.position = index + 1
                self.front = max(self.front, index + 1)
            return
        before = index - 1
        while before >= 0 and not self.outline.steps[before].is_way:
            if self.outline.steps[before].key == step.key and not self.done[before]:
                self.done[before:index] = [True] * (index - before)
                index = before
            before -= 1
        if self.position >= index:
            self.position = max(self.position, step.index + 1)
            self.front = max(self.front, step.index + 1)
        # What failed for want of this step may work now.
        self.given_up = {other for other in self.given_up if other < index}
        self.abandoned.clear()
        self.failed.clear()
        self.replies = {situation: reply for situation, reply in self.replies.items() if situation[0] != self.here}

    def _take_back(self, key: str, refused: bool) -> int | None:
        """The step that this action undid (the lamp was dropped), which is then wanted again, here."""
        undone = undone_by(key)
        due = self.target is not None and self.outline.steps[self.target].key == key
        if undone is None or refused or due:
            return None
        for index in reversed(self.outline.with_key.get(undone, ())):
            if self.done[index]:
                self.done[index] = False
                self.moved_to[index] = self.here
                return index
        return None

    def _give_up(self, key: str, before: int | None) -> None:
        """Stop wanting a step that fails again and again; what it needs may have been lost."""
        situation = (before, key)
        if self.failed[situation] < FAILURES and self.tries[situation] < TRIES:
            return
        if self._want_again(key):
            self.tries[situation] = 0
            return
        for index in self.outline.with_key.get(key, ()):
            if self.done[index] or self.place_of(self.outline.steps[index]) != before:
                continue
            # What is not here may be where it was found at first.
            if self.moved_to.pop(index, None) is None:
                self.given_up.add(index)
        self.tries[situation] = 0

    def _lose_everything(self) -> None:
        """After a death what was carried lies elsewhere: what the rest of the outline needs is wanted again."""
        needed = {word for step in self.outline.steps[self.front :] for word in step.key.split()[1:]}
        for index, step in enumerate(self.outline.steps[: self.front]):
            verb, _, thing = step.key.partition(" ")
            if verb == "take" and thing in needed:
                self.done[index] = False

    def _worth_trying(self, index: int) -> bool:
        """Whether a step that was given up can be tried here, and has not failed here."""
        step = self.outline.steps[index]
        return self.place_of(step) == self.here and not self.failed[self.here, step.key]

    def _want_again(self, key: str) -> bool:
        """Where the action is due and needs a thing that was taken before, the thing may be gone: take it again."""
        if self.target is None or self.next[0] is None or self.outline.spelt(action_key(self.next[0])) != key:
            return False
        wanted = False
        for word in key.split()[1:]:
            taken = [index for index in self.outline.with_key.get(f"take {word}", ()) if index < self.target]
            if taken and self.done[taken[-1]] and taken[-1] not in self.sought:
                self.done[taken[-1]] = False
                self.moved_to[taken[-1]] = self.here
                self.sought.add(taken[-1])
                wanted = True
        return wanted

    def first_missing(self, start: int = 0) -> int | None:
        last = len(self.outline) - 1
        for index in range(start, last + 1):
            step = self.outline.steps[index]
            if self.done[index] or index in self.given_up or index in self.abandoned:
                continue
            if index == last or step.milestone or (not step.is_way and step.weight > 0):
                return index
        return None

    def fails(self, key: str) -> bool:
        """Whether the action was tried here, enough, and led nowhere."""
        return self.failed[self.here, key] >= FAILURES

    def place_of(self, step: Step) -> int | None:
        return self.moved_to.get(step.index, step.place)
