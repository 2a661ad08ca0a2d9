"""Environments in child processes, lent to episodes and used again.

A child starts in a fraction of a second, but not in nothing: the pool keeps those that did no harm. One that
crashed, hung or was left in the middle of a call is closed, and the next episode gets a new one.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from lookalike_bench.engine.isolation import IsolatedEnvironment
from lookalike_bench.episodes.stage import LiveEnvironment, Situation
from lookalike_bench.errors import PluginError
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.plugins.manager import PluginManager, check_arguments
from lookalike_bench.tasks.assets import resolve
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.types import EnvironmentInfo

T = TypeVar("T")
R = TypeVar("R")


class SeatedEnvironment:
    """An isolated environment, played from the event loop."""

    def __init__(self, environment: IsolatedEnvironment, turns: Executor) -> None:
        self.isolated = environment
        self._turns = turns

    @property
    def info(self) -> EnvironmentInfo:
        return self.isolated.info

    async def begin(self, seed: int) -> Situation:
        observation, actions, digest = await self._in_turn(self.isolated.begin, seed)
        return Situation(observation, tuple(actions), digest)

    async def advance(self, action: str) -> Situation:
        observation, actions, digest = await self._in_turn(self.isolated.advance, action)
        return Situation(observation, tuple(actions), digest)

    async def _in_turn(self, call: Callable[[T], R], argument: T) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._turns, call, argument)


def open_environment(plugins: PluginManager, spec: PluginSpec) -> IsolatedEnvironment:
    """Start an environment's child process. Raises PluginError or AssetError for wrong arguments or missing files."""
    prepare_environment(plugins, spec)
    return IsolatedEnvironment(plugins.find("environment", spec.plugin), spec.arguments)


def prepare_environment(plugins: PluginManager, spec: PluginSpec) -> None:
    """Check the arguments, and bring the files that the environment needs, here where the progress is seen."""
    registered = plugins.find("environment", spec.plugin)
    made = registered.load()
    check_arguments(registered, made, spec.arguments)
    if not issubclass(made, Environment):
        raise PluginError(f"environment {spec.plugin!r}: {made.__name__} is not an Environment")
    for asset in made.assets(**spec.arguments):
        resolve(asset)


def shows_pictures(plugins: PluginManager, spec: PluginSpec) -> bool:
    """Whether an environment's observations have a frame, known without starting it."""
    return bool(plugins.find("environment", spec.plugin).load().shows_pictures)  # type: ignore[attr-defined]


class EnvironmentPool:
    """Idle environments by what they are."""

    def __init__(self, plugins: PluginManager) -> None:
        self.plugins = plugins
        self._idle: dict[str, list[IsolatedEnvironment]] = {}
        # First come, first served: sixteen games that share a core are all late, sixteen in a row are late by a
        # few milliseconds.
        self._opening = asyncio.Semaphore(_cores())
        self._turns = ThreadPoolExecutor(_cores(), thread_name_prefix="lookalike-game")

    async def warm(self, spec: PluginSpec) -> None:
        """Start one environment ahead of the episodes, which also tells early whether it can be."""
        async with self._lend_one(spec):
            pass

    @asynccontextmanager
    async def lend(self, spec: PluginSpec, count: int) -> AsyncIterator[list[LiveEnvironment]]:
        """`count` environments for one episode."""
        async with AsyncExitStack() as stack:
            lent: list[LiveEnvironment] = [await stack.enter_async_context(self._lend_one(spec)) for _ in range(count)]
            yield lent

    @asynccontextmanager
    async def _lend_one(self, spec: PluginSpec) -> AsyncIterator[SeatedEnvironment]:
        idle = self._idle.setdefault(json.dumps(spec.model_dump(mode="json"), sort_keys=True), [])
        environment = idle.pop() if idle else await self._open(spec)
        harmed = True
        try:
            yield SeatedEnvironment(environment, self._turns)
            harmed = not environment.alive
        finally:
            if harmed:
                environment.close()
            else:
                idle.append(environment)

    async def _open(self, spec: PluginSpec) -> IsolatedEnvironment:
        async with self._opening:
            return await asyncio.to_thread(open_environment, self.plugins, spec)

    def close(self) -> None:
        for idle in self._idle.values():
            for environment in idle:
                environment.close()
        self._idle.clear()
        self._turns.shutdown(wait=False, cancel_futures=True)


def _cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
