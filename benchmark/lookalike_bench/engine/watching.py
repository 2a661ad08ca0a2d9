"""From videos to the reward model that a run's variants share.

The critic watches once. What it wrote is kept in the cache under a hash of everything that made it (videos,
critic, version, settings, brief), so that a second run, or a second process under a lock, reads it instead.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from lookalike_bench.engine.environments import open_environment, shows_pictures
from lookalike_bench.engine.models import Models
from lookalike_bench.errors import (
    CriticFailure,
    EnvironmentFailure,
    PluginError,
    RecordError,
    TaskError,
    VideoError,
)
from lookalike_bench.plugins.critic import Critic
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.plugins.manager import PluginManager
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.tasks.assets import cache_directory
from lookalike_bench.tasks.schema import CriticSpec, PluginSpec, VideoSpec
from lookalike_bench.tasks.task import Task
from lookalike_bench.types import Brief, EnvironmentInfo, Observation
from lookalike_bench.videos.demonstrations import read_demonstration, render_demonstration
from lookalike_bench.videos.video import Video, file_sha256
from lookalike_bench.videos.walkthroughs import render_walkthrough


@dataclass(frozen=True)
class Watched:
    """A reward model, the key that it is stored under, where, and whether it was there already."""

    reward_model: RewardModel
    key: str
    path: Path
    from_cache: bool


def make_critic(plugins: PluginManager, spec: CriticSpec, task: Task) -> Critic:
    """The critic of a spec; a path among its arguments starts at the task's folder."""
    arguments = spec.arguments
    if spec.plugin == "outline" and "path" in arguments:
        arguments["path"] = str(task.folder / arguments["path"])
    critic = plugins.create("critic", spec.plugin, arguments)
    assert isinstance(critic, Critic)
    return critic


def open_videos(task: Task, specs: Sequence[VideoSpec], plugins: PluginManager) -> list[Video]:
    """The videos of a task as files: found, or rendered from recorded play and kept in the cache."""
    return [_open_video(task, spec, plugins) for spec in specs]


def failed_play(task: Task, videos: Sequence[Video]) -> list[str]:
    """A line for each video whose play is known not to reach an end that the task asks for."""
    if not (task.file.goal.level_complete or task.file.goal.victory):
        return []
    return [
        f"{video.path.name}: the play in it does not reach the goal; the critic learns from it all the same"
        for video in videos
        if video.completes is False
    ]


async def watch(
    plugins: PluginManager,
    task: Task,
    spec: CriticSpec,
    videos: Sequence[Video],
    *,
    fresh: bool = False,
    models: Models | None = None,
) -> Watched:
    """What the critic learns from the videos, from the cache if it has watched them before (unless `fresh`)."""
    critic = make_critic(plugins, spec, task)
    if models is not None:
        models.reach(critic)
    try:
        brief, first = _before_watching(task, plugins)
        key = _key(plugins, critic, spec, videos, brief)
        path = cache_directory() / "reward-models" / f"{spec.plugin}-{task.name}-{key}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            kept = None if fresh else _kept(path)
            from_cache = kept is not None
            reward_model = kept or await critic.watch(videos, brief)
            _check_first_look(task, critic, reward_model, first)
            if not from_cache:
                reward_model.save(path)
        return Watched(reward_model, path.stem, path, from_cache)
    finally:
        await critic.close()


def _kept(path: Path) -> RewardModel | None:
    """What was learned before; None if it is not there, or damaged, which costs another look and nothing else."""
    try:
        return RewardModel.load(path) if path.exists() else None
    except RecordError:
        return None


def _open_video(task: Task, spec: VideoSpec, plugins: PluginManager) -> Video:
    if spec.file is not None:
        path = task.folder / spec.file
        if not os.path.isfile(path):  # which a name that is too long is not
            raise VideoError(f"{task.path}: videos: {path}: no such file")
        # A recording's status line is its top row of text: the share is that of a terminal's 26 rows. A game of
        # pictures has none.
        has_line = task.file.mask_status_line and not shows_pictures(plugins, task.file.environment)
        mask = 1 / 26 if has_line else 0.0
        return Video(path, file_sha256(path), "human", start=spec.start, end=spec.stop, mask_top=mask)
    if spec.demonstration is not None:
        return _demonstrated(task, spec, plugins)
    environment = open_environment(plugins, spec.environment or task.file.environment)
    try:
        walkthrough = _own_walkthrough(task, spec, environment)
        return render_walkthrough(environment, walkthrough, **_cut(spec), mask_status_line=task.file.mask_status_line)
    finally:
        environment.close()


def _demonstrated(task: Task, spec: VideoSpec, plugins: PluginManager) -> Video:
    path = task.folder / str(spec.demonstration)
    demonstration = read_demonstration(path)
    played_in = demonstration.environment
    try:
        environment = _opened_to_film(plugins, played_in)
    except PluginError as error:
        raise VideoError(f"{path}: {error}") from error
    try:
        _check_game(task, spec, plugins, played_in)
        try:
            return render_demonstration(
                demonstration, environment, **_cut(spec), mask_status_line=task.file.mask_status_line
            )
        except VideoError as error:
            raise VideoError(f"{path}: {error}") from error
    finally:
        environment.close()


def _opened_to_film(plugins: PluginManager, spec: PluginSpec) -> Environment:
    """Pictures are filmed in this process: a film is far more than what is worth sending out of another."""
    if hasattr(plugins.find("environment", spec.plugin).load(), "film"):
        filmed: Environment = plugins.create("environment", spec.plugin, spec.arguments)
        return filmed
    return open_environment(plugins, spec)


def _check_game(task: Task, spec: VideoSpec, plugins: PluginManager, played_in: PluginSpec) -> None:
    """Refuse a demonstration of another game, or mode of it, unless the task says that it was played elsewhere."""
    expected = spec.environment or task.file.environment
    if expected == played_in:
        return
    there, here = (_as_played(plugins, one) for one in (played_in, expected))
    if there.fingerprint != here.fingerprint:
        names = there.name, here.name
        was, expected_name = names if names[0] != names[1] else (there.fingerprint, here.fingerprint)
        raise VideoError(
            f"{task.path}: videos: {spec.demonstration}: was played in {was}, not in {expected_name}; "
            f"if that is meant, say so beside it: environment: {{plugin: {played_in.plugin}, ...}}"
        )


def _as_played(plugins: PluginManager, spec: PluginSpec) -> EnvironmentInfo:
    """What an environment is, apart from how a person plays it, which is frame by frame."""
    by_hand = getattr(plugins.find("environment", spec.plugin).load(), "by_hand", {})
    environment = open_environment(plugins, PluginSpec.model_validate({**spec.model_dump(), **by_hand}))
    try:
        return environment.info
    finally:
        environment.close()


def _cut(spec: VideoSpec) -> dict[str, Any]:
    """Which commands of recorded play are shown."""
    return {"start": int(spec.start), "stop": None if spec.stop is None else int(spec.stop)}


def _own_walkthrough(task: Task, spec: VideoSpec, environment: Environment) -> Walkthrough:
    walkthrough = environment.walkthrough()
    name = environment.info.name
    if walkthrough is None:
        raise TaskError(f"{task.path}: videos: environment {name!r} carries no walkthrough")
    if walkthrough.package != spec.walkthrough:
        raise TaskError(
            f"{task.path}: videos: no walkthrough {spec.walkthrough!r}; that of {name!r} is {walkthrough.package!r}"
        )
    return walkthrough


def _before_watching(task: Task, plugins: PluginManager) -> tuple[Brief, tuple[Observation, list[str]] | None]:
    """What the critic is told, and how the first episode begins: None if it does not, which is for the episodes
    to report."""
    environment = open_environment(plugins, task.file.environment)
    try:
        info = environment.info
        brief = Brief(task.name, str(task.file.goal), info.instructions, info.vocabulary)
        observation, actions, _ = environment.begin(task.file.seeds[0])
        return brief, (observation, actions)
    except EnvironmentFailure:
        return brief, None
    finally:
        environment.close()


def _check_first_look(
    task: Task, critic: Critic, reward_model: RewardModel, first: tuple[Observation, list[str]] | None
) -> None:
    """Let a judge look at how an episode begins: what it cannot judge is better known before anything is spent.
    Raises VideoError."""
    if first is None:
        return
    observation, actions = first
    judge = critic.judge(reward_model)
    try:
        judge.observe(None, observation, actions)
    except CriticFailure as error:
        raise VideoError(f"{task.path}: videos: {error} ({task.file.environment})") from error
    except Exception:
        return  # A broken critic is not the videos' fault: the episodes report it, each with its traceback.


def _key(plugins: PluginManager, critic: Critic, spec: CriticSpec, videos: Sequence[Video], brief: Brief) -> str:
    identity = {
        "critic": spec.plugin,
        "plugin": plugins.find("critic", spec.plugin).version,
        "version": critic.version,
        "settings": {**spec.arguments, **critic.identity},
        "videos": [(video.sha256, video.start, video.end, video.mask_top) for video in videos],
        "brief": [brief.goal, brief.instructions, list(brief.vocabulary)],
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:16]
