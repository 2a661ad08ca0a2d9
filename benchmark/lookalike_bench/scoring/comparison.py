"""Two runs side by side: what differs in how they were made, and in what came of them.

comparison = compare_runs(Run(Path("runs/a")), Run(Path("runs/b")))
comparison.changes          # [Change("zork: max_steps", 60, 100), Change("package scipy", "1.16", "1.17")]
comparison.pairs            # second minus first for each task and variant that both played, on shared seeds
comparison.flipped          # the episodes that succeed in one run and not in the other
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from lookalike_bench.records.schema import Manifest
from lookalike_bench.records.store import Run
from lookalike_bench.scoring.results import RunSummary, SuiteVariant, VariantSummary
from lookalike_bench.scoring.statistics import Difference, holm_of_those_tested
from lookalike_bench.scoring.suites import compare_in_suite
from lookalike_bench.scoring.summary import compare_progress, compare_success, summarise

ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that differs between the manifests."""

    what: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Pair:
    """One variant of one task in both runs: second minus first."""

    task: str
    first: VariantSummary
    second: VariantSummary
    success: Difference | None
    progress: Difference | None
    adjusted_p: float | None = None


@dataclass(frozen=True, slots=True)
class SuitePair:
    """One variant of one suite in both runs: second minus first."""

    suite: str
    first: SuiteVariant
    second: SuiteVariant
    success: Difference | None
    adjusted_p: float | None = None


@dataclass(frozen=True, slots=True)
class Flipped:
    """An episode that succeeds in one run only; `won` says in which."""

    task: str
    variant: str
    seed: int
    won: str


PAIR = TypeVar("PAIR", Pair, SuitePair)


@dataclass(frozen=True)
class Comparison:
    first: RunSummary
    second: RunSummary
    changes: list[Change]
    pairs: list[Pair]
    flipped: list[Flipped]
    suites: list[SuitePair] = field(default_factory=list)


def compare_runs(first: Run, second: Run) -> Comparison:
    """Read both. Raises RecordError."""
    summaries = summarise(first), summarise(second)
    pairs = _adjusted(list(_pairs(*summaries)))
    suites = _adjusted(list(_suite_pairs(*summaries)))
    changes = list(_changes(first.read_manifest(), second.read_manifest()))
    return Comparison(*summaries, changes, pairs, [flip for pair in pairs for flip in _flipped(pair)], suites)


def _adjusted(pairs: list[PAIR]) -> list[PAIR]:
    tested = holm_of_those_tested([None if pair.success is None else pair.success.p for pair in pairs])
    return [replace(pair, adjusted_p=adjusted) for pair, adjusted in zip(pairs, tested, strict=True)]


def _pairs(first: RunSummary, second: RunSummary) -> Iterator[Pair]:
    others = {task.task: task for task in second.tasks}
    for task in first.tasks:
        for variant in task.variants:
            other = others[task.task].variant(variant.variant) if task.task in others else None
            if other is not None:
                yield Pair(task.task, variant, other, compare_success(other, variant), compare_progress(other, variant))


def _suite_pairs(first: RunSummary, second: RunSummary) -> Iterator[SuitePair]:
    """Where both name the same tasks by the suite's name."""
    others = {(suite.suite, *suite.tasks): suite for suite in second.suites}
    for suite in first.suites:
        same = others.get((suite.suite, *suite.tasks))
        for variant in suite.variants if same else ():
            other = same.variant(variant.variant) if same else None
            if other is not None:
                yield SuitePair(suite.suite, variant, other, compare_in_suite(other, variant))


def _flipped(pair: Pair) -> Iterator[Flipped]:
    for seed in sorted(pair.first.outcomes.keys() & pair.second.outcomes.keys()):
        before, after = pair.first.outcomes[seed].success, pair.second.outcomes[seed].success
        if before != after:
            yield Flipped(pair.task, pair.first.variant, seed, "second" if after else "first")


def _changes(first: Manifest, second: Manifest) -> Iterator[Change]:
    plain = (("Python", "python"), ("platform", "platform"), ("commit", "git_commit"))
    for name, attribute in plain:
        yield from _different(name, getattr(first, attribute), getattr(second, attribute))
    yield from _different("plugin", first.plugins, second.plugins)
    yield from _different("package", first.packages, second.packages)
    suites = [{entry.suite: entry.tasks for entry in manifest.suites} for manifest in (first, second)]
    yield from _different("suite", *suites)
    tasks, others = ({entry.task: entry for entry in manifest.tasks} for manifest in (first, second))
    for name in {**tasks, **others}:
        one, other = tasks.get(name), others.get(name)
        if one is None or other is None:
            yield Change(f"task {name}", "played" if one else ABSENT, "played" if other else ABSENT)
            continue
        yield from _different(f"{name}: seeds", one.seeds, other.seeds)
        yield from _different(f"{name}:", one.definition, other.definition)


def _different(what: str, one: Any, other: Any) -> Iterator[Change]:
    """The leaves in which two pieces of plain data differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        joined = "" if what.endswith(":") or " " not in what else "."
        for key in {**one, **other}:
            place = f"{what}{joined or ' '}{key}"
            yield from _different(place, one.get(key, ABSENT), other.get(key, ABSENT))
    elif one != other:
        yield Change(what, one, other)
