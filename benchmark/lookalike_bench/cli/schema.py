"""`lookalike-bench schema`: the JSON Schema with which editors complete and check task files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE", type=Path, help="write to a file (default: print)")


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.tasks.schema import json_schema

    text = json.dumps(json_schema(), indent=2) + "\n"
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0
