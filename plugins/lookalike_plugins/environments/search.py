"""Finds solutions of levels by search, for demonstrations and to know which levels can be solved at all.

    solution = find_solution(Procgen("maze"), seed=3, budget=20_000, exact=True)   # ["up", "up", "left", ...] or None

Where pictures can be told apart exactly this is a breadth-first search, and gives a shortest solution. Elsewhere
it returns to pictures that it set out from least, and explores from there with runs of random actions (Go-Explore,
arXiv 1901.10995); then it leaves out what the solution does not need. It uses snapshots, so it is no play: what it
finds is labelled "searched".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from lookalike_bench.plugins.environment import Environment
from lookalike_bench.types import Observation

if TYPE_CHECKING:
    from lookalike_bench.types import Frame


@dataclass(slots=True)
class Place:
    """A situation that was reached: how, and how often the search set out from it."""

    snapshot: bytes
    actions: tuple[str, ...]
    visits: int = 0


def find_solution(
    environment: Environment, seed: int, budget: int, exact: bool = False, bias: str = "", attempts: int = 5
) -> list[str] | None:
    """Actions that complete the level, or None if `budget` steps (for each attempt) found none.

    `exact`: few pictures can be told apart one by one, as where only the player moves, from cell to cell. `bias`
    is an action that random runs take more often.
    """
    if exact:
        return _breadth_first(environment, seed, budget)
    found = [_explore(environment, seed, budget, Random(attempt), bias) for attempt in range(attempts)]
    short = [_shorten(environment, seed, actions) for actions in found if actions is not None]
    return _tidied(environment, seed, min(short, key=len)) if short else None


def _breadth_first(environment: Environment, seed: int, budget: int) -> list[str] | None:
    observation = environment.reset(seed)
    seen = {_exact(observation)}
    places = [Place(environment.snapshot(), ())]
    steps = 0
    for place in places:
        for action in environment.actions():
            if steps >= budget:
                return None
            environment.restore(place.snapshot)
            observation, steps = environment.step(action), steps + 1
            if observation.level_complete:
                return [*place.actions, action]
            key = _exact(observation)
            if key not in seen and not (observation.terminated or observation.truncated):
                seen.add(key)
                places.append(Place(environment.snapshot(), (*place.actions, action)))
    return None


def _explore(environment: Environment, seed: int, budget: int, random: Random, bias: str) -> list[str] | None:
    observation = environment.reset(seed)
    actions = environment.actions() + [bias] * (3 if bias else 0)
    places = {_coarse(observation): Place(environment.snapshot(), ())}
    keys = list(places)
    steps = 0
    while steps < budget:
        # Of a few places drawn, take the one set out from least, and of those the latest found.
        drawn = [random.randrange(len(keys)) for _ in range(6)]
        place = places[keys[min(drawn, key=lambda index: (places[keys[index]].visits, -index))]]
        place.visits += 1
        environment.restore(place.snapshot)
        path = place.actions
        action = random.choice(actions)
        for _ in range(random.randint(4, 16)):
            if random.random() < 0.5:
                action = random.choice(actions)
            observation, steps = environment.step(action), steps + 1
            path = (*path, action)
            if observation.level_complete:
                return list(path)
            if observation.terminated or observation.truncated:
                break
            key = _coarse(observation)
            known = places.get(key)
            if known is None:
                keys.append(key)
            if known is None or len(path) < len(known.actions):
                places[key] = Place(environment.snapshot(), path, known.visits if known else 0)
    return None


def _shorten(environment: Environment, seed: int, actions: list[str]) -> list[str]:
    """Leave out pieces, long ones first, as long as the level is still completed."""
    size = max(1, len(actions) // 2)
    while size:
        start = 0
        while start < len(actions):
            shorter = _played(environment, seed, actions[:start] + actions[start + size :])
            if shorter is not None:
                actions = shorter
            else:
                start += max(1, size // 2)
        size //= 2
    return actions


def _tidied(environment: Environment, seed: int, actions: list[str]) -> list[str]:
    """Put an action that stands earlier in the environment's list in the place of another wherever the level is
    still completed as soon: a person does not press what does nothing."""
    listed = environment.actions()
    for index in range(len(actions)):
        for simpler in listed[: listed.index(actions[index])]:
            changed = _played(environment, seed, [*actions[:index], simpler, *actions[index + 1 :]])
            if changed is not None:
                actions = changed
                break
        if index + 1 >= len(actions):
            break
    return actions


def _played(environment: Environment, seed: int, actions: list[str]) -> list[str] | None:
    """The actions up to the one that completes the level; None if none does."""
    environment.reset(seed)
    for index, action in enumerate(actions):
        observation = environment.step(action)
        if observation.level_complete:
            return actions[: index + 1]
        if observation.terminated or observation.truncated:
            return None
    return None


def _exact(observation: Observation) -> bytes:
    return hashlib.sha256(_picture(observation).tobytes()).digest()


def _coarse(observation: Observation) -> bytes:
    """The picture in 16 x 16 grey cells of 16 levels: what looks alike falls together."""
    grey = _picture(observation).mean(axis=2)
    height, width = grey.shape
    cells = grey.reshape(16, height // 16, 16, width // 16).mean(axis=(1, 3))
    return bytes((cells // 16).astype("uint8").tobytes())


def _picture(observation: Observation) -> Frame:
    if observation.frame is None:
        raise ValueError("the search needs an environment that shows pictures")
    return observation.frame
