"""A map of a text game, drawn from an outline and from the play itself: places, and the actions between them.

    there = places.arrive(reply, here, "north")      # which place is this? a known one, or a new one
    places.learn(here, "north", there)
    distance = places.distances(target)              # {place: (cost, first action towards the target)}

Games print a place in full at the first visit and briefly, or by its name alone, later; several places may bear
one name; and some replies name no place at all. So a place is told by its name, then by its description, then by
the way that led there.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field

from lookalike_bench.reward_models.actions import REVERSE, is_direction, is_telling
from lookalike_bench.reward_models.similarity import Reply, Sentences

PLAYED = -1
"""The step of a way that the play itself has shown."""
GUESSED_COST = 3.0
"""What a guessed way back costs, where a known way costs 1."""

_FUNCTION_WORDS = frozenset(
    ("a", "an", "the", "you", "are", "re", "is", "in", "at", "on", "of", "to", "and", "or", "there", "here", "it",
     "your", "s", "with", "from", "by", "for", "this", "that", "inside", "standing")
)  # fmt: skip


@dataclass(slots=True)
class Place:
    """A place: the sentences that name it, all its sentences, the words in them, and its first description."""

    names: set[int]
    sentences: set[int]
    words: set[str]
    description: int | None = None
    visits: int = 0


@dataclass(slots=True)
class Way:
    """Where an action led, by the step of the outline that showed it (PLAYED if the play did)."""

    targets: dict[int, int] = field(default_factory=dict)


class Places:
    """The places that are known and the ways between them."""

    def __init__(self, sentences: Sentences) -> None:
        self.sentences = sentences
        self.all: list[Place] = []
        self.ways: dict[int, dict[str, Way]] = defaultdict(dict)
        self.blocked: set[tuple[int, str]] = set()
        self._named: dict[int, list[int]] = defaultdict(list)
        self.titled = False
        """Whether this game heads every new place with its name: then a move that shows no name led nowhere."""

    def arrive(self, reply: Reply, here: int | None, action: str | None) -> int | None:
        """The place that the reply shows; `here` where it shows none."""
        opening = None if action and is_telling(action) else self._opening(reply, action)
        if opening is None:
            return here
        lead, shown = reply.numbers[opening], reply.numbers[opening:]
        description = next((n for n in shown[:2] if len(self.sentences.words[n]) >= 9), None)
        likely = self._likely(here, action)
        candidates = next((self._named[number] for number in shown[:2] if number in self._named), [])
        place = None
        if candidates:
            place = self._choose(candidates, set(shown), description, likely)
        elif len(self.sentences.words[lead]) <= 8:
            place = self._by_words(lead, likely)
        if place is None:
            place = len(self.all)
            self.all.append(Place(set(), set(), set()))
        known = self.all[place]
        if lead not in known.names:
            known.names.add(lead)
            self._named[lead].append(place)
        known.sentences.update(shown)
        for number in shown:
            known.words.update(self.sentences.words[number])
        known.description = known.description if known.description is not None else description
        known.visits += 1
        return place

    def _opening(self, reply: Reply, action: str | None) -> int | None:
        """The position of the sentence that names the place."""
        moved = action is None or is_direction(action)
        # A lone headline after another action may be an "OK" as well as a name.
        if reply.lead is not None and (moved or not reply.headed or len(reply.numbers) > 1):
            return reply.opening
        for position, number in enumerate(reply.numbers):
            if number in self._named:
                return position
        return 0 if moved and not self.titled and not reply.refusal and reply.numbers else None

    def _likely(self, here: int | None, action: str | None) -> list[int]:
        """Where the action should have led, best first: by known ways, then by ways walked the other way."""
        if here is None or action is None:
            return []
        way = self.ways[here].get(action)
        likely = list(way.targets) if way else []
        if not is_direction(action):
            likely.append(here)
        back = REVERSE.get(action)
        if back:
            likely += [place for place, ways in self.ways.items() if back in ways and here in ways[back].targets]
        return likely

    def _choose(self, candidates: list[int], shown: set[int], description: int | None, likely: list[int]) -> int | None:
        """Which of the places with this name; None if it must be another one of that name."""
        if description is not None:
            same = [place for place in candidates if description in self.all[place].sentences]
            expected = [place for place in likely if place in (same or candidates)]
            if same or expected:
                return (expected or same)[0]
            unknown = [place for place in candidates if self.all[place].description is None]
            return unknown[0] if unknown else None
        expected = [place for place in likely if place in candidates]
        if expected:
            return expected[0]
        return max(candidates, key=lambda place: (len(shown & self.all[place].sentences), -place))

    def _by_words(self, lead: int, likely: list[int]) -> int | None:
        """A known place whose description has all the words of this brief name, as in "You're in debris room"."""
        words = {word for word in self.sentences.words[lead] if word not in _FUNCTION_WORDS}
        if not words:
            return None
        if self.sentences.words[lead][0] != "you":
            return None
        fitting = [place for place in dict.fromkeys(likely) if len(words & self.all[place].words) * 2 >= len(words)]
        if fitting:
            return fitting[0]
        whole = [place for place, known in enumerate(self.all) if words <= known.words]
        return min(whole, key=lambda place: len(self.all[place].words)) if whole else None

    def learn(self, here: int | None, action: str, there: int | None, step: int = PLAYED) -> None:
        """Note that the action led from here to there. What the play shows replaces what the outline said."""
        if here is None or there is None:
            return
        if here == there:
            if step == PLAYED and is_direction(action):
                self.blocked.add((here, action))
            return
        way = self.ways[here].setdefault(action, Way())
        if step == PLAYED:
            way.targets = {there: PLAYED}
            self.blocked.discard((here, action))
        else:
            way.targets.setdefault(there, step)

    def ambiguous(self, place: int) -> bool:
        """Whether one action led from here to several places: then this is a maze of places that look alike."""
        return any(len(way.targets) > 1 for way in self.ways[place].values())

    def distances(self, target: int, latest: int) -> dict[int, tuple[float, str]]:
        """For each place from which a way to the target is known: what it costs, and the first action of it.

        Ways that the outline showed only after step `latest` may not be open yet and are left out. A move that
        led here is guessed to lead back, at a higher cost.
        """
        into: dict[int, list[tuple[int, str, float]]] = defaultdict(list)
        for here, ways in self.ways.items():
            for action, way in ways.items():
                for there, step in way.targets.items():
                    if step > latest:
                        continue
                    if (here, action) not in self.blocked:
                        into[there].append((here, action, 1.0))
                    back = REVERSE.get(action)
                    if back and back not in self.ways.get(there, {}) and (there, back) not in self.blocked:
                        into[here].append((there, back, GUESSED_COST))
        found: dict[int, tuple[float, str]] = {}
        queue: list[tuple[float, int, str]] = [(0.0, target, "")]
        while queue:
            cost, place, first = heapq.heappop(queue)
            if place in found:
                continue
            found[place] = (cost, first)
            for here, action, length in into[place]:
                if here not in found:
                    heapq.heappush(queue, (cost + length, here, action))
        return found
