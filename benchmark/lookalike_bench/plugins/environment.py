"""The interface of an environment: the game that is played.

A whole environment, to copy from:

    class Corridor(Environment):
        '''Walk east three times.'''

        def __init__(self, length: int = 3) -> None:
            self.length, self.place = length, 0

        @property
        def info(self) -> EnvironmentInfo:
            return EnvironmentInfo(
                name="corridor", instructions="You are in a corridor. The exit is in the east.",
                action_format="One direction: east or west.", vocabulary=("east", "west"),
                score_range=(0, self.length), fingerprint=f"corridor-{self.length}")

        def reset(self, seed: int) -> Observation:
            self.place = 0
            return self.look()

        def step(self, action: str) -> Observation:
            self.place += {"east": 1, "west": -1}.get(action, 0)
            return self.look()

        def look(self) -> Observation:
            done = self.place >= self.length
            return Observation(f"You are {self.place} steps in.", score=self.place, terminated=done, victory=done)

        def snapshot(self) -> bytes:
            return self.place.to_bytes(8, "big", signed=True)

        def restore(self, snapshot: bytes) -> None:
            self.place = int.from_bytes(snapshot, "big", signed=True)

        def actions(self) -> list[str]:
            return ["east", "west"]

Arguments of `__init__` are what a task file may set (`environment: {plugin: corridor, length: 5}`). The suite
plays every environment in a child process with a time limit, so a crash or a hang costs an episode and not the
run. `lookalike-bench doctor` checks an environment against this contract.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lookalike_bench.types import EnvironmentInfo, Observation

if TYPE_CHECKING:
    from lookalike_bench.tasks.assets import Asset


class Environment(ABC):
    """A game with seeds, steps and exact snapshots.

    `shows_pictures`: whether its observations have a frame. A player reads of it what the critic sees in it.
    """

    shows_pictures: bool = False

    @classmethod
    def assets(cls, **arguments: Any) -> Sequence[Asset]:
        """The files that an instance with these arguments needs. The suite has them ready, and shows their
        download, before the first instance is made in its child process."""
        return ()

    @property
    @abstractmethod
    def info(self) -> EnvironmentInfo:
        """What is fixed about this environment. Must not change between calls."""

    @abstractmethod
    def reset(self, seed: int) -> Observation:
        """Begin an episode. The same seed and the same actions must give the same observations."""

    @abstractmethod
    def step(self, action: str) -> Observation:
        """Play one action. An action that the game does not understand is a turn like any other: the game's
        reply is the observation. Must not raise for any string."""

    @abstractmethod
    def snapshot(self) -> bytes:
        """The complete state, so that `restore` continues exactly, chance included."""

    @abstractmethod
    def restore(self, snapshot: bytes) -> None:
        """Return to a state that `snapshot` gave, in this or in another instance with the same arguments."""

    @abstractmethod
    def actions(self) -> list[str]:
        """Actions worth considering now, from the game's vocabulary and what is visible; never from a
        solution. Best first where the order means something, the same list for the same state."""

    def digest(self) -> str:
        """A short hash of the state: two plays that agree in it are at the same point. Written at each step
        of a record, so that a replay can be checked."""
        return hashlib.sha256(self.snapshot()).hexdigest()[:16]

    def walkthrough(self) -> Walkthrough | None:
        """A solution that the environment's package carries, to be rendered as a video; None if it has none."""
        return None

    def close(self) -> None:
        """Free what the environment holds."""


@dataclass(frozen=True)
class Walkthrough:
    """Recorded play: the actions, the seed under which they work, who played, and where it comes from.

    `origin` is "human-authored walkthrough, replayed", "human", "scripted" or "searched": it is printed wherever
    the video made from it appears. `package` names the package that carries it, if one does.
    """

    actions: list[str]
    seed: int
    origin: str
    source: str
    package: str = ""
