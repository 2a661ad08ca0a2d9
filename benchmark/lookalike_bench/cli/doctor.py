"""`lookalike-bench doctor`: what works on this machine, and what a task would need that is missing."""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.cli.options import add_plugin_options, plugins_of

if TYPE_CHECKING:
    from lookalike_bench.plugins.manager import PluginManager
    from lookalike_bench.tasks.schema import PluginSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tasks", metavar="TASK", nargs="*", type=Path, help="task files whose environment to check")
    parser.add_argument("--environment", metavar="NAME[:ARGS]", action="append", help="an environment to check")
    add_plugin_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench import __version__
    from lookalike_bench.errors import LookalikeError
    from lookalike_bench.tasks.assets import cache_directory
    from lookalike_bench.tasks.schema import PluginSpec
    from lookalike_bench.tasks.spec import parse_plugin_spec
    from lookalike_bench.tasks.task import load_task

    plugins = plugins_of(arguments)
    machine = f"{platform.system()} {platform.machine()}"
    print(f"lookalike-bench {__version__}, Python {platform.python_version()}, {machine}")
    print(f"cache: {cache_directory()}")
    healthy = not plugins.problems
    for problem in plugins.problems:
        print(f"FAIL  plugin {problem.plugin}: {problem.reason}")
    named = [parse_plugin_spec(text) for text in arguments.environment or ()]
    named += [load_task(path).file.environment for path in arguments.tasks]
    if not named:
        named = [PluginSpec(plugin=name) for name in plugins.names("environment")]
    for spec in named:
        print(f"\nenvironment {spec}")
        try:
            healthy = _check(plugins, spec) and healthy
        except LookalikeError as error:
            # One that nobody asked for by name may well lack its package, its game or an argument here.
            asked_for = bool(arguments.tasks or arguments.environment)
            print(f"  {'FAIL' if asked_for else 'skip'}  {error}")
            healthy = healthy and not asked_for
    sys.stdout.flush()
    return 0 if healthy else 1


def _check(plugins: PluginManager, spec: PluginSpec) -> bool:
    from lookalike_bench.engine.checker import check_environment
    from lookalike_bench.engine.environments import open_environment

    # What cannot be had here is told before, and is no fault of the environment.
    open_environment(plugins, spec).close()
    checks = check_environment(lambda: open_environment(plugins, spec))
    for check in checks:
        print(f"  {'ok  ' if check.passed else 'FAIL'}  {check.name}{f': {check.detail}' if check.detail else ''}")
    return all(check.passed for check in checks)
