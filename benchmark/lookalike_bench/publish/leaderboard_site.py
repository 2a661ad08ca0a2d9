"""The leaderboard as a static site: it needs no server, and nothing from the network when it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lookalike_bench.publish.charts import scatter
from lookalike_bench.publish.leaderboard import METHODS, Board, Row, banners_of, handicaps_of, literature_of
from lookalike_bench.publish.pages import render, write_page
from lookalike_bench.publish.report_page import write_report


def write_site(board: Board, folder: Path) -> list[Path]:
    """Write the pages of the site: the suite, each task, and each submission's runs with the step viewer."""
    written = [folder / "index.html"]
    write_page(written[0], render("suite.html", script="board.js", board=board, methods=METHODS))
    for task, rows in board.rows.items():
        page = render(
            "task.html",
            script="board.js",
            board=board,
            name=task,
            task=board.tasks[task],
            rows=rows,
            charts=list(_charts(rows)),
            banners=banners_of(rows),
            literature=literature_of(board, task),
            handicaps=handicaps_of(rows),
        )
        path = folder / f"{task}.html"
        write_page(path, page)
        written.append(path)
    for accepted in board.accepted:
        path = folder / "submissions" / f"{accepted.slug}.html"
        write_report(accepted.run, path, title=accepted.submission.name, back="../index.html")
        written.append(path)
    return written


def _charts(rows: Sequence[Row]) -> Iterator[Any]:
    """Success against what it took."""
    played = [row for row in rows if row.variant.scored]
    axes: dict[str, Callable[[Row], float]] = {
        "tokens an episode": lambda row: row.tokens_per_episode,
        "mean steps": lambda row: row.variant.steps or 0.0,
        "US dollars an episode": lambda row: (row.variant.cost_usd or 0.0) / max(1, row.variant.scored),
    }
    for name, value in axes.items():
        points = [(row.name, row.variant.success.mean or 0.0, value(row)) for row in played]
        if any(x for *_, x in points):
            yield scatter("success", name, points, percent_y=True)
