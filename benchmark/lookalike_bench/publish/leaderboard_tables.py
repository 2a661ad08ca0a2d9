"""The leaderboard as Markdown: the suite in the paper's shape (rows: methods; columns: environments), and each task."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from lookalike_bench.publish.leaderboard import METHODS, Board, Cell, Row, banners_of, handicaps_of, literature_of
from lookalike_bench.publish.pages import shown
from lookalike_bench.publish.submissions import Accepted
from lookalike_bench.publish.tables import count_text, estimate_text
from lookalike_bench.tasks.task import Task


def write_tables(board: Board, folder: Path) -> list[Path]:
    """Write the Markdown files; returns their paths."""
    pages = {"README.md": _suite(board), **{f"{task}.md": _task(board, task) for task in board.rows}}
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in pages.items():
        (folder / name).write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return [folder / name for name in pages]


def _suite(board: Board) -> Iterator[str]:
    from tabulate import tabulate

    yield "# Leaderboard\n"
    yield "Written by `lookalike-bench leaderboard build` from the files in `submissions/`: do not edit it by hand."
    yield "How to submit is in CONTRIBUTING.md. Success with 95 % intervals, as the mean over a column's tasks, each"
    yield "weighing the same: all tasks of a suite, or what was played of an environment.\n"
    headers = ["submission", "method", *(column.name for column in board.columns), "verified"]
    rows = []
    for accepted in board.accepted:
        for method, title in METHODS.items():
            cells = [board.cell(accepted, method, column) for column in board.columns]
            if any(cells):
                rows.append([_submission_link(accepted), title, *map(_suite_cell, cells), _verified(accepted)])
    yield tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True) if rows else "No submission yet."
    if board.suites:
        yield "\n## Suites\n"
        for suite in board.suites.values():
            yield f"- {suite.name}: {', '.join(suite.task_names)}"
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
    for banner in banners_of(rows):
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
    handicaps = handicaps_of(rows)
    if handicaps:
        yield "\n## Handicaps\n"
        yield from (f"- {markdown(handicap)}" for handicap in handicaps)
    literature = literature_of(board, name)
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


def _suite_cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    return f"{estimate_text(cell.success)} ({cell.note})"


def _submission_link(accepted: Accepted) -> str:
    return f"[{markdown(accepted.submission.name)}](submissions/{accepted.path.name})"


def _verified(accepted: Accepted) -> str:
    mark = accepted.verified
    return "no" if mark is None else f"{mark.date}" + (f" at {mark.commit}" if mark.commit else "")


def _seeds(task: Task) -> str:
    seeds = task.published_seeds
    consecutive = seeds == list(range(seeds[0], seeds[0] + len(seeds)))
    return f"{seeds[0]}-{seeds[-1]}" if consecutive and len(seeds) > 1 else ", ".join(map(str, seeds))


def markdown(text: str) -> str:
    """Text of a stranger in a Markdown table: no markup, no HTML, no link, no second line."""
    escaped = html.escape(shown(" ".join(text.split())), quote=False)
    return re.sub(r"([\\`*_\[\]|#~!])", r"\\\1", escaped).replace("://", "&#58;//")
