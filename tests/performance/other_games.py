"""How well the critic of pixels tells its own game from others, by the first picture of levels.

    python -m tests.performance.other_games --levels 200-259

Prints, for each game that is watched (rows) and each of the sixteen that is played (columns), the share of levels
that are refused as another game: ideally 0 where both are the same game and 1 everywhere else. The thresholds were
chosen on levels 100 to 159 of the five games that have demonstrations; other levels, and other games, are a test.
"""

from __future__ import annotations

import argparse

from lookalike_bench.errors import CriticFailure
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.tasks.schema import parse_seeds
from lookalike_bench.types import Observation
from lookalike_plugins.critics.frames import Frames
from lookalike_plugins.environments.procgen import Procgen
from lookalike_plugins.environments.procgen_games import GAMES

from tests.performance.critic import GAMES as WATCHED
from tests.performance.critic import watched


def main() -> None:
    parser = argparse.ArgumentParser(prog="other_games", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--levels", type=parse_seeds, default="200-259", help='such as "200-259"')
    levels = parser.parse_args().levels
    begun = {game: _beginnings(game, levels) for game in sorted(GAMES)}
    print(f"watched  {' '.join(f'{game[:8]:>8}' for game in begun)}", flush=True)
    for game in WATCHED:
        critic, learned = watched(game, "raw")
        shares = [sum(_refused(critic, learned, each) for each in begun[played]) / len(levels) for played in begun]
        print(f"{game:7}  {' '.join(f'{share:8.2f}' for share in shares)}", flush=True)


def _beginnings(game: str, levels: list[int]) -> list[tuple[Observation, list[str]]]:
    environment = Procgen(game)
    begun = [(environment.reset(level), environment.actions()) for level in levels]
    environment.close()
    return begun


def _refused(critic: Frames, learned: RewardModel, beginning: tuple[Observation, list[str]]) -> bool:
    try:
        critic.judge(learned).observe(None, *beginning)
    except CriticFailure:
        return True
    return False


if __name__ == "__main__":
    main()
