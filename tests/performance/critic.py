"""How good the critic of pixels is on held-out levels, for each kind of features, and how fast.

    python -m lookalike_plugins.environments.procgen_levels demonstrate coinrun --levels 100-119 --to solutions
    python -m tests.performance.critic solutions --games coinrun,jumper --features raw,handmade,encoder

`solutions` holds searched solutions of levels that were not demonstrated. Along each of them, the critic watches the
play and is asked at every step:

    agrees      share of steps at which it recommends the solution's action
    AUC         of its rewards: the solution's action against all others (0.5 is chance)
    remaining   Spearman's correlation of the steps that it thinks are left with those that are, mean over levels
    solves      share of levels that are completed by doing what it recommends
    decisions/s describing a picture, judging five proposals and reviewing the step, on one decision after another

A level has other solutions than the one searched: agreement and AUC of a perfect critic are below 1.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.tasks.task import load_task
from lookalike_bench.types import Brief, Observation
from lookalike_bench.videos.demonstrations import Demonstration, read_demonstration, render_demonstration
from lookalike_plugins.critics.frames import Frames, FramesJudge
from lookalike_plugins.environments.procgen import Procgen
from scipy.stats import mannwhitneyu, spearmanr

TASKS = Path(__file__).parents[2] / "tasks"
GAMES = ("maze", "heist", "leaper", "coinrun", "jumper")


@dataclass
class Measured:
    """What was counted for one game and kind of features."""

    agrees: list[bool] = field(default_factory=list)
    good: list[float] = field(default_factory=list)
    bad: list[float] = field(default_factory=list)
    remaining: list[float] = field(default_factory=list)
    solves: list[bool] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def row(self) -> str:
        auc = mannwhitneyu(self.good, self.bad).statistic / (len(self.good) * len(self.bad))
        left = f"{np.mean(self.remaining):9.2f}" if self.remaining else "        -"
        return (
            f"{np.mean(self.agrees):6.2f}  {auc:5.2f}  {left}  {np.mean(self.solves):6.2f}  "
            f"{1 / np.mean(self.seconds):11.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="critic", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("solutions", type=Path, help="the folder of searched solutions")
    parser.add_argument("--games", default=",".join(GAMES))
    parser.add_argument("--features", default="raw,handmade")
    parser.add_argument("--levels", type=int, default=100, help="solutions of each game at most")
    options = parser.parse_args()
    print("game     features  agrees    AUC  remaining  solves  decisions/s", flush=True)
    for game in options.games.split(","):
        paths = sorted(options.solutions.glob(f"{game}-[0-9]*.json"))[: options.levels]
        solutions = [read_demonstration(path) for path in paths]
        for features in options.features.split(","):
            print(f"{game:7}  {features:8}  {measure(game, features, solutions).row()}", flush=True)


def measure(game: str, features: str, solutions: list[Demonstration]) -> Measured:
    """Watch the demonstrations of a game, and judge along the solutions."""
    critic, learned = watched(game, features)
    environment = Procgen(game, hold=critic.frames_per_action)
    most = load_task(TASKS / f"procgen-{game}.yaml").file.max_steps
    measured = Measured()
    for solution in solutions:
        _along(critic, learned, environment, solution, measured)
        measured.solves.append(_follow(critic, learned, environment, solution.seed, most))
    environment.close()
    return measured


def watched(game: str, features: str) -> tuple[Frames, RewardModel]:
    videos = []
    for path in sorted((TASKS / "demonstrations" / "procgen").glob(f"{game}-[0-9].json")):
        demonstration = read_demonstration(path)
        environment = Procgen(**demonstration.environment.arguments)
        videos.append(render_demonstration(demonstration, environment))
        environment.close()
    critic = Frames(int(environment.hold), features=features)
    return critic, asyncio.run(critic.watch(videos, Brief(game, "complete the level", "")))


def _along(
    critic: Frames, learned: RewardModel, environment: Procgen, solution: Demonstration, measured: Measured
) -> None:
    """Let a judge watch a solution being played."""
    judge = critic.judge(learned)
    actions = environment.actions()
    observation, done = environment.reset(solution.seed), None
    thought, true = [], []
    for number, action in enumerate(solution.played):
        started = time.perf_counter()
        asyncio.run(_decide(judge, done, observation, actions))
        measured.seconds.append(time.perf_counter() - started)
        measured.agrees.append(judge.recommended == action)
        for name, judgement in zip(actions, asyncio.run(judge.judge(actions)), strict=True):
            (measured.good if name == action else measured.bad).append(judgement.reward)
        if judge.remaining is not None:
            thought.append(judge.remaining)
            true.append(len(solution.played) - number)
        observation, done = environment.step(action), action
    if len(set(thought)) > 1:
        measured.remaining.append(float(spearmanr(thought, true).statistic))


async def _decide(judge: FramesJudge, done: str | None, observation: Observation, actions: list[str]) -> None:
    assert observation.frame is not None
    await judge.describe(observation.frame)
    judge.observe(done, observation, actions)
    await judge.review()
    await judge.judge((actions * 5)[:5])


def _follow(critic: Frames, learned: RewardModel, environment: Procgen, level: int, most: int) -> bool:
    """Whether doing what is recommended completes a level."""
    judge = critic.judge(learned)
    observation, actions = environment.reset(level), environment.actions()
    judge.observe(None, observation, actions)
    for _ in range(most):
        action = judge.recommended or "wait"
        observation = environment.step(action)
        judge.observe(action, observation, actions)
        if observation.terminated or observation.truncated:
            break
    return observation.level_complete


if __name__ == "__main__":
    main()
