"""The checker: silent about an environment that keeps its contract, and right about each way to break it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lookalike_bench.engine.checker import Check, check_environment
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.types import EnvironmentInfo, Observation


class Corridor(Environment):
    """A good environment, from which each broken one below differs in one thing."""

    shows_pictures = True

    def __init__(self) -> None:
        self.place, self.seed, self.turns = 0, 0, 0

    @property
    def info(self) -> EnvironmentInfo:
        return EnvironmentInfo("corridor", "Walk east.", "east or west", ("east", "west"), (0, 9), "corridor-9")

    def reset(self, seed: int) -> Observation:
        self.place, self.seed, self.turns = seed % 3, seed, 0
        return self.look()

    def step(self, action: str) -> Observation:
        self.turns += 1
        self.place += {"east": 1, "west": -1}.get(action, 0)
        return self.look()

    def look(self) -> Observation:
        frame = np.full((2, 2, 3), self.place % 256, dtype=np.uint8)
        return Observation(f"Place {self.place}", float(self.place), terminated=self.place == 9, frame=frame)

    def snapshot(self) -> bytes:
        return f"{self.place} {self.seed} {self.turns}".encode()

    def restore(self, snapshot: bytes) -> None:
        self.place, self.seed, self.turns = map(int, snapshot.split())

    def actions(self) -> list[str]:
        return ["east", "west"]


class IntegerText(Corridor):
    def look(self) -> Observation:
        return replace(super().look(), text=self.place)  # type: ignore[arg-type]


class FloatFrame(Corridor):
    def look(self) -> Observation:
        return replace(super().look(), frame=np.zeros((2, 2, 3)))  # type: ignore[arg-type]


class UntoldPictures(Corridor):
    shows_pictures = False


class ChangingInfo(Corridor):
    @property
    def info(self) -> EnvironmentInfo:
        return replace(super().info, fingerprint=f"corridor-{self.place}")


class Unseeded(Corridor):
    instances = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.number = next(self.instances)

    def look(self) -> Observation:
        return replace(super().look(), text=f"Corridor {self.number}, place {self.place}")


class Forgetless(Corridor):
    resets = 0

    def reset(self, seed: int) -> Observation:
        self.resets += 1
        return replace(super().reset(seed), text=f"Visit {self.resets}")


class HiddenState(Corridor):
    """Its weather is not in the snapshot."""

    weather = 0

    def reset(self, seed: int) -> Observation:
        self.weather = 0
        return super().reset(seed)

    def step(self, action: str) -> Observation:
        self.weather += 1
        return replace(super().step(action), text=f"Place {self.place}, weather {self.weather}")


class ImpureActions(Corridor):
    def actions(self) -> list[str]:
        self.turns += 1
        return super().actions()


class UnstableActions(Corridor):
    calls = itertools.count()

    def actions(self) -> list[str]:
        return ["east", f"west{next(self.calls)}"]


class ConstantDigest(Corridor):
    def digest(self) -> str:
        return "same"


class RaisesOnOddStrings(Corridor):
    def step(self, action: str) -> Observation:
        action.encode("ascii")
        return super().step(action)


def failed(make: Callable[[], Environment]) -> dict[str, str]:
    return {check.name: check.detail for check in check_environment(make, steps=12) if not check.passed}


def test_a_good_environment_passes_every_check() -> None:
    checks = check_environment(Corridor, steps=12)
    assert len(checks) == 9
    assert checks == [Check(check.name, True) for check in checks]


@pytest.mark.parametrize(
    ("broken", "check", "detail"),
    [
        (IntegerText, "types", "the text is a int"),
        (FloatFrame, "types", "(2, 2, 3) float64"),
        (UntoldPictures, "types", "shows_pictures is False, but there is a frame"),
        (ChangingInfo, "info is constant", "info changed"),
        (Unseeded, "same seed, same episode", "the observation differs at step 0"),
        (Forgetless, "a reset forgets", "the observation differs at step 0"),
        (HiddenState, "snapshots are exact", "seed 0, after restore: the observation differs at step 0"),
        (HiddenState, "snapshots work in another instance", "restored in another instance"),
        (ImpureActions, "actions are stable and free of effects", "listing actions changed the state"),
        (UnstableActions, "actions are stable and free of effects", "two lists for one state"),
        (ConstantDigest, "digests tell states apart", "the digest same"),
        (RaisesOnOddStrings, "any string is an action", "UnicodeEncodeError"),
    ],
)
def test_each_fault_is_found_and_told(broken: type[Corridor], check: str, detail: str) -> None:
    faults = failed(broken)
    assert detail in faults[check]


def test_a_fault_does_not_hide_what_holds() -> None:
    assert failed(ConstantDigest).keys() == {"digests tell states apart"}
    assert failed(ChangingInfo).keys() == {"info is constant"}


def test_an_environment_that_cannot_be_made_is_one_failed_check() -> None:
    def make() -> Any:
        raise RuntimeError("no story\nno play")

    assert check_environment(make) == [Check("it can be made", False, "RuntimeError: no story")]


def test_every_instance_is_closed() -> None:
    opened: list[Corridor] = []
    closed: list[Corridor] = []

    class Counted(Corridor):
        def __init__(self) -> None:
            super().__init__()
            opened.append(self)

        def close(self) -> None:
            closed.append(self)

    check_environment(Counted, steps=3)
    assert opened and closed == opened
