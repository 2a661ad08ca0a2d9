"""Plays the records of a run again, several episodes at once, each in a child process that stays for the next."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from lookalike_bench.engine.environments import open_environment
from lookalike_bench.engine.isolation import IsolatedEnvironment
from lookalike_bench.episodes.stage import reached
from lookalike_bench.errors import EnvironmentFailure, RecordError
from lookalike_bench.plugins.manager import PluginManager
from lookalike_bench.records.replay import Divergence, Replayed, replay_episode
from lookalike_bench.records.schema import TaskEntry
from lookalike_bench.records.store import EpisodeRecord, Run
from lookalike_bench.tasks.schema import Goal, PluginSpec

if TYPE_CHECKING:
    from lookalike_bench.types import Frame

    Frames = Callable[[EpisodeRecord], dict[tuple[int, int], Frame]]


JOBS_PER_CORE = 4
"""Each job is a process with a game in it: with many more, all of them are late, and a late game has hung."""


def replay_run(run: Run, plugins: PluginManager, *, jobs: int | None = None) -> Iterator[Replayed]:
    """Replay every episode that has steps, in the order of the manifest, `jobs` at once (default: one for each
    core, and a few for each at most). Raises RecordError if the manifest does not tell what was played."""
    manifest = run.read_manifest()
    cores = os.cpu_count() or 1
    with ExitStack() as stack:
        benches = _Benches(plugins, stack)
        pool = stack.enter_context(ThreadPoolExecutor(min(jobs or cores, cores * JOBS_PER_CORE)))
        yield from pool.map(
            lambda episode: _replay(run, benches, *episode),
            [(entry, variant, seed) for entry in manifest.tasks for variant in entry.variants for seed in entry.seeds],
        )


def _replay(run: Run, benches: _Benches, entry: TaskEntry, variant: str, seed: int) -> Replayed:
    name = f"{entry.task}/{variant}/seed-{seed}"
    episode = run.episode(entry.task, variant, seed)
    if episode is None or episode.header.observation is None:
        return Replayed(name, 0, None)
    spec = plain_environment(episode.header.environment)
    goal = Goal.model_validate({key: value for key, value in entry.definition["goal"].items() if value is not None})
    with benches.lend(spec) as bench:
        try:
            return replay_episode(episode, bench.play, bench.info, partial(reached, goal))
        except EnvironmentFailure as failure:
            bench.close()
            return Replayed(name, 0, Divergence(name, 0, "the environment", "to play", str(failure)))


@contextmanager
def frame_source(plugins: PluginManager) -> Iterator[Frames]:
    """Gives a function from an episode to the pictures that its records leave out, rendered by playing it again:
    (copy, step) to frame, step 0 being the reset. Empty for an environment without pictures."""
    with ExitStack() as stack:
        benches = _Benches(plugins, stack)

        def frames(episode: EpisodeRecord) -> dict[tuple[int, int], Frame]:
            if episode.header.observation is None:
                return {}
            copies: dict[int, list[str]] = {0: []}
            for step in episode.steps:
                copies.setdefault(step.copy_index, []).append(step.action)
            with benches.lend(plain_environment(episode.header.environment)) as bench:
                return {
                    (copy, number): observation.frame
                    for copy, actions in copies.items()
                    for number, (observation, _) in enumerate(bench.play(episode.header.seed, actions))
                    if observation.frame is not None
                }

        yield frames


def plain_environment(definition: dict[str, Any]) -> PluginSpec:
    """The environment that a record names. A record may come from anybody, so its arguments must be plain words
    and numbers: none is a path or an address. Raises RecordError."""
    spec = PluginSpec.model_validate(definition)
    for name, value in spec.arguments.items():
        plain = value is None or isinstance(value, (bool, int, float, str))
        if not plain or (isinstance(value, str) and any(mark in value for mark in "/\\:\0")):
            raise RecordError(f"environment {spec.plugin!r}: {name}: a record may not name a path or an address here")
    return spec


class _Benches:
    """Environments that wait for the next episode."""

    def __init__(self, plugins: PluginManager, stack: ExitStack) -> None:
        self.plugins = plugins
        self.idle: dict[str, list[IsolatedEnvironment]] = {}
        self._lock = threading.Lock()
        stack.callback(self._close)

    @contextmanager
    def lend(self, spec: PluginSpec) -> Iterator[IsolatedEnvironment]:
        key = json.dumps(spec.model_dump(mode="json"), sort_keys=True)
        with self._lock:
            idle = self.idle.setdefault(key, [])
            # Made under the lock: the first may have to bring the game's files, and the others wait for them.
            bench = idle.pop() if idle else open_environment(self.plugins, spec)
        try:
            yield bench
        finally:
            if bench.alive:
                idle.append(bench)
            else:
                bench.close()

    def _close(self) -> None:
        for idle in self.idle.values():
            for bench in idle:
                bench.close()
