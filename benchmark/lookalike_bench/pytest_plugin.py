"""Task files as pytest tests: `pytest tasks/zork.yaml` does the work of `lookalike-bench run tasks/zork.yaml`.

    tasks/zork.yaml::baseline::seed0      a File, its variants, an Item for each seed
    pytest tasks/zork.yaml::swarm         one variant
    pytest tasks/zork.yaml -m swarm -k seed1 --lf -x -n 2
    pytest tasks/procgen.yaml             a suite: its tasks, as tasks/procgen.yaml::procgen-maze::swarm::seed120

pytest selects and reports; the engine plays; what is on disk is the truth. A low score passes: it is a result.
A threshold of the task's own `expect:` that is missed fails. A model, network or environment that failed is an
ERROR. This is the only module of the core that knows pytest, and it imports next to nothing until a task file
is collected, since it is loaded by every pytest on the machine.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lookalike_bench.engine.plan import EpisodePlan
    from lookalike_bench.session import RunSession
    from lookalike_bench.tasks.task import Task
    from lookalike_bench.tasks.variants import Variant

SESSION: pytest.StashKey[RunSession] = pytest.StashKey()
"""The command line puts a session of its own here, and pytest's options are not asked then."""
AHEAD = 16
"""Episodes handed to the engine before pytest asks for them, so that they wait together."""


class EpisodeFault(Exception):
    """An episode that could not be played to its end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lookalike-bench", "lookalike-bench task files")
    add = group.addoption
    add("--lookalike-variants", metavar="A,B", help="variants to play")
    add("--lookalike-seeds", metavar="0-9", help="seeds to play")
    add("--lookalike-player", metavar="NAME[:ARGS]", help="the player, in place of the task's")
    add("--lookalike-critic", metavar="NAME[:ARGS]", help="the critic, in place of the task's")
    add("--lookalike-out", metavar="DIR", help="directory of the run (default: runs/TASK-TIME)")
    add("--lookalike-resume", action="store_true", help="go on with an interrupted run")
    add("--lookalike-plugin", metavar="FILE", action="append", default=[], help="load a plugin from a file")
    add("--lookalike-no-plugins", action="store_true", help="load no plugins of installed packages")
    add("--lookalike-allow-plugin", metavar="NAME", action="append", help="load only this installed plugin")
    add("--lookalike-no-stand-in", action="store_true", help="fail where a task's files cannot be had")
    add("--lookalike-no-cache", action="store_true", help="ask models again what they were asked before")
    add("--lookalike-budget", metavar="USD", help="stop, to be resumed, when this much is spent")
    add("--lookalike-prices", metavar="FILE", help="dollars per million tokens, by model")
    add("--lookalike-max-connections", metavar="N", help="calls to one model at once, at most")
    add("--lookalike-timeout", metavar="SECONDS", help="time limit of one call to a model")
    parser.addini("lookalike_tasks", "globs of task files to collect without naming them", type="args", default=[])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> TaskCollector | None:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    globs = parent.config.getini("lookalike_tasks")
    named = parent.session.isinitpath(file_path)
    if named or any(fnmatch.fnmatch(str(file_path.relative_to(parent.config.rootpath)), glob) for glob in globs):
        return TaskCollector.from_parent(parent, path=file_path)
    return None


def run_session(config: pytest.Config) -> RunSession:
    """This pytest's run, made when the first task file is collected. Raises UsageError for a wrong option."""
    if SESSION not in config.stash:
        from lookalike_bench.engine.plan import Silent
        from lookalike_bench.session import Options, RunSession

        option = config.getoption
        options = Options(
            variants=option("--lookalike-variants"),
            seeds=option("--lookalike-seeds"),
            player=option("--lookalike-player"),
            critic=option("--lookalike-critic"),
            out=getattr(config, "workerinput", {}).get("lookalike_out", option("--lookalike-out")),
            resume=option("--lookalike-resume"),
            plugin_files=tuple(option("--lookalike-plugin")),
            installed_plugins=not option("--lookalike-no-plugins"),
            allowed_plugins=tuple(option("--lookalike-allow-plugin") or ()) or None,
            stand_ins=not option("--lookalike-no-stand-in"),
            cache=not option("--lookalike-no-cache"),
            budget=option("--lookalike-budget"),
            prices=option("--lookalike-prices"),
            max_connections=option("--lookalike-max-connections"),
            timeout=option("--lookalike-timeout"),
            shared=hasattr(config, "workerinput"),
        )
        config.stash[SESSION] = RunSession(options, Silent())
    return config.stash[SESSION]


class TaskCollector(pytest.File):
    """A task file, or a suite's. Only parsed and checked here: no network but for a missing file of the game's,
    no model."""

    def collect(self) -> Iterator[pytest.Collector]:
        from lookalike_bench.errors import LookalikeError

        path = _shown(self.path, self.config)
        try:
            session = run_session(self.config)
            suite = session.suite(path)
            tasks = [session.task(each) for each in ([path] if suite is None else [task.path for task in suite.tasks])]
        except LookalikeError as error:
            raise self.CollectError(str(error)) from None
        if suite is None:
            yield from _variants(self, tasks[0])
            return
        for member, task in zip(suite.tasks, tasks, strict=True):
            yield MemberCollector.from_parent(self, name=member.name, task=task)


class MemberCollector(pytest.Collector):
    """One task of a suite."""

    def __init__(self, *, task: Task, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.task = task

    def collect(self) -> Iterator[VariantCollector]:
        yield from _variants(self, self.task)


def _variants(parent: pytest.Collector, task: Task) -> Iterator[VariantCollector]:
    for variant in task.variants:
        parent.config.addinivalue_line("markers", f"{variant.name}: variant of a lookalike-bench task")
        yield VariantCollector.from_parent(parent, name=variant.name, task=task, variant=variant)


class VariantCollector(pytest.Collector):
    """One variant of a task."""

    def __init__(self, *, task: Task, variant: Variant, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.task = task
        self.variant = variant

    def collect(self) -> Iterator[EpisodeItem]:
        from lookalike_bench.engine.plan import EpisodePlan

        for seed in self.task.file.seeds:
            plan = EpisodePlan(self.task, self.variant, seed)
            yield EpisodeItem.from_parent(self, name=f"seed{seed}", plan=plan)


class EpisodeItem(pytest.Item):
    """One episode: one variant on one seed. A swarm is one item; its members gather inside it."""

    def __init__(self, *, plan: EpisodePlan, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.plan = plan
        self.add_marker(plan.variant.name)

    def setup(self) -> None:
        # What the variant's episodes share (the reward model, the player) is made once, by the first of them.
        session = run_session(self.config)
        try:
            session.prepare(self.plan)
        finally:
            if session.misused:
                # Whoever has to change the task or the call has nothing from the episodes that follow.
                self.session.shouldstop = "wrong use"

    def runtest(self) -> None:
        session = run_session(self.config)
        end = session.play(self.plan, self._following())
        if end.status == "errored":
            raise EpisodeFault(end.error)
        self.user_properties += [("success", end.success), ("score", end.score), ("steps", end.steps)]

    def _following(self) -> list[EpisodePlan]:
        """The episodes that come next. None under xdist, where another process may have them."""
        if hasattr(self.config, "workerinput"):
            return []
        items = self.session.items
        position = items.index(self)
        return [item.plan for item in items[position + 1 : position + 1 + AHEAD] if isinstance(item, EpisodeItem)]

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, str(self.plan)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if isinstance(item, EpisodeItem) and call.excinfo is not None:
        from lookalike_bench.errors import LookalikeError

        if isinstance(call.excinfo.value, (EpisodeFault, LookalikeError)):
            # What is reported of the set-up reads ERROR: the episode says nothing about the player.
            report.when = "setup"
            report.longrepr = str(call.excinfo.value)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An episode that was named twice, by its task and by a suite, is played once: where it was named first."""
    seen: set[tuple[Path, tuple[str, str, int]]] = set()
    kept: list[pytest.Item] = []
    for item in items:
        if isinstance(item, EpisodeItem):
            key = item.plan.task.path.resolve(), item.plan.key
            if key in seen:
                continue
            seen.add(key)
        kept.append(item)
    items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    plans = [item.plan for item in session.items if isinstance(item, EpisodeItem)]
    if plans and not session.config.option.collectonly:
        from lookalike_bench.errors import LookalikeError

        try:
            run_session(session.config).open(plans)
        except LookalikeError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    run = session.config.stash.get(SESSION, None)
    if run is None:
        return
    run.close()
    if run.missed_expectations() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    run = config.stash.get(SESSION, None) or _run_of_workers(config)
    if run is None or run.report() is None:
        return
    terminalreporter.section("lookalike-bench")
    terminalreporter.write_line(run.report())
    for missed in run.missed_expectations():
        terminalreporter.write_line(f"FAILED {missed}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    run = config.stash.get(SESSION, None)
    if run is not None:
        run.close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: the controller names the run's directory, and the workers write into it together."""
    from lookalike_bench.session import new_run_directory

    config = node.config
    if not hasattr(config, "lookalike_out"):
        named = config.getoption("--lookalike-out")
        config.lookalike_out = str(new_run_directory("run")) if named is None else named
    node.workerinput["lookalike_out"] = config.lookalike_out


def _run_of_workers(config: pytest.Config) -> RunSession | None:
    """In xdist's controller: the run that the workers played, for its tables."""
    out = getattr(config, "lookalike_out", None)
    if out is None or not Path(out, "manifest.json").exists():
        return None
    from lookalike_bench.engine.plan import Silent
    from lookalike_bench.session import RunSession

    return RunSession.reopened(Path(out), Silent())


def _shown(path: Path, config: pytest.Config) -> Path:
    """The path as a person would write it from where pytest was called."""
    try:
        return path.relative_to(config.invocation_params.dir)
    except ValueError:
        return path
