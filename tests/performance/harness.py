"""Plays one measured case in a process of its own and prints what it took as JSON.

python -m tests.performance.harness --url http://127.0.0.1:PORT/v1 --variant swarm --steps 30 --episodes 16
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from lookalike_bench.engine.cache import ResponseCache
from lookalike_bench.engine.engine import Engine
from lookalike_bench.engine.manifest import make_manifest
from lookalike_bench.engine.models import Models
from lookalike_bench.engine.plan import plan
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.records.store import Run
from lookalike_bench.tasks.task import load_task

TASK = """
name: zork-measured
environment: {{plugin: zork, story: zork1-r119, list_actions: {listing}}}
videos: [{{file: none.mp4}}]
goal: {{score: 350}}
max_steps: {steps}
seeds: 0-{last}
player: {{plugin: openai, base_url: "{url}", decode: {decode}}}
critic: {{plugin: constant}}
variants:
  {variant}: {{}}
"""


def play(url: str, variant: str, steps: int, episodes: int, decode: str, listing: str) -> dict[str, object]:
    """Real Zork, the real engine and records, the openai player, a new response cache."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = TASK.format(url=url, variant=variant, steps=steps, last=episodes - 1, decode=decode, listing=listing)
        (folder / "task.yaml").write_text(text)
        (folder / "none.mp4").write_bytes(b"the constant critic does not look")
        task, plugins = load_task(folder / "task.yaml"), load_plugins()
        run = Run(folder / "run")
        run.write_manifest(make_manifest([task], plugins))
        peak = PeakMemory()
        with Engine(run, plugins, models=Models(cache=ResponseCache(folder / "responses.sqlite3"))) as engine:
            for variant_played in task.variants:
                engine.prepare(task, variant_played).result()
            started = time.perf_counter()
            ends = [future.result() for future in [engine.submit(episode) for episode in plan([task])]]
            seconds = time.perf_counter() - started
        return {
            "seconds": seconds,
            "errors": [end.error for end in ends if end.status != "scored"],
            "played": sum(end.steps for end in ends),
            "steps": [[step.seconds for step in episode.steps] for episode in run.episodes()],
            **peak.stop(),
        }


class PeakMemory:
    """Watches this process and its children (the environments), in MB; what they share is counted once."""

    def __init__(self) -> None:
        self.own = self.all = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        # Looking takes milliseconds of the one core that is measured: seldom is often enough.
        while not self._done.wait(0.5):
            own = _megabytes("self")
            children = Path("/proc/self/task").glob("*/children")
            pids = {pid for file in children for pid in file.read_text().split()}
            self.own = max(self.own, own)
            self.all = max(self.all, own + sum(map(_megabytes, pids)))

    def stop(self) -> dict[str, float]:
        self._done.set()
        self._thread.join()
        return {"own_mb": self.own, "all_mb": self.all}


def _megabytes(pid: str) -> float:
    """A process's proportional set size."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--variant", default="baseline")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--episodes", type=int, default=1)
    parser.add_argument("--decode", default="generate")
    parser.add_argument("--listing", default="plausible", help="how Zork lists its actions: plausible, valid")
    json.dump(play(**vars(parser.parse_args())), sys.stdout)
