"""`lookalike-bench report RUN`: the tables of a run, from its records."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.cli.options import add_plugin_options, plugins_of
from lookalike_bench.errors import UsageError

if TYPE_CHECKING:
    from lookalike_bench.records.store import Run


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
    parser.add_argument("--frames", action="store_true", help="with --html: play the episodes again for their pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    add_plugin_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.publish.tables import render_run
    from lookalike_bench.records.bundles import opened
    from lookalike_bench.scoring.summary import summarise, to_json

    if arguments.frames and arguments.html is None:
        raise UsageError("--frames: the pictures go into a page; ask for one with --html")
    if arguments.html not in (None, Path()) and arguments.html.is_dir():
        raise UsageError(f"--html {arguments.html}: a folder; name a file, such as {arguments.html / 'report.html'}")
    with opened(arguments.run) as run:
        summary = summarise(run)
        print(to_json(summary, arguments.run) if arguments.json else render_run(summary))
        if arguments.html is not None:
            inside = arguments.run / "report.html" if arguments.run.is_dir() else Path("report.html")
            page = inside if arguments.html == Path() else arguments.html
            _write_page(run, page, arguments)
            if not arguments.json:
                print(f"\npage: {page}")
    return 0


def _write_page(run: Run, page: Path, arguments: argparse.Namespace) -> None:
    from lookalike_bench.publish.report_page import write_report

    if not arguments.frames:
        write_report(run, page)
        return
    from lookalike_bench.engine.replaying import frame_source

    with frame_source(plugins_of(arguments)) as frames:
        write_report(run, page, frames=frames)
