"""`lookalike-bench report RUN`: the tables of a run, from its records."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="directory of a run, or a submission's file")
    parser.add_argument(
        "--html",
        metavar="FILE",
        nargs="?",
        type=Path,
        const=Path(),
        help="write one self-contained page with a step viewer (default: report.html in the run's directory)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.publish.tables import render_run
    from lookalike_bench.records.bundles import opened
    from lookalike_bench.scoring.summary import summarise, to_json

    with opened(arguments.run) as run:
        summary = summarise(run)
        print(to_json(summary, arguments.run) if arguments.json else render_run(summary))
        if arguments.html is not None:
            from lookalike_bench.publish.report_page import write_report

            inside = arguments.run / "report.html" if arguments.run.is_dir() else Path("report.html")
            page = inside if arguments.html == Path() else arguments.html
            write_report(run, page)
            if not arguments.json:
                print(f"\npage: {page}")
    return 0
