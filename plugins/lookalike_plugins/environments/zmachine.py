"""A Z-machine story, played by jericho's Frotz and read through its memory.

Jericho reports the score, moves and location of the releases it knows by their md5 and reads 0 for all others.
Version 3 of the Z-machine keeps the three of them in fixed places, so here they are read from the memory instead
(Z-Machine Standards Document 1.1, sections 8, 11 and 12: https://inform-fiction.org/zmachine/standards/z1point1/).
"""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lookalike_bench.errors import PluginError
from numpy.typing import NDArray

Memory = NDArray[np.uint8]
State = tuple[Any, ...]
"""Jericho's own form of a state: (RAM, stack, pc, sp, fp, frame count, opcode, random numbers, last reply)."""

_NUMBERS = struct.Struct("<8q2I")
_ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", " \n0123456789.,!?_#'\"/\\-:()")


class View(NamedTuple):
    """What the game's world is made of: `objects` holds a row of attributes and parent for each object,
    (objects, 5 or 8) uint8; `variables` the 240 global variables, (480,) uint8."""

    objects: Memory
    variables: Memory


class ZMachine:
    """One story in one interpreter. Raises PluginError for a file that cannot be played and scored."""

    def __init__(self, path: Path) -> None:
        from jericho import FrotzEnv

        self.rom = path.read_bytes()
        self.version = self.rom[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that jericho cannot score an unknown release: it is done here
            self.frotz = FrotzEnv(str(path), seed=1)
        self.known = bool(self.frotz.is_fully_supported)
        if self.version != 3 and not self.known:
            raise PluginError(
                f"{path}: jericho does not know this story, and only version 3 keeps its score in a fixed place "
                f"(this is version {self.version})"
            )
        self._variables_at = self._word(0x0C)
        defaults, self._row, self.attributes = (31, 9, 4) if self.version == 3 else (63, 14, 6)
        self._objects_at = self._word(0x0A) + 2 * defaults
        self._object_count = self._count_objects()

    # --- play ---------------------------------------------------------------------------------------------------

    def begin(self, seed: int) -> str:
        self.frotz.seed(seed % 0x7FFFFFFF or 0x7FFFFFFF)  # Frotz takes 0 as "seed from the clock"
        return str(self.frotz.reset()[0])

    def send(self, command: str) -> str:
        """One line of ASCII, at most 100 characters."""
        return str(self.frotz.frotz_lib.step(command.encode("ascii") + b"\n").decode("cp1252", "replace"))

    @property
    def halted(self) -> bool:
        return bool(self.frotz.frotz_lib.halted())

    @property
    def won(self) -> bool:
        """Whether jericho saw the victory; always False for a story that it does not know."""
        return self.known and bool(self.frotz.victory())

    # --- read ---------------------------------------------------------------------------------------------------

    def memory(self) -> Memory:
        ram = np.empty(self.frotz.frotz_lib.getRAMSize(), dtype=np.uint8)
        self.frotz.frotz_lib.getRAM(ram.ctypes.data)
        return ram

    def score(self, memory: Memory | None = None) -> int:
        if self.known:
            return int(self.frotz.get_score())
        value = self._variable(self.memory() if memory is None else memory, 1)
        return value - 0x10000 if value >= 0x8000 else value

    def location(self, memory: Memory) -> int:
        """The number of the object that is the player's room."""
        if not self.known:
            return self._variable(memory, 0)
        return self._parent(memory, self.frotz.player_obj_num)

    def view(self, memory: Memory) -> View:
        rows = memory[self._objects_at : self._objects_at + self._row * self._object_count]
        width = self.attributes + (1 if self.version == 3 else 2)
        variables = memory[self._variables_at : self._variables_at + 480]
        return View(rows.reshape(self._object_count, self._row)[:, :width], variables)

    def parents(self, objects: Memory) -> NDArray[np.int64]:
        """The parent of every object, by number; entry 0 belongs to no object."""
        column = objects[:, 4].astype(int) if self.version == 3 else objects[:, 6].astype(int) << 8 | objects[:, 7]
        return np.concatenate([[0], column])

    def name(self, number: int) -> str:
        """The short name of an object, such as "Living Room"; empty for none."""
        if not 1 <= number <= self._object_count:
            return ""
        properties = self._word(self._objects_at + self._row * number - 2)
        return self._text(properties + 1, self.rom[properties])

    # --- states -------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """The complete state. The stack grows downwards: below its pointer lie the remains of earlier calls, which
        are not part of the state and would make equal states differ, so they are cleared in the copy."""
        ram, stack, pc, sp, *rest = self.frotz.get_state()
        stack[: 2 * sp] = 0
        return (ram, stack, pc, sp, *rest)

    def set_state(self, state: State) -> None:
        """As jericho's own `set_state`, without its slow conversions: actions are tried by the hundred."""
        ram, stack, pc, sp, fp, frames, opcode, chance, reply = state
        frotz = self.frotz.frotz_lib
        frotz.setRng(*chance)
        frotz.setRAM(ram.ctypes.data)
        frotz.setStack(stack.ctypes.data)
        frotz.setPC(pc)
        frotz.setSP(sp)
        frotz.setFP(fp)
        frotz.set_opcode(opcode)
        frotz.setFrameCount(frames)
        frotz.set_narrative_text(reply)

    @staticmethod
    def packed(state: State) -> bytes:
        ram, stack, pc, sp, fp, frames, opcode, chance, reply = state
        numbers = (pc, sp, fp, frames, opcode, *(int(number) for number in chance))
        sizes: tuple[int, int] = len(ram), len(stack)
        return b"".join([_NUMBERS.pack(*numbers, *sizes), ram.tobytes(), stack.tobytes(), reply])

    @staticmethod
    def unpacked(data: bytes) -> State:
        *numbers, ram_size, stack_size = _NUMBERS.unpack_from(data)
        rest = np.frombuffer(data, dtype=np.uint8, offset=_NUMBERS.size).copy()
        if len(rest) < ram_size + stack_size:
            raise ValueError("the snapshot is cut short")
        ram, stack, reply = np.split(rest, [ram_size, ram_size + stack_size])
        return (ram, stack, *numbers[:5], tuple(numbers[5:]), reply.tobytes())

    # --- the story file -----------------------------------------------------------------------------------------

    def _word(self, address: int) -> int:
        return int.from_bytes(self.rom[address : address + 2], "big")

    def _variable(self, memory: Memory, number: int) -> int:
        at = self._variables_at + 2 * number
        return int(memory[at]) << 8 | int(memory[at + 1])

    def _parent(self, memory: Memory, number: int) -> int:
        at = self._objects_at + self._row * (number - 1) + self.attributes
        return int(memory[at]) if self.version == 3 else int(memory[at]) << 8 | int(memory[at + 1])

    def _count_objects(self) -> int:
        """The table has no length of its own: it ends where the first of its property lists begins."""
        end, count = len(self.rom), 0
        while (at := self._objects_at + self._row * count) + self._row <= end:
            end = min(end, self._word(at + self._row - 2))
            count += 1
        return count

    def _text(self, address: int, words: int) -> str:
        """Z-encoded text (Standards Document, section 3), without its rare ten-bit characters."""
        letters: list[int] = []
        for number in range(words):
            word = self._word(address + 2 * number)
            letters += [word >> 10 & 31, word >> 5 & 31, word & 31]
            if word & 0x8000:
                break
        text, alphabet, abbreviation = "", 0, 0
        for letter in letters:
            if abbreviation:
                entry = self._word(0x18) + 2 * (32 * (abbreviation - 1) + letter)
                text, abbreviation = text + self._text(2 * self._word(entry), 1 << 16), 0
            elif letter in (1, 2, 3):
                abbreviation = letter
            elif letter in (4, 5):
                alphabet = letter - 3
                continue
            else:
                text += " " if letter == 0 else _ALPHABETS[alphabet][letter - 6]
            alphabet = 0
        return text
