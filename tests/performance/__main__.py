"""`make performance`: how near the suite comes to the ideal, against a server of a set latency on the loopback.

The harness is pinned to one core and the server to another, where there are two. Everything is real but the model:
Zork in its own process, the engine, the records, the response cache, the openai player over HTTP. Each case is a
process of its own. The last case is the player `local`, with real weights and all cores. The exit code is 1 if a case
misses what it must reach.

    python -m tests.performance                                 # all cases
    python -m tests.performance local --model smollm2-135m      # one case, with other weights
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.performance.local import local_player
from tests.performance.row import Row

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
LATENCY = 0.2


def pinned(core: int) -> Any:
    """For Popen: run the child on one core, where the system can do that."""
    return (lambda: os.sched_setaffinity(0, {core})) if hasattr(os, "sched_setaffinity") else None


@contextmanager
def stub(latency: float) -> Iterator[str]:
    """The server, on the last core; gives its URL."""
    command = [sys.executable, "-m", "tests.performance.stub", "--latency", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(CORES[-1]))
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def harness(latency: float, **options: object) -> dict[str, Any]:
    """Play a case on the first core; what it took, and what the server saw."""
    with stub(latency) as url:
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "tests.performance.harness", "--url", f"{url}/v1", *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=pinned(CORES[0]))
        result: dict[str, Any] = json.loads(done.stdout)
        if result["errors"]:
            raise SystemExit(f"an episode errored: {result['errors'][0]}")
        return {**result, "server": stats(url)}


def stats(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/stats") as answer:
        counted: dict[str, Any] = json.load(answer)
        return counted


def one_long_episode() -> list[Row]:
    """Each figure is the median of three episodes."""
    played = [harness(0, steps=500)["steps"][0] for _ in range(3)]
    a_step = statistics.median(statistics.mean(seconds) for seconds in played)
    early = statistics.median(statistics.median(seconds[30:70]) for seconds in played)
    growth = statistics.median(
        statistics.median(seconds[-40:]) / statistics.median(seconds[30:70]) for seconds in played
    )
    clients = asking_alone()
    valid = statistics.median(harness(0, steps=100, listing="valid")["steps"][0])
    return [
        Row("500 steps at 0 ms: a step, the game's part included", 1000 * a_step, "ms", 2.0),
        Row("  its median at step 500 to that at step 50", growth, "x", 1.2, f"{1000 * early:.2f} ms at step 50"),
        Row("  of it: to ask, with 200 messages", clients["ours"], "ms", float("inf"), official(clients)),
        Row("  with valid actions listed (Zork tries each)", 1000 * valid, "ms", float("inf")),
    ]


def asking_alone() -> dict[str, float]:
    with stub(0) as url:
        command = [sys.executable, "-m", "tests.performance.clients", "--url", f"{url}/v1"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=pinned(CORES[0]))
        found: dict[str, float] = json.loads(done.stdout)
        return found


def official(clients: dict[str, float]) -> str:
    return f"the official SDK: {clients['sdk']:.1f} ms" if "sdk" in clients else "the official SDK is not installed"


def many_episodes() -> list[Row]:
    """The middle one of three runs."""
    runs = [harness(LATENCY, steps=30, episodes=16) for _ in range(3)]
    result = sorted(runs, key=lambda run: float(run["seconds"]))[1]
    ideal = 30 * LATENCY
    together = f"{result['seconds'] / ideal:.2f} x the ideal; {result['server']['most_running']} calls at once"
    return [
        Row("16 episodes x 30 steps at 200 ms (ideal 6.0 s)", result["seconds"], "s", 6.5, together),
        Row("  peak memory, harness", result["own_mb"], "MB", 150),
        Row("  peak memory with the 16 games' processes", result["all_mb"], "MB", float("inf")),
    ]


def swarm() -> list[Row]:
    [seconds] = harness(LATENCY, steps=30, variant="swarm")["steps"]
    return [
        Row("swarm of 5 at 200 ms: a step to one call", statistics.mean(seconds) / LATENCY, "x", 1.15),
        prefix("single", harness(0, steps=100, variant="single")),
        prefix("swarm", harness(0, steps=100, variant="swarm")),
    ]


def prefix(variant: str, result: dict[str, Any]) -> Row:
    share = 100 * result["server"]["prefix_share"]
    return Row(f"prompt that a prefix cache serves, {variant}, 100 steps", share, "%", 98, at_least=True)


def first_request() -> list[Row]:
    """From the command to the first question, everything included; the best of three, once files are cached."""
    found = []
    for _ in range(4):
        with stub(0) as url, tempfile.TemporaryDirectory() as name:
            task = Path(name) / "task.yaml"
            task.write_text(FIRST_REQUEST)
            command = [str(Path(sys.executable).with_name("lookalike-bench")), "run", str(task), "--no-cache"]
            command += ["--player", f"openai:base_url={url}/v1,decode=generate", "--out", f"{name}/run", "--json"]
            started = time.time()
            subprocess.run(command, check=True, capture_output=True, preexec_fn=pinned(CORES[0]))
            found.append(stats(url)["first_call"] - started)
    return [Row("from the command to the first request", min(found[1:]), "s", 1.0)]


FIRST_REQUEST = """
name: zork-first
environment: {plugin: zork, story: zork1-r119}
goal: {score: 350}
max_steps: 1
seeds: 0
player: {plugin: openai}
critic: {plugin: constant}
variants: {baseline: {}}
"""


def main() -> int:
    cases: dict[str, Callable[[], list[Row]]] = {
        "episode": one_long_episode,
        "episodes": many_episodes,
        "swarm": swarm,
        "start": first_request,
        "local": lambda: local_player(arguments.model, arguments.steps),
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"{', '.join(cases)}; all by default")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="the weights of the player local")
    parser.add_argument("--steps", type=int, default=3, help="steps of each kind that the player local is timed for")
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - set(cases):
        parser.error(f"no case {', '.join(sorted(unknown))}: expected {', '.join(cases)}")

    print(f"{platform.machine()}, {len(CORES)} cores, Python {platform.python_version()}", flush=True)
    rows: list[Row] = []
    for name in arguments.cases or cases:
        for row in cases[name]():
            rows.append(row)
            print(row, flush=True)
    return 0 if all(row.reached for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
