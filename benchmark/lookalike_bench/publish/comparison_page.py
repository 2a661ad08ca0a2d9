"""The comparison of two runs, as text and as pages whose episodes are linked side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lookalike_bench.publish.pages import render, write_page
from lookalike_bench.publish.report_page import write_report
from lookalike_bench.publish.tables import estimate_text, points_text
from lookalike_bench.records.store import Run
from lookalike_bench.scoring.comparison import Comparison, Flipped, Pair, SuitePair
from lookalike_bench.text import printable


def render_comparison(comparison: Comparison) -> str:
    """For a terminal of 120 columns."""
    return "\n".join(_lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    from tabulate import tabulate

    yield "What differs in how they were made" if comparison.changes else "Both were made in the same way"
    for change in comparison.changes:
        yield printable(f"  {change.what}: {_short(change.first)} -> {_short(change.second)}")
    yield ""
    if not comparison.pairs:
        yield "They have no variant of a task in common"
        return
    rows = [_row(f"{pair.task} {pair.first.variant}", pair) for pair in comparison.pairs]
    rows += [_row(f"suite {pair.suite} {pair.first.variant}", pair) for pair in comparison.suites]
    headers = ("variant", "success, first", "success, second", "second minus first", "seeds", "p (Holm)")
    yield tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=True)
    if comparison.flipped:
        yield "\nEpisodes that succeed in one of them only"
        yield from (f"  {printable(f'{f.task} {f.variant} seed {f.seed}')}: in the {f.won}" for f in comparison.flipped)


def _row(name: str, pair: Pair | SuitePair) -> list[str]:
    return [
        printable(name),
        estimate_text(pair.first.success),
        estimate_text(pair.second.success),
        "-" if pair.success is None else points_text(pair.success),
        "-" if pair.success is None else str(pair.success.pairs),
        "-" if pair.adjusted_p is None else f"{pair.adjusted_p:.2g}",
    ]


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "changes": [{"what": c.what, "first": c.first, "second": c.second} for c in comparison.changes],
        "pairs": [
            {
                "task": pair.task,
                **_pair_json(pair),
                "progress_difference": pair.progress.difference if pair.progress else None,
                "progress_interval": pair.progress.interval if pair.progress else None,
            }
            for pair in comparison.pairs
        ],
        "suites": [{"suite": pair.suite, **_pair_json(pair)} for pair in comparison.suites],
        "flipped": [{"task": f.task, "variant": f.variant, "seed": f.seed, "won": f.won} for f in comparison.flipped],
    }


def _pair_json(pair: Pair | SuitePair) -> dict[str, Any]:
    return {
        "variant": pair.first.variant,
        "first": pair.first.success.mean,
        "second": pair.second.success.mean,
        "difference": pair.success.difference if pair.success else None,
        "interval": pair.success.interval if pair.success else None,
        "p": pair.adjusted_p,
    }


def write_comparison(first: Run, second: Run, comparison: Comparison, names: tuple[str, str], folder: Path) -> Path:
    """Write index.html and the page of each run beside it."""
    write_report(first, folder / "first.html", title=f"First: {names[0]}", back="index.html")
    write_report(second, folder / "second.html", title=f"Second: {names[1]}", back="index.html")
    page = render("compare.html", comparison=comparison, names=names, address=_address)
    write_page(folder / "index.html", page)
    return folder / "index.html"


def _address(flipped: Flipped) -> str:
    return "/".join(quote(str(part), safe="") for part in (flipped.task, flipped.variant, flipped.seed, 1))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 44 else f"{text[:41]}..."
