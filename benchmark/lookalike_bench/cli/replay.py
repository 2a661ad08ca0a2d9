"""`lookalike-bench replay RUN|SUBMISSION`: plays a record's actions again; the same must come out."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from lookalike_bench.cli.options import add_plugin_options
from lookalike_bench.errors import RecordError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN|SUBMISSION", type=Path, help="directory of a run, or a submission's file")
    parser.add_argument(
        "--jobs", metavar="N", type=_jobs, help="episodes at once (default: one for each core; at most four)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    add_plugin_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.cli.options import plugins_of
    from lookalike_bench.engine.replaying import replay_run
    from lookalike_bench.records.bundles import opened
    from lookalike_bench.text import printable

    began = time.perf_counter()
    episodes = steps = 0
    divergences = []
    with opened(arguments.run) as opened_run:
        for replayed in replay_run(opened_run, plugins_of(arguments), jobs=arguments.jobs):
            episodes += replayed.steps > 0
            steps += replayed.steps
            if replayed.divergence is not None:
                divergences.append(replayed.divergence)
                if not arguments.json:
                    print(printable(str(replayed.divergence)))
    if not episodes and not divergences:
        raise RecordError(f"{arguments.run}: nothing to replay: no episode of it has a step")
    seconds = time.perf_counter() - began
    if arguments.json:
        found = [
            {"episode": d.episode, "copy": d.copy, "step": d.step, "what": d.what, "expected": d.expected, "got": d.got}
            for d in divergences
        ]
        print(json.dumps({"episodes": episodes, "steps": steps, "seconds": round(seconds, 3), "divergences": found}))
    else:
        verdict = f"{len(divergences)} of them differ from the record" if divergences else "all as recorded"
        speed = f"{seconds:.1f} s ({steps / seconds:,.0f} a second)"
        print(f"replayed {episodes} episodes, {steps} steps in {speed}: {verdict}")
    return 1 if divergences else 0


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)
