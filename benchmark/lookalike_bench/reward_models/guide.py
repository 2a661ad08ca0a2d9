"""What to do next: the way from where the play stands to the first step that is missing.

1. The first step that is still missing and can be reached: here and now, or on the way as the human went it;
2. off the outline, the shortest known way back, counting a move that led here as one that leads back;
3. where no way is known, the reverse of the last move, or a direction not yet tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lookalike_bench.reward_models.actions import DIRECTIONS, REVERSE, action_key, is_direction, is_harmless
from lookalike_bench.reward_models.outline import Outline, Step
from lookalike_bench.reward_models.progress import TRIES, Progress

RETURN_COST = 10.0
"""How many moves a player is sent back for a step that was passed over."""
PATIENCE = 8
"""How often the same advice is followed in the same place."""


class Guide(Progress):
    """Follows the play, and plans it."""

    def __init__(self, outline: Outline) -> None:
        super().__init__(outline)
        self.actions: tuple[str, ...] = ()
        self.distances: dict[int, tuple[float, str]] = {}
        self.advice: tuple[int | None, str, int] | None = None
        self.followed: Counter[tuple[int | None, str, int]] = Counter()

    def plan(self, actions: Sequence[str]) -> None:
        """Choose the step that is wanted, the ways to it, and the action to recommend; `actions` are what the
        environment lists."""
        self.actions = tuple(actions)
        if self.advice is not None and self.last_key == self._key(self.advice[1]):
            self.followed[self.advice] += 1
        if self._choose_target() is None and self.abandoned:
            # Nothing else is left to want: what was advised in vain gets another chance.
            self.abandoned.clear()
            self.followed.clear()
        while (target := self._choose_target()) is not None:
            self.target = target
            step = self.outline.steps[target]
            place = self.place_of(step)
            self.distances = {} if place is None else self.places.distances(place, max(self.front, target))
            action, reason = self._towards(step)
            # Advice that was followed here again and again leads nowhere: want something else.
            advice = (self.here, action, target)
            if self.followed[advice] < (TRIES if place == self.here else PATIENCE):
                self.next, self.advice = (self.spelling(action), reason), advice
                return
            self.abandoned.add(target)
        self.target, self.distances, self.advice = None, {}, None
        self.next = (None, "beyond what the video shows")

    def _choose_target(self) -> int | None:
        """The first step that is missing; one that was passed over only if the way back is short."""
        index = self.first_missing()
        while index is not None and index < self.front:
            step = self.outline.steps[index]
            place = self.place_of(step)
            if place is not None and place == self.here:
                return index
            if place is not None and self.here is not None and not is_harmless(step.key):
                cost, _ = self.places.distances(place, self.front).get(self.here, (RETURN_COST + 1, ""))
                if cost <= RETURN_COST:
                    return index
            index = self.first_missing(index + 1)
        return index

    def _towards(self, target: Step) -> tuple[str, str]:
        """The next action towards the target, and why."""
        steps = self.outline.steps
        place = self.place_of(target)
        # 0. A game that takes hardly any action is asking something, and must be answered.
        listed = [action_key(action) for action in self.actions]
        if 0 < len(listed) <= 3 and target.key not in listed and not any(map(is_direction, listed)):
            return min(listed, key=lambda key: self.times[self.here, key]), "the game asks something"
        # 1. In step with the outline, or the target is here.
        position = self._in_step(target.index)
        maze = self.here is not None and self.places.ambiguous(self.here)
        if position is not None and position < self.front and not maze:
            position = None  # on ground walked before: not through the human's detours again
        if place == self.here and (position is None or not maze):
            return target.action, f"step {target.index + 1} of the outline is due"
        if position is not None:
            self.position = position
            return steps[position].action, f"step {position + 1} of the outline is due"
        # 2. On the outline's own way to the target, further on or further back.
        cost, action = self.distances.get(self.here, (None, "")) if self.here is not None else (None, "")
        joined = self._join(target.index)
        if joined is not None and target.index not in self.moved_to:
            length = sum(step.is_way for step in steps[joined : target.index])
            if cost is None or length <= cost + 4:
                self.position = joined
                return steps[joined].action, f"rejoins the outline at step {joined + 1}"
        # 3. By the map.
        if cost is not None and not self.fails(action):
            return action, f"the shortest known way to step {target.index + 1}, {cost:.0f} moves"
        # 4. No way is known.
        known = self.places.ways.get(self.here, {}) if self.here is not None else {}
        back = REVERSE.get(self.last_move or "")
        if back and back not in known and (self.here, back) not in self.places.blocked:
            return back, "off the outline, no way is known: back the way it came"
        directions = [key for key in listed if is_direction(key)] or list(DIRECTIONS)
        mentioned = self.places.all[self.here].words if self.here is not None else set()
        key = min(directions, key=lambda key: (self.times[self.here, key], key not in mentioned))
        tried = "seldom" if self.times[self.here, key] else "not yet"
        return key, f"off the outline, no way is known: a direction {tried} tried"

    def _in_step(self, target: int) -> int | None:
        """The position in the outline, moved past deeds that are done, if the play stands there."""
        position = self.position
        steps = self.outline.steps
        while position < target and not steps[position].is_way:
            position += 1
        if position > target:
            return None
        due = steps[position]
        return position if self.place_of(due) == self.here and not (due.is_way and self.fails(due.key)) else None

    def _join(self, target: int) -> int | None:
        """The last step before the target that starts here: the shortest rest of the human's way."""
        before = [index for index in self.outline.at_place.get(self.here, ()) if index <= target]
        ways = [index for index in before if self.outline.steps[index].is_way]
        return next((index for index in reversed(ways) if not self.fails(self.outline.steps[index].key)), None)

    def distance(self, place: int | None) -> float | None:
        if place is None or place not in self.distances:
            return None
        return self.distances[place][0]

    def spelling(self, action: str) -> str:
        """The action as the environment lists it, if it does."""
        key = self.outline.spelt(action_key(action))
        if self.failed[self.here, key]:
            return self.outline.alternative(key) or action.strip().lower()
        for listed in self.actions:
            if self.outline.spelt(action_key(listed)) == key:
                return listed
        return action.strip().lower()
