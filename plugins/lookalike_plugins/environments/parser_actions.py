"""What can be done now in a parser game: found from what the game itself shows, never from a solution.

1. `look` and `inventory`, on a copy of the state, say what is in sight.
2. The words in sight that the game's dictionary calls nouns, under a list of common verbs and with all directions,
   are the candidates: "open mailbox", "take sword", "north".
3. A candidate is tried on a copy of the state. If the game asks back ("What do you want to tie the rope to?",
   "Which door do you mean, the wooden door or the trap door?"), the answers in sight become candidates too.
4. Listed are those that change the world: a visible object's place or attributes, the room, or a variable of the
   game that idle commands leave alone. Of several with one and the same result, the first is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike_plugins.environments.zmachine import State, View, ZMachine

DIRECTIONS = (
    *("north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"),
    *("up", "down", "in", "out"),
)
# Verbs in the order in which a person would try them, by what they are tried on.
ON_SEEN = (
    "take",
    "open",
    "move",
    "unlock",
    "turn on",
    "light",
    "climb",
    "enter",
    "push",
    "pull",
    "turn",
    "raise",
    "lower",
)
ON_HELD = ("open", "turn on", "light", "tie", "give", "read", "ring", "wave", "rub", "wind", "inflate", "eat", "drink")
FIGHTING = ("kill",)  # on what is seen
STORING = ("put",)  # on what is held
UNDOING = ("turn off", "close", "extinguish", "untie", "fill", "dig", "deflate", "launch")
LEAVING = ("drop", "pour")  # on what is held
ALONE = ("take all", "drop all", "pray", "echo", "jump", "stand")
# Commands that no game answers with more than words: what they change is the parser's own bookkeeping.
IDLE = (
    *("look", "inventory", "wait", "diagnose", "hello", "xyzzy", "score", "zzz", "take zzz", "jump", "up", "east"),
    *("examine me", "examine house", "take house", "push house", "put house in house", "throw me at house", "eat me"),
    *("examine white house", "take small mailbox", "take wooden door", "examine in house", "open door", "put it in it"),
    *("take door", "climb door", "kill door", "kill door with me", "take mailbox from house", "open troll", "take all"),
)
IDLE_NOW = ("look", "wait", "zzz", "inventory")
_IGNORED_NOUNS = frozenset({"it", "them", "her", "him", "me", "self", "myself", "one", "all"})
_WHICH = re.compile(r"Which (.+?) do you mean,? (.+?)\?")
_WHAT = re.compile(r"What do you want to (.+?)\?|(?:Whom|Who) do you want to (.+?)\?", re.IGNORECASE)
_NOT_HERE = re.compile(r"You (?:can't|cannot|don't) see|You don't have|You're not at|don't know the word|already")
_PREPOSITIONS = frozenset({"with", "to", "in", "on", "at", "into", "from", "under", "through", "for"})
_MOST_NOUNS = 24
_MOST_CANDIDATES = 600


class ParserActions:
    """Finds the actions of one story. `start` is the state at the beginning of the game."""

    def __init__(self, machine: ZMachine, start: State) -> None:
        self.machine = machine
        words = [word for word in machine.frotz.get_dictionary() if word.word]
        self.length = 6 if machine.version == 3 else 9  # letters of a word that the dictionary keeps
        self.nouns = {word.word for word in words if word.is_noun} or {word.word for word in words}
        self.verbs = {word.word for word in words if word.is_verb} or {word.word for word in words}
        self.noise = self._noise(start)

    def plausible(self, limit: int) -> list[str]:
        """Directions and verbs over the nouns in sight, untried."""
        state = self.machine.state()
        seen, held = self._sight(state)
        self.machine.set_state(state)
        return [*DIRECTIONS, *self._candidates(seen, held)][:limit]

    def valid(self, limit: int) -> list[str]:
        """What changes the world when tried, best kinds first; the state is left as it was."""
        state = self.machine.state()
        trial = Trial(self.machine, state, self.noise)
        seen, held = self._sight(state)

        found: dict[bytes, tuple[int, str]] = {}
        queue = [*DIRECTIONS, *self._candidates(seen, held)]
        for number, command in enumerate(queue):  # it grows by the answers to questions while it is read
            if number >= _MOST_CANDIDATES:
                break
            change, reply = trial.change(command)
            if answers := self._answers(command, reply, seen, held):
                queue += [answer for answer in answers if answer not in queue]
            if _WHICH.search(reply) or _WHAT.search(reply):
                continue
            if change is None and command.startswith(FIGHTING):
                change = trial.change_by_chance(command, reply)
            if change is not None and change not in found:
                found[change] = (self._rank(command), command)
        self.machine.set_state(state)
        return [command for _, command in sorted(found.values(), key=lambda entry: entry[0])][:limit]

    # --- candidates ---------------------------------------------------------------------------------------------

    def _sight(self, state: State) -> tuple[list[str], list[str]]:
        """The things in the description of the room, and those in the inventory, as the game calls them."""

        def reply(command: str) -> str:
            self.machine.set_state(state)
            return _without_status(self.machine.send(command))

        held = self._nouns_in(reply("inventory"))
        seen = [noun for noun in self._nouns_in(reply("look")) if noun not in held]
        return [noun for noun in seen if not _NOT_HERE.search(reply(f"examine {noun}"))], held

    def _nouns_in(self, text: str) -> list[str]:
        text = re.sub(r"(\w+) of (\w+)", r"\2 \1", text.lower())  # a "coil of rope" is a rope
        words = dict.fromkeys(re.findall(r"[a-z]+(?:-[a-z]+)*", text))
        nouns: dict[str, str] = {}
        for word in words:
            if word[: self.length] in self.nouns and word not in _IGNORED_NOUNS:
                nouns.setdefault(word[: self.length], word)
        return list(nouns.values())[:_MOST_NOUNS]

    def _candidates(self, seen: list[str], held: list[str]) -> Iterator[str]:
        tried_on = [(ON_SEEN, seen), (ON_HELD, held), (FIGHTING, seen), (STORING, held)]
        tried_on += [(UNDOING, [*held, *seen]), (LEAVING, held), (("take",), held)]
        for verbs, nouns in tried_on:
            for verb in verbs:
                if verb.split()[0][: self.length] in self.verbs:
                    yield from (f"{verb} {noun}" for noun in nouns)
        yield from (command for command in ALONE if command.split()[0][: self.length] in self.verbs)

    def _answers(self, command: str, reply: str, seen: list[str], held: list[str]) -> list[str]:
        """The command made complete, where the game asked back what it lacks."""
        if which := _WHICH.search(reply):
            noun, options = which.groups()
            named = re.split(r",? or (?:the |an? )?|, (?:the |an? )?", re.sub(r"^(?:the |an? )", "", options))
            fitting = [option for option in named if option.endswith(f" {noun}")]
            return [command.replace(f" {noun}", f" {option}", 1) for option in fitting if option not in command]
        if what := _WHAT.search(reply):
            preposition = (what.group(1) or what.group(2)).split()[-1]
            if preposition in _PREPOSITIONS and f" {preposition} " not in command:
                noun = command.split()[-1]
                others = held if preposition == "with" else [*seen, *held]
                return [f"{command} {preposition} {other}" for other in others if other != noun]
        return []

    @staticmethod
    def _rank(command: str) -> int:
        if command in DIRECTIONS:
            return 1
        if command in ALONE or command.startswith(STORING):
            return 2
        return 3 if command.startswith((*UNDOING, *LEAVING)) else 0

    def _noise(self, start: State) -> Noise:
        before = self.machine.view(start[0])
        variables = np.zeros(len(before.variables), dtype=bool)
        objects = np.zeros(len(before.objects), dtype=bool)
        for command in IDLE:
            self.machine.set_state(start)
            self.machine.send(command)
            after = self.machine.view(self.machine.memory())
            variables |= after.variables != before.variables
            objects |= (after.objects != before.objects).any(axis=1)
        self.machine.set_state(start)
        whole = np.repeat(variables.reshape(-1, 2).any(axis=1), 2)  # both bytes of a variable, if either changed
        return Noise(whole, objects.nonzero()[0])


class Noise(NamedTuple):
    """What idle commands change: the bytes of global variables that hold clocks and the parser's bookkeeping, as a
    mask, and the rows of objects whose attributes mean nothing, such as the player's own."""

    variables: NDArray[np.bool_]
    objects: NDArray[np.int64]


class Trial:
    """Tries commands on copies of one state and tells what each changes in the world that is in sight."""

    def __init__(self, machine: ZMachine, state: State, noise: Noise) -> None:
        self.machine, self.state = machine, state
        self.before = machine.view(state[0])
        # In sight: the room and everything in it, however deep: the player, what he holds, what stands around.
        parents = machine.parents(self.before.objects)
        scope, size = {machine.location(state[0])}, 0
        while len(scope) != size:
            size = len(scope)
            scope |= {number for number, parent in enumerate(parents) if parent in scope}
        self.in_scope = np.zeros(len(parents) + 1, dtype=bool)
        self.in_scope[list(scope)] = True

        self.noise = noise
        self.before_objects = self.before.objects.copy()
        self.before_objects[noise.objects, : machine.attributes] = 0
        idle = [self._views(command, state) for command in IDLE_NOW]
        passing = [view.variables != self.before.variables for view, _ in idle]
        self.idle_variables = noise.variables | np.any(passing, axis=0)
        self.nothing = {self._key(view) for view, _ in idle}

    def change(self, command: str) -> tuple[bytes | None, str]:
        """What a command changes, as a key that equal changes share, or None; and the game's reply."""
        view, reply = self._views(command, self.state)
        key = self._key(view)
        return (None if key in self.nothing else key), reply

    def change_by_chance(self, command: str, reply: str) -> bytes | None:
        """A blow may miss: the first change that a command makes under a few other random numbers."""
        for number in range(1, 9):
            lucky = (*self.state[:7], (7919 * number, 0, 0), self.state[8])
            view, other = self._views(command, lucky)
            if number == 2 and other == reply:
                return None  # chance has no say in it
            key = self._key(view)
            if key not in self.nothing and key not in {self._key(self._views(idle, lucky)[0]) for idle in IDLE_NOW}:
                return key
        return None

    def _views(self, command: str, state: State) -> tuple[View, str]:
        self.machine.set_state(state)
        reply = self.machine.send(command)
        return self.machine.view(self.machine.memory()), reply

    def _key(self, view: View) -> bytes:
        objects = view.objects.copy()
        objects[self.noise.objects, : self.machine.attributes] = 0
        changed = (objects != self.before_objects).any(axis=1)
        if changed.any():
            changed &= self.in_scope[1:-1] | self.in_scope[self.machine.parents(objects)[1:]]
        variables = view.variables.copy()
        variables[self.idle_variables] = 0
        return b"|".join([changed.nonzero()[0].tobytes(), objects[changed].tobytes(), variables.tobytes()])


def _without_status(reply: str) -> str:
    reply = re.sub(r"\(.*?\)", "", reply)  # "(providing light)" names no thing
    return re.sub(r"^[^\n]*Score:\s*-?\d+[^\n]*\n", "", reply.lstrip())
