"""Zork I, and other Infocom games, through jericho.

    environment = Zork(story="zork1-r119")
    environment.reset(seed=12).text         # "... West of House  You are standing in an open field ..."
    environment.step("open mailbox").text   # "Opening the small mailbox reveals a leaflet."
    environment.actions()                   # ["open mailbox", "north", "south", "west"]

The rules of play, where the game and the suite leave a choice:

- **Death.** Zork brings a dead player back and takes 10 points; the episode goes on, as the game does. It ends with
  the game: by victory, or when the game asks to restart, restore or quit (as after the third death).
- **Restart, restore, save, quit, undo, scripts.** Switched off, because they reach outside the episode (a saved
  game would be a second try, a script writes files). The reply says so, and no turn passes.
- **One command a step.** Of "take lamp. north" or "take lamp then go north" the first command is played.
- **Chance.** The seed starts the game's random numbers: the same seed and actions give the same episode.
- **Score, moves and room** are read from the game's memory. The status line is not part of an observation's text.
- **Milestones** are rooms: each observation carries the name of the player's room.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lookalike_bench.errors import EnvironmentFailure, PluginError
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.tasks.assets import Asset, resolve
from lookalike_bench.types import EnvironmentInfo, Observation

from lookalike_plugins.environments.parser_actions import DIRECTIONS, ParserActions
from lookalike_plugins.environments.stories import STORIES, story_file
from lookalike_plugins.environments.zmachine import Memory, ZMachine

ListActions = Literal["valid", "plausible"]

INSTRUCTIONS = """\
This is a text adventure. You are the adventurer: explore, solve puzzles, and collect treasures for points.
Type one short command a turn, a verb or a verb with things: "open mailbox", "take lamp", "put egg in case",
"attack troll with sword". A direction alone walks: north, south, east, west, northeast, northwest, southeast,
southwest, up, down, in, out.
Read what the game shows: only things that it mentions can be used, under the names it gives them. Open what is
closed, look under and behind what is large, and take what may be useful. You need a light in dark places: turn on
the lamp before you go down, and do not walk on in the dark. "look" shows the room again, "inventory" what you carry.
Points come from new places and from treasures, first when you take them and again when you put them in the trophy
case. If the same command fails twice, try something else."""

VOCABULARY = (
    *("look", "inventory", "examine", "take", "drop", "put", "open", "close", "move", "push", "pull", "turn on"),
    *("turn off", "light", "read", "attack", "tie", "give", "unlock", "climb", "enter", "wait"),
    *DIRECTIONS,
)

# The first six letters, which are all that some games read. The first group is looked for in the whole command,
# since a command can be given to a creature: "troll, save".
_NEVER = frozenset({"save", "restor", "script", "unscri"})
_NEVER_FIRST = frozenset({"restar", "quit", "q", "undo", "transc", "record", "replay"})
_SEPARATOR = re.compile(r"[.;!?]|\bthen\b")
_STATUS_LINE = re.compile(r"\A\s*>?[^\n]*?\s{2,}Score:\s*-?\d+\s+Moves:\s*\d+\s*\n")
_GAME_OVER = re.compile(r"\bRESTART, (?:or )?RESTORE,? ", re.IGNORECASE)
_SNAPSHOT = struct.Struct("<4s8s??I")
_MAGIC = b"LZ1\n"
_LONGEST = 100


class Zork(Environment):
    """A Z-machine story.

    `story` names a known story or is the path of a story file. `list_actions` says how `actions()` finds what can be
    done: "valid" tries commands on a copy of the state and lists at most `most_actions` that change the world;
    "plausible" lists verbs over the things in sight, untried. `max_score` is needed for a file of version 3 that
    jericho does not know.
    """

    def __init__(
        self,
        story: str = "zork1-r119",
        list_actions: ListActions = "valid",
        most_actions: int = 16,
        max_score: int | None = None,
    ) -> None:
        if list_actions not in ("valid", "plausible"):
            raise PluginError(f'list_actions: expected "valid" or "plausible", got {list_actions!r}')
        if most_actions < 1:
            raise PluginError(f"most_actions: expected at least 1, got {most_actions}")
        self.story = STORIES.get(story)
        path = story_file(story) or resolve(STORIES[story].asset)
        self.list_actions, self.most_actions = list_actions, most_actions
        self.machine = ZMachine(path)
        self.sha256 = hashlib.sha256(self.machine.rom).hexdigest()
        self.max_score = self._max_score(path, max_score)

        self.machine.begin(seed=1)
        self.finder = ParserActions(self.machine, self.machine.state())
        self.ended = self.won = False
        self.text = ""

    @classmethod
    def assets(cls, story: str = "zork1-r119", **_: Any) -> Sequence[Asset]:
        return () if story_file(story) else (STORIES[story].asset,)

    def _max_score(self, path: Path, named: int | None) -> int:
        if self.story is not None:
            return self.story.max_score
        if self.machine.known:
            return int(self.machine.frotz.get_max_score())
        if named is None:
            raise PluginError(f"{path}: jericho does not know this story, so the task must say its max_score")
        return named

    @property
    def info(self) -> EnvironmentInfo:
        found = "by trying them" if self.list_actions == "valid" else "from the words in sight, untried"
        return EnvironmentInfo(
            name="zork",
            instructions=INSTRUCTIONS,
            action_format='One command of at most six words, such as "open mailbox" or "north".',
            vocabulary=VOCABULARY,
            score_range=(0, self.max_score),
            fingerprint=f"sha256:{self.sha256}",
            handicaps=(f"{self.list_actions} actions listed (found {found})", "a death does not end the episode"),
        )

    # --- play ---------------------------------------------------------------------------------------------------

    def reset(self, seed: int) -> Observation:
        self.ended = self.won = False
        self.text = self.machine.begin(seed).strip()
        return self._observation(self.machine.memory())

    def step(self, action: str) -> Observation:
        if not self.ended:  # after its end an episode stays what it was
            command = self._one_command(action)
            if word := self._switched_off(command):
                self.text = f'"{word}" is switched off here. The game goes on.'
            else:
                reply = self.machine.send(command)
                self.text = _STATUS_LINE.sub("", reply).strip()
                self.won = self.machine.won or (self.story is not None and self.story.victory in reply)
                self.ended = self.won or self.machine.halted or bool(_GAME_OVER.search(reply))
        return self._observation(self.machine.memory())

    def _observation(self, memory: Memory) -> Observation:
        room = self.machine.name(self.machine.location(memory))
        return Observation(
            text=self.text,
            score=float(self.machine.score(memory)),
            terminated=self.ended,
            victory=self.won,
            milestones=(room,) if room else (),
        )

    def _one_command(self, action: str) -> str:
        """The first command of an action, as the game's keyboard could have typed it."""
        typed = "".join(letter if letter.isprintable() else " " for letter in action)
        typed = typed.encode("ascii", "ignore").decode().lower()
        commands = [part.strip(" ,>") for part in _SEPARATOR.split(typed)]
        words = next((command for command in commands if command), "").split()
        if words and self._is_verb(words[0]):
            # In "take lamp and go north" the game itself would begin a second command at the second verb.
            joined = (number for number in range(1, len(words)) if words[number - 1].endswith((",", "and")))
            words = words[: next((number for number in joined if self._is_verb(words[number])), len(words))]
        if words and words[-1] == "and":
            words.pop()
        return " ".join(words)[:_LONGEST].rstrip(" ,")

    def _is_verb(self, word: str) -> bool:
        short = word[: self.finder.length]
        return short in self.finder.verbs and short not in self.finder.nouns

    @staticmethod
    def _switched_off(command: str) -> str:
        """The word of a command that must not reach the game; empty if there is none."""
        words: list[str] = re.findall(r"[^\s,\"]+", command)
        if words and (words[0][:6] in _NEVER_FIRST or words[0].startswith(("#", "$"))):
            return words[0]
        return next((word for word in words if word[:6] in _NEVER), "")

    def actions(self) -> list[str]:
        if self.ended:
            return []
        if self.list_actions == "plausible":
            return self.finder.plausible(limit=3 * self.most_actions)
        return self.finder.valid(self.most_actions)

    # --- states -------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        text = self.text.encode()
        story = bytes.fromhex(self.sha256[:16])
        head = _SNAPSHOT.pack(_MAGIC, story, self.ended, self.won, len(text))
        return head + text + self.machine.packed(self.machine.state())

    def restore(self, snapshot: bytes) -> None:
        try:
            magic, story, ended, won, length = _SNAPSHOT.unpack_from(snapshot)
            text = snapshot[_SNAPSHOT.size : _SNAPSHOT.size + length].decode()
            state = self.machine.unpacked(snapshot[_SNAPSHOT.size + length :])
        except (struct.error, ValueError) as error:
            raise EnvironmentFailure(f"not a snapshot of a Z-machine story: {error}") from error
        if magic != _MAGIC or story != bytes.fromhex(self.sha256[:16]):
            raise EnvironmentFailure("the snapshot is of another story")
        self.machine.set_state(state)
        self.ended, self.won, self.text = ended, won, text

    def digest(self) -> str:
        """Of everything that decides what happens next: memory, stack, registers, random numbers."""
        state = self.machine.state()
        return hashlib.sha256(self.machine.packed((*state[:8], b"")) + bytes([self.ended])).hexdigest()[:16]

    def walkthrough(self) -> Walkthrough | None:
        """Jericho's walkthrough of this story, read from the installed package."""
        from jericho.defines import BINDINGS_DICT

        md5 = self.story.walkthrough_of if self.story else hashlib.md5(self.machine.rom).hexdigest()
        binding = BINDINGS_DICT.get(md5)
        if not binding or not binding.get("walkthrough"):
            return None
        return Walkthrough(
            actions=[command.strip().lower() for command in binding["walkthrough"].split("/")],
            seed=int(binding["seed"]),
            origin="human-authored walkthrough, replayed",
            source="https://github.com/microsoft/jericho",
            package="jericho",
        )
