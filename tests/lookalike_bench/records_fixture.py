"""A run to read: the corridor played by the real methods, in this process, into real record files."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Collection, Sequence
from pathlib import Path

from lookalike_bench.engine.manifest import make_manifest
from lookalike_bench.episodes.play import Cast, copies, play_episode
from lookalike_bench.episodes.stage import Situation
from lookalike_bench.errors import PlayerFailure
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.plugins.player import Player
from lookalike_bench.records.store import EpisodeWriter, Run
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.tasks.suite import Suite, load
from lookalike_bench.tasks.task import Task, load_task
from lookalike_bench.types import Completion, EnvironmentInfo, Request, Usage
from lookalike_plugins.aggregators.best_reward import BestReward

from tests.conftest import FAKE_PLUGINS, write_suite, write_task
from tests.fake_plugins import Corridor, EastJudge


class Direct:
    """The corridor without a process of its own."""

    def __init__(self, length: int) -> None:
        self.corridor = Corridor(length)

    @property
    def info(self) -> EnvironmentInfo:
        return self.corridor.info

    async def begin(self, seed: int) -> Situation:
        return Situation(self.corridor.reset(seed), tuple(self.corridor.actions()), self.corridor.digest())

    async def advance(self, action: str) -> Situation:
        return Situation(self.corridor.step(action), tuple(self.corridor.actions()), self.corridor.digest())


class Chooser(Player):
    """Chooses by likelihood at the request's temperature; `trust` is how much likelier it finds what is recommended."""

    def __init__(self, trust: float = 1.0, fails: bool = False) -> None:
        self.trust, self.fails = trust, fails

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        if self.fails:
            raise PlayerFailure("the server answered 500 \x1b[31m<script>alert(1)</script>")
        return [self._choose(request) for request in requests]

    def _choose(self, request: Request) -> Completion:
        said = request.messages[-1].content
        scores = [-2.0 + self.trust * (f"The expert recommends: {choice}." in said) for choice in request.choices]
        weights = [math.exp(score / max(request.temperature, 1e-3)) for score in scores]
        [chosen] = random.Random(request.seed).choices(request.choices, weights)
        prompt = sum(len(message.content.split()) for message in request.messages)
        return Completion(chosen, Usage(prompt, prompt // 2, 1), tuple(scores), "chooser")


def make_run(
    folder: Path,
    *,
    trust: float = 1.0,
    task_changes: str = "",
    without: tuple[str, ...] = (),
    errored: Collection[tuple[str, int]] = (),
    missing: Collection[tuple[str, int]] = (),
    name: str = "run",
) -> Run:
    """Play the corridor task. `errored` and `missing` name (variant, seed) that fail, or are never played."""
    folder.mkdir(parents=True, exist_ok=True)
    task = load_task(write_task(folder, task_changes, without=without))
    run = Run(folder / name)
    run.write_manifest(make_manifest([task], load_plugins([str(FAKE_PLUGINS)], entry_points=False)))
    for variant in task.variants:
        for seed in task.file.seeds:
            if (variant.name, seed) not in missing:
                asyncio.run(_play(run, task, variant.name, seed, Chooser(trust, (variant.name, seed) in errored)))
    return run


def make_suite_run(
    folder: Path,
    *,
    trust: float = 1.0,
    errored: Collection[tuple[str, str, int]] = (),
    without_tasks: Collection[str] = (),
    name: str = "run",
) -> Run:
    """Play the suite `corridors`: `short`, and `long`, which is harder. `errored` names (task, variant, seed)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = write_suite(folder)
    suite = load(path)
    assert isinstance(suite, Suite)
    tasks = [task for task in suite.tasks if task.name not in without_tasks]
    run = Run(folder / name)
    run.write_manifest(make_manifest(tasks, load_plugins([str(FAKE_PLUGINS)], entry_points=False), [suite]))
    for task in tasks:
        for variant in task.variants:
            for seed in task.file.seeds:
                player = Chooser(trust, (task.name, variant.name, seed) in errored)
                asyncio.run(_play(run, task, variant.name, seed, player))
    return run


async def _play(run: Run, task: Task, name: str, seed: int, player: Player) -> None:
    variant = task.variant(name)
    key = None
    if variant.critic:
        key = "east-corridor-0123456789abcdef"
        reward_model = RewardModel(
            provenance={"critic": "east", "videos": [{"sha256": "0" * 64, "origin": "scripted"}]},
            outline=[OutlineStep(cue="You are 0 steps in.", action="east", outcome="You are 1 steps in.")],
            rules=["Go east."],
        )
        reward_model.save(run.reward_model_path(key))
    length = task.file.environment.arguments.get("length", 4)
    cast = Cast(
        environments=[Direct(length) for _ in range(copies(variant))],
        player=player,
        make_judge=EastJudge if variant.critic else None,
        aggregator=BestReward() if variant.aggregator else None,
        solution=Corridor(length).walkthrough().actions,
        reward_model=key,
    )
    await play_episode(task, variant, seed, cast, EpisodeWriter(run.episode_path(task.name, name, seed)))
