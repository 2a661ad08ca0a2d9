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

import pytest

from lookalike_bench.cli.options import add_plugin_options
from lookalike_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator

    from lookalike_bench.cli.live import LiveView
    from lookalike_bench.engine.plan import EpisodePlan
    from lookalike_bench.session import Options, RunSession


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
    from lookalike_bench.cli.live import LiveView
    from lookalike_bench.session import RunSession

    signal.signal(signal.SIGTERM, _interrupt)
    with LiveView() as view:
        session = RunSession(_options(arguments), view)
        for task in arguments.tasks:
            _check_selection(session, task)
        reporter = Reporter(session, view)
        try:
            code = pytest.main(_pytest_arguments(arguments), plugins=[reporter])
        except KeyboardInterrupt:
            # Interrupted once more while the run was ending: whoever does that waits for no table.
            return _interrupted(session, arguments)
    for line in reporter.problems:
        print(f"lookalike-bench: {line}", file=sys.stderr)
    if reporter.interrupted and session.run is None:
        return _interrupted(session, arguments)
    if reporter.problems and (session.run is None or session.misused):
        return 2
    if arguments.dry_run:
        return _print_estimate(reporter, arguments)
    missed = session.missed_expectations()
    ending = _print_results(session, arguments)
    for line in missed:
        print(f"lookalike-bench: {line}", file=sys.stderr)
    if reporter.interrupted:
        return _interrupted(session, arguments)
    return 1 if missed or code != pytest.ExitCode.OK else ending


class Reporter:
    """Stands in for pytest's terminal: feeds the live view and keeps what went wrong, a line each."""

    def __init__(self, session: RunSession, view: LiveView) -> None:
        self.session = session
        self.view = view
        self.problems: list[str] = []
        self.interrupted = False
        self.plans: list[EpisodePlan] = []

    def pytest_configure(self, config: Any) -> None:
        from lookalike_bench.pytest_plugin import SESSION

        config.stash[SESSION] = self.session

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        try:
            return (yield)
        except pytest.UsageError as error:
            # Left alone, pytest would print it, as an error of its own.
            self.problems += map(str, error.args)
            raise pytest.exit.Exception("wrong use") from None

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
            # The name that pytest gives to what lies outside the current folder has no path in it.
            episode = report.nodeid.partition("::")[2]
            self.problems.append(f"{report.location[0]}::{episode}: {str(report.longrepr).strip().splitlines()[-1]}")

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        # pytest's own "stop" (as after errors while collecting) comes this way too, as a subclass: it is no interrupt.
        self.interrupted = excinfo.type is KeyboardInterrupt

    def pytest_internalerror(self, excrepr: Any, excinfo: Any) -> bool:
        self.problems.append(f"internal error, please report it:\n{excrepr}")
        return True


def _check_paths(tasks: list[str]) -> None:
    """Every task file must be there, and be one. Raises UsageError with the nearest that is."""
    for task in tasks:
        path = Path(task.split("::")[0])
        named_as_one = path.suffix in (".yaml", ".yml")
        if not os.path.isfile(path) or not named_as_one:  # Path.is_file() raises for a name that no file can have.
            near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.y*ml")], 1)
            hint = f"; did you mean {path.parent / near[0]}?" if near else ""
            what = "not a task file (NAME.yaml)" if os.path.exists(path) and not named_as_one else "no such task file"
            raise UsageError(f"{path}: {what}{hint}")


def _options(arguments: argparse.Namespace) -> Options:
    from lookalike_bench.session import Options

    return Options(
        variants=arguments.variants,
        seeds=arguments.seeds,
        player=arguments.player,
        critic=arguments.critic,
        out=arguments.out,
        resume=arguments.resume,
        plugin_files=tuple(arguments.plugin),
        installed_plugins=not arguments.no_plugins,
        allowed_plugins=tuple(arguments.allow_plugin or ()) or None,
        stand_ins=not arguments.no_stand_in,
        cache=not arguments.no_cache,
        budget=arguments.budget,
        prices=arguments.prices,
        max_connections=arguments.max_connections,
        timeout=arguments.timeout,
    )


def _check_selection(session: RunSession, selected: str) -> None:
    """What follows a file's name must be in the file: PATH::VARIANT::seedN, or PATH::TASK::VARIANT::seedN of a
    suite. Raises UsageError with the nearest that is."""
    from lookalike_bench.tasks.task import no_such

    file, *names = selected.split("::")
    if not names:
        return

    def check(kind: str, known: list[str]) -> str:
        name = names.pop(0)
        if name not in known:
            raise UsageError(f"{selected}: {no_such(kind, name, known)}")
        return name

    path = Path(file)
    suite = session.suite(path)
    if suite is not None:
        member = check("task", suite.task_names)
        path = next(task.path for task in suite.tasks if task.name == member)
    task = session.task(path)
    if names:
        check("variant", task.variant_names)
    if names:
        check("seed", [f"seed{seed}" for seed in task.file.seeds])
    if names:
        raise UsageError(f"{selected}: nothing is selected below a seed")


def _pytest_arguments(arguments: argparse.Namespace) -> list[str]:
    options = [
        "-p", "lookalike_bench.pytest_plugin", "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:logging",
        "--noconftest", "-c", os.devnull, "--rootdir", os.getcwd(), "--capture=no",
    ]  # fmt: skip
    if arguments.exit_first:
        options.append("-x")
    if arguments.dry_run:
        options.append("--collect-only")
    return [*options, *arguments.tasks]


def _print_estimate(reporter: Reporter, arguments: argparse.Namespace) -> int:
    """What the run would take, before anything is spent."""
    import json

    from lookalike_bench.engine.prices import estimate

    told = estimate(reporter.plans, reporter.session.prices, reporter.session.plugins)
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


def _interrupted(session: RunSession, arguments: argparse.Namespace) -> int:
    way_on = f"; go on with: {_resume_command(session, arguments)}" if session.run is not None else ""
    print(f"lookalike-bench: interrupted{way_on}", file=sys.stderr)
    return 130


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
