"""The leaderboard: the rows that submissions give, and nothing else.

    tasks, suites = load_folder(Path("tasks"))
    board = collect(submissions, tasks, suites, read_references(Path("leaderboards/reference.yaml")))
    write_tables(board, Path("leaderboards"))          # leaderboard_tables.py: README.md and a file for each task
    write_site(board, Path("leaderboards/site"))       # leaderboard_site.py: the same as pages, with step viewers

The same submissions give the same tables, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lookalike_bench.errors import RecordError
from lookalike_bench.publish.submissions import Accepted
from lookalike_bench.publish.tables import banners
from lookalike_bench.scoring.results import Estimate, TaskSummary, VariantSummary
from lookalike_bench.scoring.statistics import mean_of_proportions
from lookalike_bench.scoring.summary import summarise
from lookalike_bench.tasks.suite import Suite
from lookalike_bench.tasks.task import Task

_LONG_SHA256 = re.compile(r"(@sha256:[0-9a-f]{12})[0-9a-f]{52}")

METHODS = {
    "baseline": "player alone (pLLM)",
    "single": "player + critic (pLLM + vLLM)",
    "swarm": "swarm + critic (pLLM swarm + vLLM)",
}
"""The rows of the paper, by the method that plays them. Anything else is a control."""


class PaperRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: str
    name: str
    zork: float
    procgen: float


class Paper(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    source: str
    note: str
    rows: list[PaperRow]


class Literature(BaseModel):
    """A result of somebody else: printed beside ours, set apart, with its handicap and where it is from."""

    model_config = ConfigDict(extra="forbid")

    environment: str
    system: str
    score: str
    budget: str
    handicap: str
    source: str
    second_hand: bool


class References(BaseModel):
    model_config = ConfigDict(extra="forbid")

    paper: Paper
    literature: list[Literature]


@dataclass(frozen=True)
class Row:
    """One variant of one submission on one task."""

    accepted: Accepted
    task: TaskSummary
    variant: VariantSummary

    @property
    def is_control(self) -> bool:
        return bool(self.variant.label) or self.variant.method not in METHODS

    @property
    def score(self) -> float | None:
        scores = [outcome.score for outcome in self.variant.outcomes.values()]
        return sum(scores) / len(scores) if scores else None

    @property
    def tokens_per_episode(self) -> float:
        return self.variant.tokens / max(1, self.variant.scored)

    @property
    def seconds_per_episode(self) -> float:
        return self.variant.seconds / max(1, self.variant.scored)

    @property
    def name(self) -> str:
        return f"{self.accepted.submission.name}: {self.variant.variant}"

    @property
    def player(self) -> str:
        """The model as its player names it; of a file's sha256 the first digits, the rest is in the submission."""
        for seed in self.task.seeds:
            episode = self.accepted.run.episode(self.task.task, self.variant.variant, seed)
            if episode is not None:
                return _LONG_SHA256.sub(r"\1", episode.header.player or "nobody")
        return "?"


@dataclass(frozen=True)
class Column:
    """A column of the whole suite: a suite file, of which all tasks are needed for a mean, or an environment that
    no suite file speaks for, of which the tasks that were played are averaged."""

    name: str
    tasks: Sequence[str]
    is_suite: bool


@dataclass(frozen=True)
class Cell:
    """A submission's success with a method in a column; `note` says over which tasks."""

    success: Estimate
    note: str


@dataclass(frozen=True)
class Board:
    """All rows, by task in the order of the tasks' names; the best first, controls after them."""

    tasks: Mapping[str, Task]
    suites: Mapping[str, Suite]
    rows: Mapping[str, list[Row]]
    accepted: Sequence[Accepted]
    references: References

    @property
    def columns(self) -> list[Column]:
        """Those that have a row, by name. A suite speaks for its environments: their other tasks, such as twins on
        demonstrated levels, have their own pages and are not mixed into a mean."""
        columns = [Column(suite.name, suite.task_names, True) for suite in self.suites.values()]
        spoken_for = {task.file.environment.plugin for suite in self.suites.values() for task in suite.tasks}
        environments: dict[str, list[str]] = {}
        for task in self.rows:
            environments.setdefault(self.tasks[task].file.environment.plugin, []).append(task)
        columns += [Column(name, tasks, False) for name, tasks in environments.items() if name not in spoken_for]
        played = [column for column in columns if not self.rows.keys().isdisjoint(column.tasks)]
        return sorted(played, key=lambda column: column.name)

    def cell(self, accepted: Accepted, method: str, column: Column) -> Cell | None:
        """A submission's success with a method over the tasks of a column; None where it played none of them."""
        rows = [
            row
            for task in column.tasks
            for row in self.rows.get(task, ())
            if row.accepted is accepted and row.variant.method == method and not row.is_control
        ]
        # Of several variants with one method, that of the method's name counts, else the first in the task's
        # order: never the best one, which would be picking by result.
        rows.sort(key=lambda row: (row.variant.variant == method, -row.task.variants.index(row.variant)))
        first = {row.task.task: row for row in rows}
        if not first:
            return None
        names = ", ".join(sorted(first))
        if column.is_suite and len(first) < len(column.tasks):
            return Cell(Estimate(None, None), f"{len(first)} of {len(column.tasks)} tasks: {names}")
        counts = [
            (sum(outcome.success for outcome in row.variant.outcomes.values()), row.variant.scored)
            for row in first.values()
        ]
        return Cell(Estimate(*mean_of_proportions(counts)), f"all {len(first)} tasks" if column.is_suite else names)


def read_references(path: Path) -> References:
    """Raises RecordError."""
    from lookalike_bench.tasks.yaml_file import read_yaml

    return read_yaml(path, error=RecordError).validate(References)


def collect(
    accepted: Sequence[Accepted], tasks: Mapping[str, Task], suites: Mapping[str, Suite], references: References
) -> Board:
    """Every row of every submission."""
    rows: dict[str, list[Row]] = {}
    for each in accepted:
        for task in summarise(each.run).tasks:
            if task.task in tasks:
                rows.setdefault(task.task, []).extend(Row(each, task, variant) for variant in task.variants)
    for of_task in rows.values():
        of_task.sort(key=_rank)
    return Board(tasks, suites, dict(sorted(rows.items())), accepted, references)


def _rank(row: Row) -> tuple[Any, ...]:
    success, progress = row.variant.success.mean, row.variant.progress.mean
    return row.is_control, -(success or 0.0), -(progress or 0.0), row.accepted.slug, row.variant.variant


def literature_of(board: Board, task: str) -> list[Literature]:
    environment = board.tasks[task].file.environment.plugin
    return [row for row in board.references.literature if row.environment == environment]


def banners_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(banner for row in rows for banner in banners(row.task)))


def handicaps_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(handicap for row in rows for handicap in row.variant.handicaps))
