"""`lookalike-bench run TASK...`: plays tasks through pytest, shows them live, prints the table."""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike_bench.cli.options import add_plugin_options
from lookalike_bench.errors import UsageError

if TYPE_CHECKING:
    from lookalike_bench.cli.live import LiveView
    from lookalike_bench.engine.plan import EpisodePlan
    from lookalike_bench.session import RunSession


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tasks", metavar="TASK", nargs="+", help="task or suite files, or PATH::VARIANT::seedN")
    parser.add_argument("--variants", metavar="A,B", help="variants to play (default: those of the task)")
    parser.add_argument(
        "--seeds", metavar="0-9", help="seeds to play, or 'published': a leaderboard row's (default: the task's)"
    )
    parser.add_argument("--player", metavar="NAME[:ARGS]", help="the player, in place of the task's")
    parser.add_argument("--critic", metavar="NAME[:ARGS]", help="the critic, in place of the task's")
    parser.add_argument("--out", metavar="DIR", help="directory of the run (default: runs/TASK-TIME)")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run (the newest, or --out)")
    parser.add_argument("--no-stand-in", action="store_true", help="fail where a task's files cannot be had")
    parser.add_argument("--dry-run", action="store_true", help="tell what the run would take and cost; play nothing")
    parser.add_argument("--budget", metavar="USD", help="stop, to be resumed, when this much is spent")
    parser.add_argument("--prices", metavar="FILE", help="dollars per million tokens, by model (default: built in)")
    parser.add_argument("--no-cache", action="store_true", help="ask models again what they were asked before")
    parser.add_argument("--max-connections", metavar="N", help="calls to one model at once, at most (default: 100)")
    parser.add_argument("--timeout", metavar="SECONDS", help="time limit of one call to a model (default: 120)")
    parser.add_argument("--exit-first", "-x", action="store_true", help="stop at the first episode that errors")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    add_plugin_options(parser)


def run(arguments: argparse.Namespace) -> int:
    _check_paths(arguments.tasks)
    # Other pytest plugins on this machine have no part in a run, and would only cost time.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    from lookalike_bench.cli.live import LiveView

    signal.signal(signal.SIGTERM, _interrupt)
    with LiveView() as view:
        reporter = Reporter(view)
        code = pytest.main(_pytest_arguments(arguments), plugins=[reporter])
    session = reporter.session
    for line in reporter.problems:
        print(f"lookalike-bench: {line}", file=sys.stderr)
    if arguments.dry_run:
        return _print_estimate(reporter, arguments)
    if session is None or session.run is None:
        return 130 if code == pytest.ExitCode.INTERRUPTED and not reporter.problems else 2
    missed = session.missed_expectations()
    ending = _print_results(session, arguments)
    for line in missed:
        print(f"lookalike-bench: {line}", file=sys.stderr)
    if reporter.interrupted:
        print(f"lookalike-bench: interrupted; go on with: {_resume_command(session, arguments)}", file=sys.stderr)
        return 130
    if session.misused:
        return 2
    return 1 if missed or code != pytest.ExitCode.OK else ending


class Reporter:
    """Stands in for pytest's terminal: feeds the live view and keeps what went wrong, a line each."""

    def __init__(self, view: LiveView) -> None:
        self.view = view
        self.problems: list[str] = []
        self.interrupted = False
        self.plans: list[EpisodePlan] = []
        self.session: RunSession | None = None

    def pytest_configure(self, config: Any) -> None:
        from lookalike_bench.pytest_plugin import LISTENER

        config.stash[LISTENER] = self.view
        self.config = config

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.problems.append(str(report.longrepr).strip())

    def pytest_collection_finish(self, session: Any) -> None:
        from lookalike_bench.pytest_plugin import EpisodeItem

        self.plans = [item.plan for item in session.items if isinstance(item, EpisodeItem)]
        if not session.config.option.collectonly:
            self.view.plan(self.plans)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.problems.append(f"{report.nodeid}: {str(report.longrepr).strip().splitlines()[-1]}")

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        # pytest's own "stop" (as after errors while collecting) comes this way too, and is no interrupt.
        self.interrupted = excinfo.errisinstance(KeyboardInterrupt)

    def pytest_internalerror(self, excrepr: Any, excinfo: Any) -> bool:
        self.problems.append(f"internal error, please report it:\n{excrepr}")
        return True

    def pytest_unconfigure(self, config: Any) -> None:
        from lookalike_bench.pytest_plugin import SESSION

        self.session = config.stash.get(SESSION, None)


def _check_paths(tasks: list[str]) -> None:
    """Every task file must be there. Raises UsageError with the nearest that is."""
    for task in tasks:
        path = Path(task.split("::")[0])
        if not path.is_file():
            near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.y*ml")], 1)
            hint = f"; did you mean {path.parent / near[0]}?" if near else ""
            raise UsageError(f"{path}: no such task file{hint}")


def _pytest_arguments(arguments: argparse.Namespace) -> list[str]:
    options = [
        "-p", "lookalike_bench.pytest_plugin", "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:logging",
        "--noconftest", "-c", os.devnull, "--rootdir", os.getcwd(), "--capture=no",
    ]  # fmt: skip
    for name in ("variants", "seeds", "player", "critic", "out", "budget", "prices", "max_connections", "timeout"):
        if getattr(arguments, name) is not None:
            options.append(f"--lookalike-{name.replace('_', '-')}={getattr(arguments, name)}")
    options += [f"--lookalike-plugin={file}" for file in arguments.plugin]
    options += [f"--lookalike-allow-plugin={name}" for name in arguments.allow_plugin or ()]
    for name in ("resume", "no_stand_in", "no_plugins", "no_cache"):
        if getattr(arguments, name):
            options.append(f"--lookalike-{name.replace('_', '-')}")
    if arguments.exit_first:
        options.append("-x")
    if arguments.dry_run:
        options.append("--collect-only")
    return [*options, *arguments.tasks]


def _print_estimate(reporter: Reporter, arguments: argparse.Namespace) -> int:
    """What the run would take, before anything is spent."""
    import json

    from lookalike_bench.engine.prices import estimate

    if reporter.problems or reporter.session is None:
        return 2
    told = estimate(reporter.plans, reporter.session.prices(), reporter.session.plugins)
    print(json.dumps(told.as_json()) if arguments.json else told)
    return 0


def _print_results(session: RunSession, arguments: argparse.Namespace) -> int:
    """Print the tables, or the JSON document; 1 if not every planned episode was scored."""
    from lookalike_bench.publish.tables import render_run
    from lookalike_bench.scoring.summary import summarise, to_json

    assert session.run is not None
    summary = summarise(session.run)
    if arguments.json:
        print(to_json(summary, session.run.path))
    else:
        print(render_run(summary))
        print(f"\nrun: {session.run.path}")
        print(f"next: lookalike-bench report {session.run.path} --html{' --frames' if session.shows_pictures else ''}")
    return 0 if all(variant.scored == variant.planned for task in summary.tasks for variant in task.variants) else 1


def _resume_command(session: RunSession, arguments: argparse.Namespace) -> str:
    assert session.run is not None
    words = ["lookalike-bench", "run", *arguments.tasks]
    for name in ("variants", "seeds", "player", "critic", "prices"):
        if getattr(arguments, name) is not None:
            words += [f"--{name}", getattr(arguments, name)]
    for file in arguments.plugin:
        words += ["--plugin", file]
    return shlex.join([*words, "--out", str(session.run.path), "--resume"])


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
