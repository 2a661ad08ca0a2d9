"""`lookalike-bench cache`: what is kept of models' answers; `cache explain RUN ...`: why one had to be asked for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike_bench.engine.cache import Kept, ResponseCache


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clear", action="store_true", help="forget the answers: all, or those of --model")
    parser.add_argument("--model", metavar="NAME", help="only the answers of this model (a * stands for anything)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    commands = parser.add_subparsers(dest="subcommand", metavar="explain")
    explain = commands.add_parser("explain", help="why a step of a run had to be asked for")
    explain.add_argument("run", metavar="RUN", type=Path, help="directory of a run")
    explain.add_argument("--task", metavar="NAME", help="needed where the run has more than one")
    explain.add_argument("--variant", metavar="NAME", required=True)
    explain.add_argument("--seed", metavar="N", type=int, required=True)
    explain.add_argument("--step", metavar="N", type=int, required=True, help="the first is 1")
    explain.add_argument("--member", metavar="N", type=int, default=0, help="of a swarm; the first, by default, is 0")


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.engine.cache import ResponseCache
    from lookalike_bench.tasks.assets import cache_directory

    path = cache_directory() / "responses.sqlite3"
    if not path.exists():
        print(json.dumps(_document(path, [])) if arguments.json else f"{path}: no answers are kept yet")
        return 0
    cache = ResponseCache(path)
    try:
        if arguments.subcommand == "explain":
            return _explain(arguments, cache)
        return _show(arguments, cache)
    finally:
        cache.close()


def _show(arguments: argparse.Namespace, cache: ResponseCache) -> int:
    """The table of what is kept; with --clear, what of it was forgotten."""
    import fnmatch

    from lookalike_bench.errors import UsageError
    from lookalike_bench.text import printable

    kept = cache.kept()
    shown = [one for one in kept if arguments.model is None or fnmatch.fnmatchcase(_model(one), arguments.model)]
    if arguments.model is not None and not shown:
        models = ", ".join(dict.fromkeys(map(_model, kept))) or "of nobody"
        raise UsageError(f"no answers of {arguments.model!r} are kept; there are answers of: {printable(models)}")
    forgotten = cache.clear([one.identity for one in shown]) if arguments.clear else 0
    if arguments.json:
        print(json.dumps({**_document(cache.path, shown), "forgotten": forgotten}))
        return 0
    if arguments.clear:
        print(f"{forgotten:,} answers forgotten; {len(cache):,} are left in {cache.path}")
        return 0
    from tabulate import tabulate

    print(tabulate(map(_row, shown), headers=["model", "as", "of", "answers", "kB", "last (UTC)"], intfmt=","))
    print(f"\n{sum(one.answers for one in shown):,} answers; {cache.path}, {cache.path.stat().st_size / 1000:,.0f} kB")
    return 0


def _explain(arguments: argparse.Namespace, cache: ResponseCache) -> int:
    from lookalike_bench.engine.explaining import Turn, explain
    from lookalike_bench.errors import UsageError
    from lookalike_bench.records.store import Run
    from lookalike_bench.text import printable

    run = Run(arguments.run)
    tasks = [entry.task for entry in run.read_manifest().tasks]
    if arguments.task is None and len(tasks) > 1:
        raise UsageError(f"{arguments.run} has {len(tasks)} tasks; name one with --task: {', '.join(tasks)}")
    if arguments.task not in (None, *tasks):
        raise UsageError(f"{arguments.run} has no task {arguments.task!r}; it has {', '.join(tasks)}")
    task = arguments.task or tasks[0]
    turn = Turn(task, arguments.variant, arguments.seed, arguments.step, arguments.member)
    for line in explain(run, cache, turn).splitlines():
        print(printable(line))
    return 0


def _document(path: Path, kept: list[Kept]) -> dict[str, Any]:
    models = [{"asked": one.asked, "answers": one.answers, "bytes": one.size, "last": one.last} for one in kept]
    return {"path": str(path), "answers": sum(one.answers for one in kept), "models": models}


def _row(kept: Kept) -> list[Any]:
    from lookalike_bench.text import printable

    asked = kept.asked
    role = f"critic {asked['critic'].lower()}" if "critic" in asked else f"player {asked.get('player', '?')}"
    told = [printable(str(cell)) for cell in (_model(kept), role, asked.get("base_url") or "")]
    return [*told, kept.answers, round(kept.size / 1000), kept.last]


def _model(kept: Kept) -> str:
    # A model that is a file is called by its name, wherever that lies.
    return Path(str(kept.asked.get("model", "?"))).name
