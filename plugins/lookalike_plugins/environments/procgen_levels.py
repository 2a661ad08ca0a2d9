"""Makes the demonstrations of the Procgen tasks by search, and lists the levels that can be solved.

    cd tasks/demonstrations
    python -m lookalike_plugins.environments.procgen_levels demonstrate maze --levels 0-9 --to procgen
    python -m lookalike_plugins.environments.procgen_levels screen maze --levels 100-139 --to procgen

`demonstrate` writes one file a level, maze-0.json and so on; `screen` writes maze-levels.json: for each level the
length of the solution that was found, or null. A level whose length is 1 is solved by nearly anything.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lookalike_bench.tasks.schema import PluginSpec, parse_seeds
from lookalike_bench.videos.demonstrations import record

from lookalike_plugins.environments.procgen import Procgen
from lookalike_plugins.environments.search import find_solution

HOLD = {"maze": 1, "leaper": 5}
"""Frames that an action is held in the tasks: a maze is walked cell by cell, a leap lasts five frames."""
USUAL_HOLD = 4
BIAS = {"coinrun": "right", "leaper": "up"}
BUDGET = 15_000
MADE = "searched with snapshots (lookalike_plugins.environments.search)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="procgen_levels", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["demonstrate", "screen"])
    parser.add_argument("game")
    parser.add_argument("--levels", type=parse_seeds, required=True, help='such as "0-9"')
    parser.add_argument("--mode", default="easy", choices=["easy", "hard"])
    parser.add_argument("--to", type=Path, required=True, help="the folder to write to")
    options = parser.parse_args()
    hold = HOLD.get(options.game, USUAL_HOLD)
    environment = Procgen(options.game, options.mode, hold)
    spec = PluginSpec.model_validate({"plugin": "procgen", "game": options.game, "mode": options.mode, "hold": hold})
    attempts = 5 if options.what == "demonstrate" else 1
    lengths: dict[str, int | None] = {}
    for level in options.levels:
        actions = find_solution(
            environment,
            level,
            BUDGET,
            exact=options.game == "maze",
            bias=BIAS.get(options.game, ""),
            attempts=attempts,
        )
        lengths[str(level)] = len(actions) if actions else None
        print(f"{options.game} level {level}: {len(actions) if actions else 'no solution found'}", flush=True)
        if actions and options.what == "demonstrate":
            path = options.to / f"{options.game}-{level}.json"
            record(environment, spec, level, actions, "searched", MADE).save(path)
    if options.what == "screen":
        found = {"game": options.game, "mode": options.mode, "hold": hold, "budget": BUDGET, "lengths": lengths}
        options.to.mkdir(parents=True, exist_ok=True)
        (options.to / f"{options.game}-levels.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
