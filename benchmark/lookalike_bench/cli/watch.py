"""`lookalike-bench watch TASK`: the critic watches, and a person can read, edit and give back what it learned."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.cli.options import add_plugin_options, plugins_of

if TYPE_CHECKING:
    from lookalike_bench.engine.watching import Watched
    from lookalike_bench.plugins.manager import PluginManager
    from lookalike_bench.reward_models.model import RewardModel
    from lookalike_bench.tasks.schema import CriticSpec
    from lookalike_bench.tasks.task import Task
    from lookalike_bench.videos.video import Video


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", type=Path, help="a task file")
    parser.add_argument("--critic", metavar="NAME[:ARGS]", help="the critic, in place of the task's")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write the reward model here, to be edited")
    parser.add_argument("--fresh", action="store_true", help="watch again, whatever the cache holds")
    parser.add_argument(
        "--sheet", metavar="FILE", type=Path, help="write the contact sheet here, not beside the reward model"
    )
    add_plugin_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.cli.live import say
    from lookalike_bench.engine.watching import failed_play, open_videos, watch
    from lookalike_bench.errors import UsageError
    from lookalike_bench.tasks.schema import CriticSpec
    from lookalike_bench.tasks.spec import parse_plugin_spec
    from lookalike_bench.tasks.task import load_task

    plugins = plugins_of(arguments)
    task = load_task(arguments.task)
    if arguments.critic is not None:
        task = task.with_options(critic=parse_plugin_spec(arguments.critic))
    if not task.file.videos:
        raise UsageError(f"{task.path}: the task names no videos to watch")
    videos = open_videos(task, task.file.videos, plugins)
    for video in videos:
        say(f"watching {video.path.name} ({video.origin})")
    for warning in failed_play(task, videos):
        say(warning)
    started = time.perf_counter()
    spec = CriticSpec.model_validate(task.file.critic.model_dump())
    watched = asyncio.run(watch(plugins, task, spec, videos, fresh=arguments.fresh))
    _print_outline(watched.reward_model)
    _print_quality(watched.reward_model, videos)
    seconds = time.perf_counter() - started
    print("from the cache" if watched.from_cache else f"watched in {seconds:.1f} s", end="; ")
    out = arguments.out or watched.path
    if arguments.out:
        watched.reward_model.save(out)
        print(f"written to {out}")
        if not watched.reward_model.arrays:
            print(f"edit it, and use it by: critic: {{outline: {out.name}}}")
    else:
        print(f"stored at {out}")
    _write_sheet(arguments, plugins, task, spec, watched, videos, arguments.sheet or out.with_suffix(".html"))
    return 0


def _write_sheet(
    arguments: argparse.Namespace,
    plugins: PluginManager,
    task: Task,
    spec: CriticSpec,
    watched: Watched,
    videos: list[Video],
    path: Path,
) -> None:
    """Show what was learned as a page of pictures, unless it stands there already."""
    from lookalike_bench.engine.watching import make_critic
    from lookalike_bench.publish.contact_sheet import write_sheet

    if arguments.sheet or not (watched.from_cache and path.exists()):
        sheet = make_critic(plugins, spec, task).sheet(watched.reward_model, videos)
        if sheet is None or not sheet.moments:
            print("no contact sheet: the critic has no pictures to show")
            return
        write_sheet(path, task.name, watched.reward_model, sheet)
    print(f"contact sheet: {path}")


def _print_outline(reward_model: RewardModel) -> None:
    from rich.console import Console
    from rich.table import Table

    from lookalike_bench.text import printable

    table = Table("time", "situation", "action", "outcome", "weight", box=None, padding=(0, 2, 0, 0))
    for step in reward_model.outline:
        time_shown = f"{int(step.time) // 60}:{step.time % 60:04.1f}"
        outcome = f"{step.milestone} " if step.milestone else ""
        table.add_row(
            time_shown,
            _shortened(printable(step.cue), 34),
            printable(step.action),
            _shortened(printable(outcome + step.outcome), 44),
            f"{step.weight:g}",
        )
    console = Console(width=None if Console().is_terminal else 120, markup=False, highlight=False)
    console.print(table)
    for rule in reward_model.rules:
        console.print(f"rule: {printable(rule)}")


def _print_quality(reward_model: RewardModel, videos: list[Video]) -> None:
    for name, value in reward_model.quality.items():
        shown = f"{value:.0f}" if value.is_integer() else f"{value:.3f}"
        print(f"{name.replace('_', ' ')}: {shown}")
    from lookalike_bench.scoring.ocr_quality import reading_quality
    from lookalike_bench.videos.walkthroughs import truth_path

    # The text of a video that the suite rendered itself is known; only this report looks at it.
    if len(videos) == 1 and truth_path(videos[0].path).exists() and reward_model.outline:
        quality = reading_quality(truth_path(videos[0].path).read_text(encoding="utf-8"), reward_model)
        print(f"words read right: {quality.words:.1%}; typed commands read exactly: {quality.actions:.1%}")


def _shortened(text: str, width: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
