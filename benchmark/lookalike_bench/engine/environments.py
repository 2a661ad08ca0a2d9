"""Environments in child processes, lent to episodes and used again.

A child starts in a fraction of a second, but not in nothing: the pool keeps those that did no harm. One that
crashed, hung or was left in the middle of a call is closed, and the next episode gets a new one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from lookalike_bench.engine.isolation import IsolatedEnvironment
from lookalike_bench.episodes.stage import LiveEnvironment, Situation
from lookalike_bench.errors import PluginError
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.plugins.manager import PluginManager, check_arguments
from lookalike_bench.tasks.assets import resolve
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.types import EnvironmentInfo


class SeatedEnvironment:
    """An isolated environment, played from the event loop."""

    def __init__(self, environment: IsolatedEnvironment) -> None:
        self.isolated = environment

    @property
    def info(self) -> EnvironmentInfo:
        return self.isolated.info

    async def begin(self, seed: int) -> Situation:
        observation, actions, digest = await asyncio.to_thread(self.isolated.begin, seed)
        return Situation(observation, tuple(actions), digest)

    async def advance(self, action: str) -> Situation:
        observation, actions, digest = await asyncio.to_thread(self.isolated.advance, action)
        return Situation(observation, tuple(actions), digest)


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


class EnvironmentPool:
    """Idle environments by what they are."""

    def __init__(self, plugins: PluginManager) -> None:
        self.plugins = plugins
        self._idle: dict[str, list[IsolatedEnvironment]] = {}

    @asynccontextmanager
    async def lend(self, spec: PluginSpec, count: int) -> AsyncIterator[list[LiveEnvironment]]:
        """`count` environments for one episode."""
        async with AsyncExitStack() as stack:
            lent: list[LiveEnvironment] = [await stack.enter_async_context(self._lend_one(spec)) for _ in range(count)]
            yield lent

    @asynccontextmanager
    async def _lend_one(self, spec: PluginSpec) -> AsyncIterator[SeatedEnvironment]:
        idle = self._idle.setdefault(json.dumps(spec.model_dump(mode="json"), sort_keys=True), [])
        environment = idle.pop() if idle else await asyncio.to_thread(open_environment, self.plugins, spec)
        harmed = True
        try:
            yield SeatedEnvironment(environment)
            harmed = not environment.alive
        finally:
            if harmed:
                environment.close()
            else:
                idle.append(environment)

    def close(self) -> None:
        for idle in self._idle.values():
            for environment in idle:
                environment.close()
        self._idle.clear()
