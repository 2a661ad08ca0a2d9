"""`lookalike-bench new-plugin NAME`: a single-file plugin that works, to be changed into one's own."""

from __future__ import annotations

import argparse
import keyword
from pathlib import Path

TEMPLATE = '''"""{name}: a plugin for lookalike-bench.

    lookalike-bench run tasks/zork-house.yaml --plugin {file} --player {name}
"""

from collections.abc import Sequence
from random import Random

from lookalike_bench.plugins import hookimpl
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Request


class {class_name}(Player):
    """Takes the action that the last message recommends, and any other where it recommends none."""

    concurrency = 4

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(self.choose(request)) for request in requests]

    def choose(self, request: Request) -> str:
        said = request.messages[-1].content
        recommended = [choice for choice in request.choices if f"The expert recommends: {{choice}}." in said]
        return (recommended or [Random(request.seed).choice(request.choices or ["look"])])[0]


@hookimpl
def lookalike_players():
    return {{"{name}": {class_name}}}
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="such as my-player")
    parser.add_argument("--out", metavar="FILE", type=Path, help="default: NAME.py, with underscores")


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.errors import UsageError

    stem = arguments.name.replace("-", "_")
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise UsageError(
            f"new-plugin {arguments.name}: a name has letters, digits, '-' and '_', and begins with a letter"
        )
    path = arguments.out or Path(f"{stem}.py")
    if path.exists():
        raise UsageError(f"{path} is there already")
    class_name = "".join(part.capitalize() for part in stem.split("_"))
    path.write_text(TEMPLATE.format(name=arguments.name, file=path, class_name=class_name), encoding="utf-8")
    print(f"written to {path}")
    print(f"try it: lookalike-bench run tasks/zork-house.yaml --plugin {path} --player {arguments.name}")
    return 0
