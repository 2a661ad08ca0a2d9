"""One run from its options to its report: which tasks, where it is written, and the engine that plays it.

The pytest plugin and the command line both drive this, so that they cannot differ.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from filelock import FileLock

from lookalike_bench.engine.cache import ResponseCache
from lookalike_bench.engine.engine import Engine
from lookalike_bench.engine.environments import prepare_environment, shows_pictures
from lookalike_bench.engine.manifest import check_same_run, make_manifest
from lookalike_bench.engine.models import Models
from lookalike_bench.engine.plan import EpisodePlan, Listener
from lookalike_bench.engine.prices import Budget, Prices
from lookalike_bench.engine.remote import Transport
from lookalike_bench.errors import AssetUnavailable, EpisodeError, RecordError, TaskError, UsageError
from lookalike_bench.plugins.manager import Kind, check_arguments, load_plugins
from lookalike_bench.records.schema import EpisodeEnd, Manifest, titles
from lookalike_bench.records.store import Run
from lookalike_bench.tasks.assets import cache_directory
from lookalike_bench.tasks.schema import PluginSpec, parse_seeds
from lookalike_bench.tasks.spec import parse_plugin_spec
from lookalike_bench.tasks.suite import Suite, load
from lookalike_bench.tasks.task import Task, load_stand_in, load_task

RUNS = Path("runs")
PUBLISHED = "published"
"""In the place of seeds: those of a row on a leaderboard."""


@dataclass(frozen=True)
class Options:
    """What a person asked for, as they wrote it."""

    variants: str | None = None
    seeds: str | None = None
    player: str | None = None
    critic: str | None = None
    out: str | None = None
    resume: bool = False
    plugin_files: tuple[str, ...] = ()
    installed_plugins: bool = True
    allowed_plugins: tuple[str, ...] | None = None
    stand_ins: bool = True
    cache: bool = True
    budget: str | None = None
    prices: str | None = None
    max_connections: str | None = None
    timeout: str | None = None
    shared: bool = field(default=False, metadata={"help": "other processes write into the same run"})

    def __post_init__(self) -> None:
        """An empty text is what an unset variable of a shell leaves: it does not ask for the task's own."""
        for option in fields(self):
            if getattr(self, option.name) == "":
                name = option.name.replace("_", "-")
                raise UsageError(f"--{name} is empty: give it a value, or leave it out")


class RunSession:
    """A run that is being set up, played and reported."""

    def __init__(self, options: Options, listener: Listener) -> None:
        """Raises UsageError for what is wrong with the options whatever the task is."""
        self.options = options
        self.listener = listener
        self.run: Run | None = None
        self.misused = False
        self.prices = Prices.load(Path(options.prices)) if options.prices is not None else Prices.load()
        self.plugins = load_plugins(
            options.plugin_files, entry_points=options.installed_plugins, allow=options.allowed_plugins
        )
        for problem in self.plugins.problems:
            listener.note(f"plugin {problem.plugin!r} is passed over: {problem.reason}")
        self._budget = _above_zero("--budget", options.budget) if options.budget is not None else None
        self._transport = _transport(options)
        self._seeds = _seeds(options)
        self._player = parse_plugin_spec(options.player) if options.player is not None else None
        self._critic = parse_plugin_spec(options.critic) if options.critic is not None else None
        self._engine: Engine | None = None
        self._tasks: dict[Path, Task] = {}
        self._suites: dict[Path, Suite] = {}
        self._futures: dict[tuple[str, str, int], Future[EpisodeEnd]] = {}

    @classmethod
    def reopened(cls, path: Path, listener: Listener) -> RunSession:
        """A session on a run that others have played, for its report only."""
        session = cls(Options(installed_plugins=False), listener)
        session.run = Run(path)
        return session

    @property
    def shows_pictures(self) -> bool:
        """Whether a game of the run is one of pictures."""
        return any(shows_pictures(self.plugins, task.file.environment) for task in self._tasks.values())

    def suite(self, path: Path) -> Suite | None:
        """The suite that a file is; None where it is a task."""
        found = load(path)
        if not isinstance(found, Suite):
            return None
        return self._suites.setdefault(path.resolve(), found)

    def task(self, path: Path) -> Task:
        """A task file as the options change it, or its stand-in where its game cannot be had."""
        key = path.resolve()
        if key not in self._tasks:
            self._tasks[key] = self._available(self._as_asked(load_task(path)))
        return self._tasks[key]

    def open(self, plans: Sequence[EpisodePlan]) -> Run:
        """Choose the run's directory and write, or check, its manifest."""
        models = self._models()
        tasks = _by_name(plans)
        suites = [
            suite
            for suite in self._suites.values()
            if any(self.task(member.path).name in tasks for member in suite.tasks)
        ]
        manifest = make_manifest([_selected(task, plans) for task in tasks.values()], self.plugins, suites)
        run = Run(self._directory(manifest))
        run.make_folder()
        if self.options.shared:
            with FileLock(run.path / "manifest.lock"):
                if not run.manifest_path.exists():
                    run.write_manifest(manifest)
        elif run.manifest_path.exists():
            if not self.options.resume:
                raise UsageError(f"{run.path} holds a run already; go on with it by --resume, or name another --out")
            check_same_run(run, manifest)
        else:
            run.write_manifest(manifest)
            if self.options.resume:
                self.listener.note(f"--resume: there was no run in {run.path}; a new one begins")
        self.run = run
        self._engine = Engine(run, self.plugins, self.listener, resume=self.options.resume, models=models)
        return run

    def prepare(self, plan: EpisodePlan) -> None:
        """Have ready what the episode's variant needs. A model that fails here fails its episodes, which say so."""
        try:
            self._running.prepare(plan.task, plan.variant).result()
        except EpisodeError:
            return
        except UsageError:
            self.misused = True
            raise

    def play(self, plan: EpisodePlan, following: Sequence[EpisodePlan] = ()) -> EpisodeEnd:
        """The end of an episode. Those that follow are handed to the engine too, so that they wait together."""
        for each in (plan, *following):
            if each.key not in self._futures:
                self._futures[each.key] = self._running.submit(each)
        try:
            return self._futures[plan.key].result()
        except CancelledError:
            raise KeyboardInterrupt from None

    def close(self) -> None:
        """Stop what is still under way; what is on disk can be resumed."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def report(self) -> str | None:
        """The run's tables, from its records; None if nothing was played."""
        if self.run is None or not self.run.manifest_path.exists():
            return None
        from lookalike_bench.publish.tables import render_run
        from lookalike_bench.scoring.summary import summarise

        return f"{render_run(summarise(self.run))}\n\nrun: {self.run.path}"

    def missed_expectations(self) -> list[str]:
        """The thresholds of the tasks' `expect:` that were missed, or cannot be told."""
        if self.run is None or not self.run.manifest_path.exists():
            return []
        from lookalike_bench.scoring.summary import check_expectations, summarise

        manifest = self.run.read_manifest()
        if not any(entry.expect for entry in manifest.tasks):
            return []
        summary = summarise(self.run)
        return [
            f"{entry.task}: expected {text}" + ("" if met is False else " (no episode was scored)")
            for entry in manifest.tasks
            for text, met in check_expectations(entry.expect, summary.task(entry.task))
            if not met
        ]

    @property
    def _running(self) -> Engine:
        assert self._engine is not None, "open() comes first"
        return self._engine

    def _models(self) -> Models:
        return Models(
            transport=self._transport,
            cache=ResponseCache(cache_directory() / "responses.sqlite3") if self.options.cache else None,
            budget=Budget(self.prices, self._budget),
        )

    def _as_asked(self, task: Task) -> Task:
        variants = self.options.variants
        return task.with_options(
            variants=[name.strip() for name in variants.split(",")] if variants is not None else None,
            seeds=task.published_seeds if self.options.seeds == PUBLISHED else self._seeds,
            player=self._player,
            critic=self._critic,
        )

    def _available(self, task: Task) -> Task:
        self._check_plugins(task)
        try:
            prepare_environment(self.plugins, task.file.environment)
            return task
        except AssetUnavailable as error:
            stand_in = load_stand_in(task)
            if stand_in is None or not self.options.stand_ins:
                raise
            self.listener.note(f"{error}")
            self.listener.note(
                f"STAND-IN: {stand_in.name} is played in the place of {task.name}; it is not {task.name}"
            )
            return self._available(self._as_asked(stand_in))
        except UsageError as error:
            raise TaskError(f"{task.path}: environment: {error}") from None

    def _check_plugins(self, task: Task) -> None:
        """Every plugin that the task names must be there, with arguments that it takes, before anything is played.
        Raises TaskError."""
        named: list[tuple[str, Kind, PluginSpec | None]] = [("", "environment", task.file.environment)]
        for variant in task.variants:
            where = f"variant {variant.name!r}: "
            named.append((where, "player", variant.player))
            named.append((where, "critic", variant.critic))
            named.append((where, "aggregator", variant.aggregator))
        for where, kind, spec in named:
            if spec is not None:
                try:
                    registered = self.plugins.find(kind, spec.plugin)
                    check_arguments(registered, registered.load(), spec.arguments)
                except UsageError as error:
                    raise TaskError(f"{task.path}: {where}{error}") from None

    def _directory(self, manifest: Manifest) -> Path:
        if self.options.out is not None:
            return Path(self.options.out)
        if self.options.resume:
            return _latest_run(manifest)
        return new_run_directory("+".join(titles(manifest)))


def new_run_directory(name: str) -> Path:
    """`runs/NAME-TIME`, not there yet."""
    stem = f"{name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    candidates = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(RUNS / candidate for candidate in candidates if not (RUNS / candidate).exists())


def _transport(options: Options) -> Transport:
    transport = Transport()
    if options.max_connections is not None:
        most = int(_above_zero("--max-connections", options.max_connections))
        transport = replace(transport, max_connections=most)
    if options.timeout is not None:
        transport = replace(transport, timeout=_above_zero("--timeout", options.timeout))
    return transport


def _seeds(options: Options) -> list[int] | None:
    """The seeds that are named; None for the task's own."""
    if options.seeds is None or options.seeds == PUBLISHED:
        return None
    try:
        return parse_seeds(options.seeds)
    except ValueError as error:
        raise UsageError(f"--seeds {options.seeds}: {error}") from None


def _above_zero(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf") or (option == "--max-connections" and number < 1):
        raise UsageError(f"{option} is a number above 0, got {text!r}")
    return number


def _latest_run(wanted: Manifest) -> Path:
    """The newest run of the same tasks and suites under runs/. Raises RecordError if there is none."""
    names = [entry.task for entry in wanted.tasks]
    found = []
    for manifest_path in RUNS.glob("*/manifest.json"):
        try:
            manifest = Run(manifest_path.parent).read_manifest()
        except RecordError:
            continue
        if [entry.task for entry in manifest.tasks] == names and manifest.suites == wanted.suites:
            found.append((manifest.created, manifest_path.parent))
    if not found:
        raise RecordError(f"--resume: no run of {', '.join(titles(wanted))} under {RUNS}/; name it with --out")
    return max(found)[1]


def _by_name(plans: Sequence[EpisodePlan]) -> dict[str, Task]:
    """The tasks that are planned. Raises UsageError where two files have one name."""
    tasks: dict[str, Task] = {}
    for plan in plans:
        first = tasks.setdefault(plan.task.name, plan.task)
        if first.path.resolve() != plan.task.path.resolve():
            raise UsageError(f"{plan.task.path}: the task {first.name!r} has the name of {first.path}; rename one")
    return tasks


def _selected(task: Task, plans: Sequence[EpisodePlan]) -> Task:
    """The task with only the variants and seeds that are to be played: what the run plans."""
    own = [plan for plan in plans if plan.task.name == task.name]
    names = {plan.variant.name for plan in own}
    seeds = {plan.seed for plan in own}
    return task.with_options(
        variants=[variant.name for variant in task.variants if variant.name in names],
        seeds=[seed for seed in task.file.seeds if seed in seeds],
    )
