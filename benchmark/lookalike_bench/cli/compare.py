"""`lookalike-bench compare A B`: what differs between two runs, in how they were made and in what came of them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="A", type=Path, help="directory of a run, or a submission's file")
    parser.add_argument("second", metavar="B", type=Path, help="another")
    parser.add_argument("--html", metavar="DIR", type=Path, help="write pages with both step viewers, linked")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.publish.comparison_page import comparison_json, render_comparison, write_comparison
    from lookalike_bench.records.bundles import opened
    from lookalike_bench.scoring.comparison import compare_runs

    with opened(arguments.first) as first, opened(arguments.second) as second:
        comparison = compare_runs(first, second)
        print(json.dumps(comparison_json(comparison), indent=1) if arguments.json else render_comparison(comparison))
        if arguments.html is not None:
            names = (str(arguments.first), str(arguments.second))
            page = write_comparison(first, second, comparison, names, arguments.html)
            if not arguments.json:
                print(f"\npage: {page}")
    return 0
