"""The rows of the player `local`: a swarm's step to a member's, and the same work by transformers with torch.

What cannot be had here (the weights, torch) is left out with its reason.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from lookalike_bench.errors import AssetError
from lookalike_bench.tasks.assets import resolve
from lookalike_plugins.players import weights

from tests.performance.row import Row

PEER = "transformers (torch, bfloat16) to local, same work"


def local_player(model: str, steps: int) -> list[Row]:
    if reason := missing("openvino_genai") or not_here(model):
        return [Row(f"local, {model}", math.nan, "x", 2, reason)]
    ours = asked("local", model, steps)
    rows = [swarm_to_member(ours, model, "choose"), swarm_to_member(ours, model, "generate")]
    if reason := missing("torch", "transformers", "gguf", "llguidance"):
        return [*rows, Row(PEER, math.nan, "x", 2, reason, at_least=True)]
    return [*rows, *against(ours, asked("transformers", model, steps))]


def missing(*packages: str) -> str:
    absent = [package for package in packages if not find_spec(package)]
    return f"not measured: {', '.join(absent)} not installed" if absent else ""


def not_here(model: str) -> str:
    """Weights are not fetched for a measurement: they may be a gigabyte."""
    asset = weights.find(model).asset
    try:
        resolve(asset, offline=True, progress=False)
    except AssetError:
        return f"not measured: {asset.name} is not here; the first run with it fetches it"
    return ""


def asked(player: str, model: str, steps: int) -> dict[str, Any]:
    """What a player took, in a process of its own with all cores."""
    command = [sys.executable, "-m", "tests.performance.players", "--player", player, "--model", model]
    command += ["--steps", str(steps)]
    quiet = {**os.environ, "TQDM_DISABLE": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=quiet)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def swarm_to_member(ours: dict[str, Any], model: str, way: str) -> Row:
    one, five = (statistics.median(ours["seconds"][f"{way} {members}"]) for members in (1, 5))
    return Row(f"local, {model}: swarm of 5 to one, {way}", five / one, "x", 2, f"{five:.2f} s to {one:.2f} s")


def against(ours: dict[str, Any], theirs: dict[str, Any]) -> list[Row]:
    """All the seconds of one, over all the seconds of the other; and each kind of work by itself."""
    apart = max(abs(a - b) for a, b in zip(ours["log_probabilities"], theirs["log_probabilities"], strict=True))
    same = f"log-likelihoods within {apart:.2f}; {theirs['written']} tokens written to {ours['written']}"
    kinds = {f"reading {ours['tokens']:,} tokens": (ours["reading"], theirs["reading"])}
    for kind, seconds in ours["seconds"].items():
        way, members = kind.split()
        who = "one member" if members == "1" else f"swarm of {members}"
        kinds[f"{way}, {who}"] = statistics.median(seconds), statistics.median(theirs["seconds"][kind])
    parts = [
        Row(f"  {name}", slow / fast, "x", math.inf, f"{slow:.2f} s to {fast:.2f} s")
        for name, (fast, slow) in kinds.items()
    ]
    return [Row(PEER, total(theirs) / total(ours), "x", 2, same, at_least=True), *parts]


def total(result: dict[str, Any]) -> float:
    return float(result["reading"]) + sum(sum(seconds) for seconds in result["seconds"].values())
