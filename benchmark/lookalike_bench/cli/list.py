"""`lookalike-bench list KIND`: what there is to name in a task file."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.cli.options import add_plugin_options, plugins_of

if TYPE_CHECKING:
    from lookalike_bench.plugins.manager import Kind

KINDS = ("tasks", "variants", "environments", "players", "critics", "aggregators", "plugins")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("tasks"), help="of tasks (default: tasks)")
    add_plugin_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from tabulate import tabulate

    headers, rows = _rows(arguments)
    print(tabulate(rows, headers=headers, maxcolwidths=[None] * (len(headers) - 1) + [70]))
    return 0


def _rows(arguments: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    if arguments.kind == "tasks":
        return ["task", "environment", "variants", "description"], _tasks(arguments.folder)
    if arguments.kind == "variants":
        from lookalike_bench.tasks.variants import BUILT_IN_VARIANTS

        return ["variant", "what it is"], [[name, text] for name, (text, _) in BUILT_IN_VARIANTS.items()]
    plugins = plugins_of(arguments)
    if arguments.kind == "plugins":
        loaded = [[name, version, "loaded"] for name, version in plugins.versions().items()]
        return ["plugin", "version", "state"], loaded + [[p.plugin, "", p.reason] for p in plugins.problems]
    kind: Kind = arguments.kind.removesuffix("s")
    rows = []
    for name in plugins.names(kind):
        registered = plugins.find(kind, name)
        try:
            made = registered.load()
            parameters = inspect.signature(made).parameters
            shown, about = ", ".join(parameters), (inspect.getdoc(made) or "").split("\n\n")[0].replace("\n", " ")
        except Exception as error:
            shown, about = "", str(error)
        rows.append([name, registered.plugin, shown, about])
    return [kind, "plugin", "arguments", "what it is"], rows


def _tasks(folder: Path) -> list[list[str]]:
    from lookalike_bench.errors import TaskError, UsageError
    from lookalike_bench.tasks.suite import Suite, load

    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    rows = []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            task = load(path)
        except TaskError as error:
            rows.append([str(path), "", "", str(error)])
            continue
        if isinstance(task, Suite):
            shared = [
                v.name for v in task.tasks[0].variants if all(v.name in each.variant_names for each in task.tasks)
            ]
            about = f"{task.file.description} ({', '.join(task.task_names)})".strip()
            rows.append([str(path), f"suite of {len(task.tasks)}", " ".join(shared), about])
            continue
        variants = " ".join(task.variant_names)
        rows.append([str(path), task.file.environment.plugin, variants, task.file.description])
    return rows
