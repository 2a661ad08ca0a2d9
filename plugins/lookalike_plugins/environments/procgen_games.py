"""The sixteen games of Procgen, as a player needs them: what the buttons do, how long a level lasts, how scores
are normalised.

    GAMES["coinrun"].actions      # {"left": 1, "right": 7, "jump": 5, ...}: a name for each button of the game
    GAMES["coinrun"].score_range("easy")                                        # (5.0, 10.0)

Buttons are numbered as in the game's library: 0 to 8 are the directions (4: none), 9 to 14 the keys D A W S Q E.
Score ranges are the constants R_min and R_max of "Leveraging Procedural Generation to Benchmark Reinforcement
Learning", arXiv 1912.01588, appendix C. Limits of frames are those at which the library ends an episode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["easy", "hard"]
GameName = Literal[
    "bigfish", "bossfight", "caveflyer", "chaser", "climber", "coinrun", "dodgeball", "fruitbot",
    "heist", "jumper", "leaper", "maze", "miner", "ninja", "plunder", "starpilot",
]  # fmt: skip

FOUR = {"left": 1, "right": 7, "up": 5, "down": 3}
WAIT = {"wait": 4}
DIAGONALS = {"up left": 2, "up right": 8, "down left": 0, "down right": 6}
PLATFORM = {"left": 1, "right": 7, "jump": 5, "jump left": 2, "jump right": 8}


@dataclass(frozen=True, slots=True)
class Game:
    """One game. `actions` are names and buttons, the most useful first; ranges are (lowest, highest)."""

    instructions: str
    actions: dict[str, int]
    easy: tuple[float, float]
    hard: tuple[float, float]
    frames: int = 1000

    def score_range(self, mode: Mode) -> tuple[float, float]:
        return self.easy if mode == "easy" else self.hard


GAMES: dict[GameName, Game] = {
    "bigfish": Game(
        "You are a fish. Eat the fish that are smaller than you to grow, and keep away from the larger ones.",
        FOUR | DIAGONALS | WAIT,
        easy=(1, 40),
        hard=(0, 40),
        frames=6000,
    ),
    "bossfight": Game(
        "You fly a small ship at the bottom. Dodge the boss's shots, and shoot it when its shield is down.",
        {"left": 1, "right": 7, "fire": 9, "up": 5, "down": 3} | DIAGONALS | WAIT,
        easy=(0.5, 13),
        hard=(0.5, 13),
        frames=4000,
    ),
    "caveflyer": Game(
        "You fly a ship through caves to the goal. Thrust moves it along its nose, left and right turn it. "
        "Do not touch what moves; targets may be shot.",
        {
            "thrust": 5,
            "turn left": 1,
            "turn right": 7,
            "fire": 9,
            "thrust left": 2,
            "thrust right": 8,
            "back": 3,
            "back left": 0,
            "back right": 6,
        }
        | WAIT,
        easy=(3.5, 12),
        hard=(2, 13.4),
    ),
    "chaser": Game(
        "Collect all the small green orbs in the maze. Enemies chase you; after a large star they may be eaten.",
        FOUR | WAIT,
        easy=(0.5, 13),
        hard=(0.5, 14.2),
    ),
    "climber": Game(
        "Climb the platforms, collect the stars and do not touch the enemies.",
        PLATFORM | WAIT,
        easy=(2, 12.6),
        hard=(1, 12.6),
    ),
    "coinrun": Game(
        "Run to the coin at the far right of the level. Jump over gaps, saws and enemies; do not touch them.",
        {"right": 7, "jump right": 8, "jump": 5, "left": 1, "jump left": 2} | WAIT,
        easy=(5, 10),
        hard=(5, 10),
    ),
    "dodgeball": Game(
        "Throw balls at the enemies and dodge theirs. Do not touch the walls. When no enemy is left, go to the exit.",
        FOUR | {"throw": 9} | DIAGONALS | WAIT,
        easy=(1.5, 19),
        hard=(1.5, 19),
    ),
    "fruitbot": Game(
        "You move up through gaps between walls. Collect fruit, avoid other food, and use a key to open doors.",
        {"left": 1, "right": 7, "use key": 9} | WAIT,
        easy=(-1.5, 32.4),
        hard=(-0.5, 27.2),
    ),
    "heist": Game(
        "Take the gem. Coloured locks stand in the way: fetch the key of a lock's colour first.",
        FOUR | DIAGONALS,
        easy=(3.5, 10),
        hard=(2, 10),
    ),
    "jumper": Game(
        "You are a bunny. Reach the carrot, which the needle of the dial points to. You can jump twice in a row. "
        "Do not touch spikes.",
        PLATFORM | WAIT,
        easy=(3, 10),
        hard=(1, 10),
    ),
    "leaper": Game(
        "You are a frog. Go up to the finish line: across the road without being hit, "
        "and across the water on the logs.",
        {"up": 5, "left": 1, "right": 7, "down": 3} | WAIT,
        easy=(3, 10),
        hard=(1.5, 10),
        frames=500,
    ),
    "maze": Game("You are a mouse in a maze. Find the cheese.", FOUR, easy=(5, 10), hard=(4, 10), frames=500),
    "miner": Game(
        "Dig through the earth, collect all diamonds, then go to the exit. Boulders fall when nothing holds them.",
        FOUR | WAIT,
        easy=(1.5, 13),
        hard=(1.5, 20),
    ),
    "ninja": Game(
        "Jump across the ledges to the mushroom. Bombs must not be touched; throwing stars destroy them.",
        PLATFORM | {"throw ahead": 9, "throw up ahead": 10, "throw up": 11, "throw down": 12} | WAIT,
        easy=(3.5, 10),
        hard=(2, 10),
    ),
    "plunder": Game(
        "Your ship is at the bottom. Shoot the ships of the colours that are shown, and spare the others.",
        {"left": 1, "right": 7, "fire": 9} | WAIT,
        easy=(4.5, 30),
        hard=(3, 30),
        frames=4000,
    ),
    "starpilot": Game(
        "You fly to the right. Shoot the enemies and dodge what they fire.",
        {"fire": 9, "fire backwards": 10} | FOUR | DIAGONALS | WAIT,
        easy=(2.5, 64),
        hard=(1.5, 35),
    ),
}
