"""The default judge: follows the play along an outline and tells the player how it is doing.

    judge = OutlineJudge(reward_model)
    judge.observe(None, observation, actions)            # after the reset
    [judgement] = await judge.judge(["open mailbox"])    # before it is played: Judgement(-0.15, "not in ...")
    judge.observe("north", observation, actions)
    await judge.review()                                 # Judgement(1.0, "went on along ...", (...), "north")

It keeps the place where the play stands, the steps of the outline that are done, and a map of the ways that the
outline and the play have shown; the guide plans the way to what is missing; and an action is worth what it does
for that. It is told what the player reads (of a picture, what the critic's eyes make of it) and the actions that the
environment lists: never the score.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lookalike_bench.plugins.critic import Judge
from lookalike_bench.reward_models.actions import action_key, is_direction, is_harmless, undone_by
from lookalike_bench.reward_models.guide import Guide
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.reward_models.outline import Outline
from lookalike_bench.reward_models.progress import Move
from lookalike_bench.types import Judgement, Observation

if TYPE_CHECKING:
    from lookalike_bench.plugins.critic import Eyes

POSSIBLE = 4
"""How many possible actions a review names."""


class OutlineJudge(Judge):
    """Judges one episode by an outline. `eyes` put a picture into words, as a critic's `describe` does."""

    def __init__(self, reward_model: RewardModel, eyes: Eyes | None = None) -> None:
        self.eyes = eyes
        self._guide = Guide(Outline(reward_model.outline, reward_model.vocabulary))
        self._played = 0
        self._review = (0.0, "the episode begins")

    def observe(self, action: str | None, observation: Observation, actions: Sequence[str]) -> None:
        guide = self._guide
        if action is None:
            guide.begin(observation.words)
            guide.plan(actions)
            return
        self._played += 1
        (recommended, _), wanted, distance = guide.next, guide.target, guide.distance(guide.here)
        move = guide.note(action, observation.words)
        guide.plan(actions)
        exhausted = recommended is None
        self._review = (0.0, "beyond what the video shows") if exhausted else self._outcome(move, distance, wanted)

    async def judge(self, proposals: Sequence[str]) -> list[Judgement]:
        return [Judgement(*self._worth(action)) for action in proposals]

    async def review(self) -> Judgement:
        reward, reason = self._review
        recommended, why = self._guide.next
        return Judgement(reward, f"{reason}; {why}" if why else reason, self._possible(recommended), recommended)

    def _outcome(self, move: Move, distance: float | None, wanted: int | None) -> tuple[float, str]:
        """The reward of the step just played, and why."""
        guide = self._guide
        step = move.step
        if move.undone is not None:
            return -0.7, f"took back step {move.undone + 1} of the outline"
        now = guide.distance(guide.here)
        if step is not None and not step.is_way:
            if step.milestone:
                return 1.0, f"reached a milestone: {step.milestone}"
            if step.index == wanted:
                return (1.0 if step.weight >= 1 else max(0.3, step.weight)), f"did step {step.index + 1} of the outline"
            return 0.6, f"did step {step.index + 1} of the outline, out of order"
        if step is not None and step.index + 1 == guide.position and (wanted is None or step.index <= wanted):
            closer = distance is None or now is None or now < distance or wanted != guide.target
            if closer or guide.front == step.index + 1:
                return 1.0, f"went on along the outline, step {step.index + 1}"
        if guide.here != move.before:
            if now is None:
                return -0.6, "left the ways that the video shows"
            if distance is None or now < distance:
                return 0.5, "came closer to the outline"
            return (-0.5, "went away from the outline") if now > distance else (-0.2, "came no closer to the outline")
        if move.without_effect:
            return -0.6, "had no effect here before, and has none now"
        if move.refused:
            return -0.4, "had no effect"
        return (-0.05, "harmless") if is_harmless(move.key) else (-0.2, "not in the outline")

    def _worth(self, action: str) -> tuple[float, str]:
        """The reward of an action that is not played yet, and why."""
        guide = self._guide
        recommended, why = guide.next
        if recommended is None:
            return 0.0, "beyond what the video shows"
        key = guide.outline.spelt(action_key(action))
        if key == guide.outline.spelt(action_key(recommended)):
            return 1.0, why
        if not key:
            return -0.5, "says nothing"
        situation = (guide.here, key)
        steps = [guide.outline.steps[index] for index in guide.outline.with_key.get(key, ())]
        here = [
            step
            for step in steps
            if not step.is_way and not guide.done[step.index] and guide.place_of(step) == guide.here
        ]
        if (guide.failed[situation] or (guide.tries[situation] and not here)) and not is_harmless(key):
            return -0.6, "had no effect here before"
        if here:
            return 0.5, f"step {here[0].index + 1} of the outline, out of order"
        undone = undone_by(key)
        if undone is not None and any(guide.done[index] for index in guide.outline.with_key.get(undone, ())):
            return -0.7, "takes back a step of the outline"
        if situation in guide.places.blocked:
            return -0.6, "leads nowhere from here"
        way = guide.places.ways.get(guide.here, {}).get(key) if guide.here is not None else None
        now = guide.distance(guide.here)
        if way is not None:
            reached = [found for found in map(guide.distance, way.targets) if found is not None]
            if reached and (now is None or min(reached) < now):
                return 0.4, "another known way to the outline"
            return -0.5, "leads away from the outline"
        if is_direction(key):
            return -0.4, "leaves the outline"
        if is_harmless(key):
            return -0.05, "harmless, but no progress"
        return -0.15, "not in the outline here"

    def _possible(self, recommended: str | None) -> tuple[str, ...]:
        """About four actions, the recommended one among them at a place that does not give it away."""
        guide = self._guide
        ahead = [
            guide.outline.steps[index]
            for index in guide.outline.at_place.get(guide.here, ())
            if not guide.done[index] and abs(index - guide.position) <= 20
        ]
        ways = list(guide.places.ways.get(guide.here, {})) if guide.here is not None else []
        shuffled = sorted(guide.actions, key=lambda action: self._chance(action))
        near = [guide.spelling(step.action) for step in ahead[:1]] + [guide.spelling(way) for way in ways[:1]]
        chosen: dict[str, str] = {}
        if recommended is not None:
            chosen[action_key(recommended)] = recommended
        for action in [*near, *shuffled]:
            if len(chosen) < POSSIBLE and action_key(action):
                chosen.setdefault(action_key(action), action)
        return tuple(sorted(chosen.values(), key=lambda action: self._chance(action + " ")))

    def _chance(self, action: str) -> int:
        """A number that looks like chance, the same whenever the same episode is played."""
        return zlib.crc32(f"{self._played}|{self._guide.here}|{action}".encode())
