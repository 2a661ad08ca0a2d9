"""Checks that an environment keeps its contract, by playing it.

    for check in check_environment(lambda: Corridor(length=5)):
        print("ok  " if check.passed else "FAIL", check.name, check.detail)

It plays `steps` steps under each seed, mostly from the environment's own list of actions and now and then a string
that no game knows. Each check stands alone, so that one fault does not hide the others.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike_bench.plugins.environment import Environment
from lookalike_bench.types import EnvironmentInfo, Observation

ODD_ACTIONS = ("", " ", "x" * 2000, "зайти в дом 🏠 \ud800", "\x00\x1b[2J\x07", "look\nlook", "{%s}' OR 1=1 --", "-1")


@dataclass(frozen=True, slots=True)
class Check:
    """One property of the contract: whether it holds, and if not, where it failed."""

    name: str
    passed: bool
    detail: str = ""


class _Broken(Exception):
    """A property does not hold; the text says where."""


def check_environment(
    make: Callable[[], Environment], *, steps: int = 50, seeds: Sequence[int] = (0, 1)
) -> list[Check]:
    """Check the environments that `make` gives; it is called a few times, and what it gives is closed.

    The order of the result is fixed. If an instance cannot even be made, that is the only check.
    """
    opened: list[Environment] = []

    def open_one() -> Environment:
        opened.append(make())
        return opened[-1]

    checks = {
        "types": _types,
        "info is constant": _info_is_constant,
        "same seed, same episode": _deterministic,
        "a reset forgets": _reset_forgets,
        "snapshots are exact": _snapshots_are_exact,
        "snapshots work in another instance": _snapshots_travel,
        "actions are stable and free of effects": _actions_are_pure,
        "digests tell states apart": _digests_tell_apart,
        "any string is an action": _any_string,
    }
    try:
        environment = open_one()
        results = []
        for name, check in checks.items():
            results.append(_run(name, lambda check=check: check(environment, open_one, steps, seeds)))  # type: ignore[misc]
        return results
    except Exception as error:
        return [Check("it can be made", False, _said(error))]
    finally:
        for one in opened:
            one.close()


def _run(name: str, check: Callable[[], None]) -> Check:
    try:
        check()
    except _Broken as broken:
        return Check(name, False, str(broken))
    except Exception as error:
        return Check(name, False, _said(error))
    return Check(name, True)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0]}"


# --- the properties ---------------------------------------------------------------------------------------------

Open = Callable[[], Environment]


def _types(environment: Environment, _: Open, steps: int, seeds: Sequence[int]) -> None:
    info = environment.info
    _expect(isinstance(info, EnvironmentInfo), f"info is a {type(info).__name__}, not an EnvironmentInfo")
    low, high = info.score_range
    _expect(low < high, f"score_range is ({low}, {high}), which is empty")
    _expect(
        bool(info.name and info.instructions and info.fingerprint), "info lacks a name, instructions or fingerprint"
    )
    for number, (observation, actions, digest) in enumerate(_play(environment, seeds[0], steps)):
        where = f"after {number} steps"
        _expect(isinstance(observation, Observation), f"{where}: {type(observation).__name__}, not an Observation")
        _expect(isinstance(observation.text, str), f"{where}: the text is a {type(observation.text).__name__}")
        _expect(math.isfinite(observation.score), f"{where}: the score is {observation.score}")
        for flag in ("terminated", "truncated", "victory", "level_complete"):
            _expect(type(getattr(observation, flag)) is bool, f"{where}: {flag} is not a bool")
        _expect(isinstance(actions, list) and all(isinstance(action, str) for action in actions), f"{where}: actions")
        _expect(isinstance(digest, str) and bool(digest), f"{where}: the digest is not a string")
        _expect(isinstance(environment.snapshot(), bytes), f"{where}: the snapshot is not bytes")
        frame = observation.frame
        told = environment.shows_pictures
        shown = "no frame" if frame is None else "a frame"
        _expect((frame is not None) == told, f"{where}: shows_pictures is {told}, but there is {shown}")
        if frame is not None:
            fits = frame.ndim == 3 and frame.shape[2] == 3 and str(frame.dtype) == "uint8"
            _expect(fits, f"{where}: the frame is {frame.shape} {frame.dtype}, not (height, width, 3) uint8")


def _info_is_constant(environment: Environment, open_one: Open, steps: int, seeds: Sequence[int]) -> None:
    before = environment.info
    for _ in _play(environment, seeds[-1], min(steps, 5)):
        _expect(environment.info == before, "info changed during an episode")
    _expect(open_one().info == before, "another instance has another info")


def _deterministic(environment: Environment, open_one: Open, steps: int, seeds: Sequence[int]) -> None:
    other = open_one()
    for seed in seeds:
        _same(_play(environment, seed, steps), _play(other, seed, steps), f"seed {seed}, two instances")


def _reset_forgets(environment: Environment, _: Open, steps: int, seeds: Sequence[int]) -> None:
    first = _play(environment, seeds[0], steps)
    _play(environment, seeds[-1], steps)
    _same(first, _play(environment, seeds[0], steps), f"seed {seeds[0]}, played again in the same instance")


def _snapshots_are_exact(environment: Environment, _: Open, steps: int, seeds: Sequence[int]) -> None:
    for seed in seeds:
        _play(environment, seed, steps // 2)
        snapshot, digest = environment.snapshot(), environment.digest()
        first = _go_on(environment, seed, steps // 2)
        environment.restore(snapshot)
        _expect(environment.digest() == digest, f"seed {seed}: the digest differs after restore")
        _same(first, _go_on(environment, seed, steps // 2), f"seed {seed}, after restore")


def _snapshots_travel(environment: Environment, open_one: Open, steps: int, seeds: Sequence[int]) -> None:
    other = open_one()
    for seed in seeds:
        _play(environment, seed, steps // 2)
        other.reset(seed + 1)
        other.restore(environment.snapshot())
        there = _go_on(other, seed, steps // 2)
        _same(_go_on(environment, seed, steps // 2), there, f"seed {seed}, restored in another instance")


def _actions_are_pure(environment: Environment, _: Open, steps: int, seeds: Sequence[int]) -> None:
    for seed in seeds:
        environment.reset(seed)
        dice = random.Random(seed)
        for number in range(steps):
            digest, listed = environment.digest(), environment.actions()
            _expect(environment.actions() == listed, f"seed {seed}, step {number}: two lists for one state")
            _expect(environment.digest() == digest, f"seed {seed}, step {number}: listing actions changed the state")
            _expect(len(set(listed)) == len(listed), f"seed {seed}, step {number}: an action is listed twice")
            if not listed or _ended(environment.step(dice.choice(listed))):
                break


def _digests_tell_apart(environment: Environment, _: Open, steps: int, seeds: Sequence[int]) -> None:
    environment.reset(seeds[0])
    _expect(environment.digest() == environment.digest(), "two digests of one state differ")
    played = _play(environment, seeds[0], steps)
    texts, digests = {observation.text for observation, _, _ in played}, {digest for _, _, digest in played}
    enough = len(digests) > 1 or len(texts) == 1
    _expect(enough, f"{len(played)} steps with {len(texts)} different texts all have the digest {played[0][2]}")


def _any_string(environment: Environment, _: Open, steps: int, seeds: Sequence[int]) -> None:
    environment.reset(seeds[0])
    for action in ODD_ACTIONS:
        try:
            observation = environment.step(action)
        except Exception as error:
            raise _Broken(f"step({action[:20]!r}) raised {_said(error)}") from error
        if _ended(observation):
            environment.reset(seeds[0])


# --- play -------------------------------------------------------------------------------------------------------

Step = tuple[Observation, list[str], str]


def _play(environment: Environment, seed: int, steps: int) -> list[Step]:
    """A reset and up to `steps` steps: the same choices whenever the environment lists the same actions."""
    first = environment.reset(seed)
    return [(first, environment.actions(), environment.digest()), *_go_on(environment, seed, steps)]


def _go_on(environment: Environment, seed: int, steps: int) -> list[Step]:
    dice, played = random.Random(seed), list[Step]()
    actions = environment.actions()
    for _ in range(steps):
        action = dice.choice(ODD_ACTIONS if dice.random() < 0.1 or not actions else actions)
        observation = environment.step(action)
        actions = environment.actions()
        played.append((observation, actions, environment.digest()))
        if _ended(observation):
            break
    return played


def _same(first: list[Step], second: list[Step], where: str) -> None:
    _expect(len(first) == len(second), f"{where}: {len(first)} steps, then {len(second)}")
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        for what, left, right in zip(("observation", "actions", "digest"), one, other, strict=True):
            _expect(left == right, f"{where}: the {what} differs at step {number}")
        _expect(_same_frames(one[0].frame, other[0].frame), f"{where}: the frame differs at step {number}")


def _same_frames(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(one.shape == other.shape and (one == other).all())


def _ended(observation: Observation) -> bool:
    return observation.terminated or observation.truncated


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _Broken(otherwise)
