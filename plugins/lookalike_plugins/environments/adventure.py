"""Colossal Cave, the first text adventure, through the `adventure` package: the game that every machine can play.

    environment = ColossalCave()
    environment.reset(seed=2).text          # "YOU ARE STANDING AT THE END OF A ROAD BEFORE A SMALL BRICK BUILDING. ..."
    environment.step("enter").text          # "YOU ARE INSIDE A BUILDING, A WELL HOUSE FOR A LARGE SPRING. ..."
    environment.actions()                   # ["take keys", "take lamp", ..., "west", "xyzzy"]

The rules of play, where the game and the suite leave a choice:

- **Beginning.** The game asks whether you want instructions, which cost points: a reset answers "no".
- **Score.** Points that are lost by dying, giving up or taking hints are there from the start, so the score begins
  at 36 of 350, and progress counts from there.
- **Death.** The game offers, by a question, to bring the player back, for 10 points; the third death is the last.
  Questions are answered with "yes" or "no", as turns of their own.
- **End.** The episode ends when the game does: by victory, by death, or by giving up ("quit").
- **Save** is switched off, since it writes files.
- **Chance.** The seed starts the game's random numbers: the same seed and actions give the same episode.
- **Snapshots** are the seed and the actions so far, played again by `restore`: exact, and free of pickled objects.
- **Milestones** are rooms: each observation carries the short description of the player's room.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

from lookalike_bench.errors import EnvironmentFailure, PluginError
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.types import EnvironmentInfo, Observation

INSTRUCTIONS = """\
This is Colossal Cave, a text adventure. Explore the cave, find treasures, and bring them to the building.
Type one command of one or two words a turn: a direction or a place ("east", "down", "building"), or a verb and a
thing ("take lamp", "open grate", "throw axe"). Answer a question of the game with yes or no.
Take what you find at the start: a lamp, keys, food and water. Light the lamp before you enter dark places ("on"):
who walks in the dark falls into a pit. Its battery runs down, so put it out where you do not need it ("off").
Read what the game shows: creatures that block the way are dealt with by the right thing, not by force. Words that
you find written on walls may work as magic: try them. "look" shows the place again, "inventory" what you carry.
Points come from treasures, a few when they are first seen and the most when they lie in the building."""

DIRECTIONS = ("north", "south", "east", "west", "ne", "nw", "se", "sw", "up", "down", "in", "out", "across", "over")
MAGIC = ("xyzzy", "plugh", "plover", "y2")
DOING = ("take", "open", "wave", "attack", "feed", "throw", "pour", "fill", "drink", "read", "rub", "break")
UNDOING = ("eat", "wake", "lock", "drop")
ALONE = ("on", "off", "cross", "jump", "climb", "blast")
VOCABULARY = (*("look", "inventory", "yes", "no"), *ALONE, *DOING, *UNDOING, *DIRECTIONS)

_SWITCHED_OFF = ("save", "suspe", "pause")
_ARTICLES = frozenset({"a", "an", "the"})
_LONGEST = 100


class ColossalCave(Environment):
    """The 350-point game. `most_actions` limits the list of `actions()`."""

    def __init__(self, most_actions: int = 16) -> None:
        if most_actions < 1:
            raise PluginError(f"most_actions: expected at least 1, got {most_actions}")
        self.most_actions = most_actions
        self.reset(seed=0)
        self.score_at_start, self.max_score = self.game.compute_score()

    @property
    def info(self) -> EnvironmentInfo:
        from importlib.metadata import version

        return EnvironmentInfo(
            name="adventure",
            instructions=INSTRUCTIONS,
            action_format='One command of one or two words, such as "take lamp" or "west".',
            vocabulary=VOCABULARY,
            score_range=(self.score_at_start, self.max_score),
            fingerprint=f"adventure-{version('adventure')}",
            handicaps=("valid actions listed (found by trying them)", "a death does not end the episode"),
        )

    # --- play ---------------------------------------------------------------------------------------------------

    def reset(self, seed: int) -> Observation:
        from adventure import load_advent_dat
        from adventure.game import Game

        self.seed, self.played = seed, list[str]()
        self.game: Any = Game(seed)
        load_advent_dat(self.game)
        self.game.start()
        self.text = self.game.do_command(["no"]).strip()
        self.magic = self._magic_in(self.text)
        return self._observation()

    def step(self, action: str) -> Observation:
        self.played.append(action)
        if not self.game.is_finished:
            self.text = self._do(self._words(action)).strip()
            self.magic |= self._magic_in(self.text)
        return self._observation()

    def _do(self, words: list[str]) -> str:
        if not words:
            return "I beg your pardon?"
        if words[0][:5] in _SWITCHED_OFF:
            return f'"{words[0]}" is switched off here. The game goes on.'
        try:
            return str(self.game.do_command(words))
        except (AttributeError, KeyError, TypeError, ValueError):
            # A few pairs of words have no routine in the package; the same words always end up here.
            return "I don't know how to do that."

    @staticmethod
    def _words(action: str) -> list[str]:
        words = re.findall(r"\w+|\?", action[:_LONGEST].lower())
        return [word for word in words if word not in _ARTICLES]

    def _magic_in(self, text: str) -> set[str]:
        return set(MAGIC) & set(re.findall(r"\w+", text.lower()))

    def _observation(self) -> Observation:
        room = self.game.loc.short_description or self.game.loc.long_description
        return Observation(
            text=self.text,
            score=float(self.game.compute_score()[0]),
            terminated=bool(self.game.is_finished),
            victory=bool(self.game.is_done and self.game.bonus == 133),
            milestones=(room.strip().splitlines()[0].rstrip(".").capitalize(),) if room.strip() else (),
        )

    # --- actions ------------------------------------------------------------------------------------------------

    def actions(self) -> list[str]:
        """Words in sight under a list of verbs, directions, and magic words met so far; of these, what changes the
        place, a thing or a question when it is tried on a copy of the state."""
        if self.game.is_finished:
            return []
        if self.game.yesno_callback:
            return ["yes", "no"]
        memento = Memento(self.game)
        found: dict[Any, str] = {self._trial(idle, memento)[0]: "" for idle in ("inventory", "look", "")}
        seen = self._trial("look", memento)[1].lower()
        held = self._trial("inventory", memento)[1].lower()
        for command in self._candidates(seen, held):
            found.setdefault(self._trial(command, memento)[0], command)
        return [command for command in found.values() if command][: self.most_actions]

    def _candidates(self, seen: str, held: str) -> Iterator[str]:
        words = list(dict.fromkeys(re.findall(r"\w+", f"{seen} {held}")))
        kinds = {word: self.game.vocabulary[word].kind for word in words if word in self.game.vocabulary}
        nouns = [word for word in words if kinds.get(word) == "noun"]
        yield from (f"{verb} {noun}" for verb in DOING for noun in nouns)
        yield from DIRECTIONS
        yield from (word for word in words if kinds.get(word) == "travel")  # "building", "gully", "stream"
        yield from (word for word in MAGIC if word in self.magic)
        yield from ALONE
        yield from (f"{verb} {noun}" for verb in UNDOING for noun in nouns)

    def _trial(self, command: str, memento: Memento) -> tuple[Any, str]:
        """What a command makes of the world, as a key that equal results share, and the reply."""
        reply = self._do(self._words(command))
        game = self.game
        things = tuple((thing.prop, thing.is_toting, *(room.n for room in thing.rooms)) for thing in game.object_list)
        contents = getattr(game.bottle.contents, "n", None)
        question = getattr(game.yesno_callback, "__qualname__", None)
        key = (game.loc.n, things, contents, question, game.is_dead, game.is_done, game.dwarves_killed, game.foobar)
        memento.put_back()
        return key, reply

    # --- states -------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        return json.dumps({"adventure": 1, "seed": self.seed, "played": self.played}).encode()

    def restore(self, snapshot: bytes) -> None:
        try:
            saved = json.loads(snapshot)
            seed, played = int(saved["seed"]), [str(action) for action in saved["played"]]
        except (ValueError, KeyError, TypeError) as error:
            raise EnvironmentFailure(f"not a snapshot of Colossal Cave: {error}") from error
        self.reset(seed)
        for action in played:
            self.step(action)

    def digest(self) -> str:
        """Of everything that decides what happens next, whatever actions led to it."""
        game = self.game
        plain = {key: value for key, value in vars(game).items() if isinstance(value, int)}
        rooms = [[getattr(game, name).n for name in ("loc", "oldloc", "oldloc2")], getattr(game.knife_location, "n", 0)]
        things = [
            [thing.prop, thing.is_toting, thing.is_fixed, [room.n for room in thing.rooms]]
            for thing in game.object_list
        ]
        hints = [[hint.turn_counter, hint.used] for hint in game.hints.values()]
        movers = [[one.room.n, one.old_room.n, one.has_seen_adventurer] for one in (*game.dwarves, game.pirate)]
        described = [room.times_described for room in game.rooms.values()]
        question = getattr(game.yesno_callback, "__qualname__", "")
        contents = getattr(game.bottle.contents, "n", None)
        chance = game.random_generator.getstate()[1]
        state = [sorted(plain.items()), rooms, things, hints, movers, described, question, contents, chance]
        return hashlib.sha256(json.dumps([state, sorted(self.magic)]).encode()).hexdigest()[:16]

    def walkthrough(self) -> Walkthrough:
        """The winning transcript among the package's own tests, read from the installed package."""
        transcript = resources.files("adventure").joinpath("tests/walkthrough2.txt").read_text(encoding="utf-8")
        seed = re.search(r"adventure\.play\(seed=(\d+)\)", transcript)
        commands = re.findall(r"^>>> (\w+)(?:\((\w*)\))?$", transcript, re.MULTILINE)
        actions = [" ".join(filter(None, command)) for command in commands]
        if seed is None or actions[0] != "no":
            raise EnvironmentFailure("the adventure package's walkthrough2.txt is not the transcript it used to be")
        return Walkthrough(
            actions=actions[1:],  # `reset` has already answered the first question
            seed=int(seed.group(1)),
            origin="human-authored walkthrough, replayed",
            source="https://github.com/brandon-rhodes/python-adventure",
            package="adventure",
        )


class Memento:
    """The state of a game, to return to within the same process: actions are tried by the hundred."""

    def __init__(self, game: Any) -> None:
        self.game = game
        self.chance = game.random_generator.getstate()
        self.variables = dict(vars(game), dwarves=list(game.dwarves))
        parts = [*game.object_list, *game.rooms.values(), *game.hints.values(), *game.dwarves, game.pirate]
        self.parts = [(part, dict(vars(part), **self._lists(part))) for part in parts]

    @staticmethod
    def _lists(part: Any) -> dict[str, Any]:
        return {"rooms": list(part.rooms)} if hasattr(part, "rooms") else {}

    def put_back(self) -> None:
        vars(self.game).clear()
        vars(self.game).update(self.variables, dwarves=list(self.variables["dwarves"]))
        for part, saved in self.parts:
            vars(part).clear()
            vars(part).update(saved, **({"rooms": list(saved["rooms"])} if "rooms" in saved else {}))
        self.game.random_generator.setstate(self.chance)
