"""The leaderboard: from submissions to tables in Markdown and a static site, and from nothing else.

    board = collect(submissions, tasks, read_references(Path("leaderboards/reference.yaml")))
    write_tables(board, Path("leaderboards"))          # README.md and one file for each task
    write_site(board, Path("leaderboards/site"))       # the same as pages, with charts and the step viewers

The same submissions give the same files, byte for byte.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lookalike_bench.errors import RecordError
from lookalike_bench.publish.pages import shown
from lookalike_bench.publish.submissions import Accepted
from lookalike_bench.publish.tables import banners, count_text, estimate_text
from lookalike_bench.scoring.statistics import mean_of_proportions
from lookalike_bench.scoring.summary import Estimate, TaskSummary, VariantSummary, summarise
from lookalike_bench.tasks.task import Task

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
        """The model as its player names it."""
        for seed in self.task.seeds:
            episode = self.accepted.run.episode(self.task.task, self.variant.variant, seed)
            if episode is not None:
                return episode.header.player or "nobody"
        return "?"


@dataclass(frozen=True)
class Board:
    """All rows, by task in the order of the tasks' names; the best first, controls after them."""

    tasks: Mapping[str, Task]
    rows: Mapping[str, list[Row]]
    accepted: Sequence[Accepted]
    references: References

    @property
    def environments(self) -> list[str]:
        """The columns of the suite."""
        return sorted({self.tasks[task].file.environment.plugin for task in self.rows})

    def cell(self, accepted: Accepted, method: str, environment: str) -> tuple[Estimate, list[str]]:
        """A submission's success with a method on all tasks of an environment, and which those are."""
        rows = [
            row
            for task, of_task in self.rows.items()
            if self.tasks[task].file.environment.plugin == environment
            for row in of_task
            if row.accepted is accepted and row.variant.method == method and not row.is_control
        ]
        # Of several variants with one method, that of the method's name counts, else the first in the task's
        # order: never the best one, which would be picking by result.
        rows.sort(key=lambda row: (row.variant.variant == method, -row.task.variants.index(row.variant)))
        first = {row.task.task: row for row in rows}
        counts = [
            (sum(outcome.success for outcome in row.variant.outcomes.values()), row.variant.scored)
            for row in first.values()
        ]
        return Estimate(*mean_of_proportions(counts)), sorted(first)


def read_references(path: Path) -> References:
    """Raises RecordError."""
    from lookalike_bench.tasks.yaml_file import read_yaml

    return read_yaml(path, error=RecordError).validate(References)


def collect(accepted: Sequence[Accepted], tasks: Mapping[str, Task], references: References) -> Board:
    """Every row of every submission."""
    rows: dict[str, list[Row]] = {}
    for each in accepted:
        for task in summarise(each.run).tasks:
            if task.task in tasks:
                rows.setdefault(task.task, []).extend(Row(each, task, variant) for variant in task.variants)
    for of_task in rows.values():
        of_task.sort(key=_rank)
    return Board(tasks, dict(sorted(rows.items())), accepted, references)


def _rank(row: Row) -> tuple[Any, ...]:
    success, progress = row.variant.success.mean, row.variant.progress.mean
    return row.is_control, -(success or 0.0), -(progress or 0.0), row.accepted.slug, row.variant.variant


def write_tables(board: Board, folder: Path) -> list[Path]:
    """Write the Markdown files; returns their paths."""
    pages = {"README.md": _suite(board), **{f"{task}.md": _task(board, task) for task in board.rows}}
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in pages.items():
        (folder / name).write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return [folder / name for name in pages]


def write_site(board: Board, folder: Path) -> list[Path]:
    """Write the pages of the site: the suite, each task, and each submission's runs with the step viewer."""
    from lookalike_bench.publish.charts import scatter
    from lookalike_bench.publish.pages import render, write_page
    from lookalike_bench.publish.report_page import write_report

    written = [folder / "index.html"]
    write_page(written[0], render("suite.html", script="board.js", board=board, methods=METHODS))
    for task, rows in board.rows.items():
        played = [row for row in rows if row.variant.success.mean is not None]
        labelled = [(row.name, row.variant.success.mean or 0.0, row) for row in played]
        charts = [
            scatter("success", "tokens an episode", [(n, y, row.tokens_per_episode) for n, y, row in labelled],
                    percent_y=True),
            scatter("success", "mean steps", [(n, y, row.variant.steps or 0.0) for n, y, row in labelled],
                    percent_y=True),
        ]  # fmt: skip
        path = folder / f"{task}.html"
        literature = _literature(board, task)
        page = render(
            "task.html", script="board.js", board=board, name=task, task=board.tasks[task], rows=rows, charts=charts,
            banners=_banners(rows), literature=literature, handicaps=_handicaps(rows),
        )  # fmt: skip
        write_page(path, page)
        written.append(path)
    for accepted in board.accepted:
        path = folder / "submissions" / f"{accepted.slug}.html"
        write_report(accepted.run, path, title=accepted.submission.name, back="../index.html")
        written.append(path)
    return written


def _suite(board: Board) -> Iterator[str]:
    from tabulate import tabulate

    yield "# Leaderboard\n"
    yield "Written by `lookalike-bench leaderboard build` from the files in `submissions/`: do not edit it by hand."
    yield "How to submit is in CONTRIBUTING.md. Success with 95 % intervals, as the mean over an environment's tasks.\n"
    headers = ["submission", "method", *board.environments, "verified"]
    rows = []
    for accepted in board.accepted:
        for method, title in METHODS.items():
            cells = [board.cell(accepted, method, environment) for environment in board.environments]
            if any(tasks for _, tasks in cells):
                shown_cells = [_suite_cell(estimate, tasks) for estimate, tasks in cells]
                rows.append([_submission_link(accepted), title, *shown_cells, _verified(accepted)])
    yield tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True) if rows else "No submission yet."
    yield "\n## By task\n"
    for task in board.rows:
        yield f"- [{task}]({task}.md): {markdown(str(board.tasks[task].file.goal))} within " + (
            f"{board.tasks[task].file.max_steps} steps"
        )
    paper = board.references.paper
    yield f"\n## The paper's own table\n\n{markdown(paper.title)} ({markdown(paper.source)}). {markdown(paper.note)}\n"
    shape = [[row.name, f"{row.zork:g}", f"{row.procgen:g}"] for row in paper.rows]
    yield tabulate(shape, headers=["method", "Zork", "procgen"], tablefmt="github", disable_numparse=True)
    yield "\n## Submissions\n"
    for accepted in board.accepted:
        yield f"- {_submission_link(accepted)}: {markdown(accepted.submission.method)}"


def _task(board: Board, name: str) -> Iterator[str]:
    from tabulate import tabulate

    task, rows = board.tasks[name], board.rows[name]
    yield f"# {name}\n"
    yield f"{markdown(str(task.file.goal)).capitalize()} within {task.file.max_steps} steps, seeds {_seeds(task)}. "
    yield f"Task version `{task.hash}`. [All tasks](README.md)\n"
    for banner in _banners(rows):
        yield f"> {markdown(banner)}\n"
    headers = [
        "", "submission: variant", "player", "success", "progress", "score", "steps to goal", "tokens", "seconds",
        "cost", "seeds", "verified",
    ]  # fmt: skip
    yield tabulate([_cells(row) for row in rows], headers=headers, tablefmt="github", disable_numparse=True)
    yield "\nSuccess and progress with 95 % intervals (Wilson; bootstrap). Tokens, seconds and cost are for one"
    yield "episode; seeds are scored of planned. Rows marked c are controls: what the method's parts are worth."
    labels = {(row.variant.variant, row.variant.label): None for row in rows if row.variant.label}
    if labels:
        yield "\n## Controls\n"
        yield from (f"- {markdown(variant)}: {markdown(label)}" for variant, label in labels)
    handicaps = _handicaps(rows)
    if handicaps:
        yield "\n## Handicaps\n"
        yield from (f"- {markdown(handicap)}" for handicap in handicaps)
    literature = _literature(board, name)
    if literature:
        yield "\n## From the literature, under other conditions\n"
        yield tabulate(
            [
                [markdown(x.system), markdown(x.score), markdown(x.budget), markdown(x.handicap), markdown(x.source)
                 + (" (second hand)" if x.second_hand else "")]
                for x in literature
            ],
            headers=["system", "score", "budget", "handicap", "source"],
            tablefmt="github",
            disable_numparse=True,
        )  # fmt: skip


def _cells(row: Row) -> list[str]:
    variant = row.variant
    return [
        "c" if row.is_control else "",
        f"{markdown(row.accepted.submission.name)}: {markdown(variant.variant)}",
        markdown(row.player),
        estimate_text(variant.success),
        estimate_text(variant.progress),
        "-" if row.score is None else f"{row.score:.1f}",
        "-" if variant.steps_to_goal is None else f"{variant.steps_to_goal:.0f}",
        count_text(round(row.tokens_per_episode)),
        f"{row.seconds_per_episode:.1f}",
        "-" if variant.cost_usd is None else f"${variant.cost_usd / max(1, variant.scored):.3f}",
        f"{variant.scored} of {variant.planned}",
        _verified(row.accepted),
    ]


def _suite_cell(estimate: Estimate, tasks: Sequence[str]) -> str:
    if not tasks:
        return "-"
    return f"{estimate_text(estimate)} ({', '.join(tasks)})"


def _submission_link(accepted: Accepted) -> str:
    return f"[{markdown(accepted.submission.name)}](submissions/{accepted.path.name})"


def _verified(accepted: Accepted) -> str:
    mark = accepted.verified
    return "no" if mark is None else f"{mark.date}" + (f" at {mark.commit}" if mark.commit else "")


def _literature(board: Board, task: str) -> list[Literature]:
    environment = board.tasks[task].file.environment.plugin
    return [row for row in board.references.literature if row.environment == environment]


def _banners(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(banner for row in rows for banner in banners(row.task)))


def _handicaps(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(handicap for row in rows for handicap in row.variant.handicaps))


def _seeds(task: Task) -> str:
    seeds = task.file.seeds
    consecutive = seeds == list(range(seeds[0], seeds[0] + len(seeds)))
    return f"{seeds[0]}-{seeds[-1]}" if consecutive and len(seeds) > 1 else ", ".join(map(str, seeds))


def markdown(text: str) -> str:
    """Text of a stranger in a Markdown table: no markup, no HTML, no link, no second line."""
    escaped = html.escape(shown(" ".join(text.split())), quote=False)
    return re.sub(r"([\\`*_\[\]|#~!])", r"\\\1", escaped).replace("://", "&#58;//")
