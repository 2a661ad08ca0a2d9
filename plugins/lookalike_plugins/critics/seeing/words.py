"""Puts a picture into words that a player without eyes can act on.

    "You are at the bottom left. The goal is 24 up and 16 right of you. Free: up, right. Blocked: left, down."
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike_plugins.critics.seeing.ground import BLOCKED, Ground
from lookalike_plugins.critics.seeing.objects import Objects

if TYPE_CHECKING:
    from lookalike_bench.types import Frame


def describe(objects: Objects, ground: Ground, frame: Frame) -> str:
    """Where the player and the goal are, and which ways are free."""
    player = objects.player(frame)
    if player is None:
        return "You cannot be made out in the picture."
    parts = []
    if not objects.follows:
        parts.append(f"You are at the {_where(player)}.")
        goal = objects.goal(frame)
        if goal is not None:
            parts.append(f"The goal is {_offset(goal[0] - player[0], goal[1] - player[1])} of you.")
        kinds = ground.kinds(frame)
        free = [word for word, way in _WAYS.items() if not _blocked(kinds, player, way, ground.stride)]
        closed = [word for word in _WAYS if word not in free]
        parts.append(f"Free: {', '.join(free) or 'nothing'}. Blocked: {', '.join(closed) or 'nothing'}.")
    return " ".join(parts)


_WAYS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def _blocked(kinds: np.ndarray, player: tuple[float, float], way: tuple[int, int], stride: float) -> bool:
    reach = min(max(stride, 4.0), 7.0)
    y, x = (round(at + step * reach) for at, step in zip(player, way, strict=True))
    if not (0 <= y < 64 and 0 <= x < 64):
        return True
    patch = kinds[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
    return bool((patch == BLOCKED).mean() > 0.5)


def _where(place: tuple[float, float]) -> str:
    vertical = ("top", "", "bottom")[min(2, int(place[0] // 21.4))]
    sideways = ("left", "", "right")[min(2, int(place[1] // 21.4))]
    return f"{vertical} {sideways}".strip() or "middle"


def _offset(down: float, right: float) -> str:
    parts = []
    if abs(down) >= 2:
        parts.append(f"{abs(round(down))} {'down' if down > 0 else 'up'}")
    if abs(right) >= 2:
        parts.append(f"{abs(round(right))} {'right' if right > 0 else 'left'}")
    return " and ".join(parts) or "within reach"
