"""Puts a picture into words that a player without eyes can act on.

    "You are at the bottom left. The goal is 24 up and 16 right of you. Free: up, right. Blocked: left, down."
    "The goal lies up and left of you. Beside you: left free, right something. Ahead right: a gap in the ground."

Distances are in pixels of a picture of 64 x 64. Everything said was learned from videos or is seen in the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike_plugins.critics.seeing.ground import BLOCKED, THING
from lookalike_plugins.critics.seeing.walking import heaps

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

    from lookalike_plugins.critics.seeing.knowledge import Knowledge

    Point = tuple[float, float]

WAYS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
CENTRE = (31.5, 31.5)
DIFFERENT = 45.0
"""Distance in RGB from which on a place looks unlike the air around the player."""


def describe(known: Knowledge, frame: Frame, before: Frame | None = None) -> str:
    """Where the player and the goal are, which ways are free, and what has changed since the picture `before`."""
    player = known.objects.player(frame) or (CENTRE if known.objects.follows else None)
    if player is None:
        return "You cannot be made out in the picture."
    if known.objects.follows:
        parts = _from_the_side(known, frame, player)
    elif known.objects.goal(frame) is not None:
        parts = _from_above(known, frame, player)
    else:
        parts = _at_the_lanes(known, frame, player)
    if before is not None:
        parts.append(_change(known, before, frame, player))
    return " ".join(part for part in parts if part)


def _from_above(known: Knowledge, frame: Frame, player: Point) -> list[str]:
    goal = known.objects.goal(frame)
    kinds = known.ground.kinds(frame)
    free = [word for word, way in WAYS.items() if not _blocked(kinds, player, way, known.ground.stride)]
    closed = [word for word in WAYS if word not in free]
    things = sorted(heaps(kinds == THING), key=lambda place: np.hypot(place[0] - player[0], place[1] - player[1]))
    return [
        f"You are at the {_where(player)}.",
        f"The goal is {_offset(goal[0] - player[0], goal[1] - player[1])} of you." if goal else "",
        f"Free: {', '.join(free) or 'nothing'}. Blocked: {', '.join(closed) or 'nothing'}.",
        *(f"A thing is {_offset(y - player[0], x - player[1])}." for y, x in things[:2]),
    ]


def _at_the_lanes(known: Knowledge, frame: Frame, player: Point) -> list[str]:
    crossing = known.crossing
    safe = crossing.safe_pixels(frame)
    parts = [f"You are at the {_where(player)}. The goal is at the top."]
    for word, (down, right) in WAYS.items():
        y, x = round(player[0] + down * crossing.lane), round(player[1] + right * crossing.lane)
        if 2 <= y < 62 and 2 <= x < 62:
            share = safe[y - 2 : y + 3, x - 2 : x + 3].mean()
            parts.append(f"{word.capitalize()}: {'safe' if share > 0.7 else 'danger'} now.")
    return parts


def _from_the_side(known: Knowledge, frame: Frame, player: Point) -> list[str]:
    way = known.heading.read(frame)
    down, right = (8 * way[0], 8 * way[1]) if way else known.demonstrated.way
    to_go = _offset(down, right, numbers=False)
    row, column = round(player[0]), round(player[1])
    air = _mean(frame, row - 6, column)
    beside = {word: _unlike(frame, air, row, column + 6 * WAYS[word][1]) for word in ("left", "right")}
    below = {word: not _unlike(frame, air, row + 6, column + 8 * WAYS[word][1]) for word in ("left", "right")}
    gaps = [word for word, gap in below.items() if gap and not beside[word]]
    sides = ", ".join(f"{word} {'something' if there else 'free'}" for word, there in beside.items())
    return [
        f"The goal lies {to_go} of you.",
        f"Beside you: {sides}.",
        f"Above you: {'something' if _unlike(frame, air, row - 10, column) else 'free'}.",
        f"No ground ahead: {', '.join(gaps)}." if gaps else "",
    ]


def _change(known: Knowledge, before: Frame, frame: Frame, player: Point) -> str:
    if known.objects.follows:
        return "Nothing changed." if np.abs(before.astype(int) - frame).mean() < 1.5 else ""
    last = known.objects.player(before)
    if last is None:
        return ""
    moved = player[0] - last[0], player[1] - last[1]
    return f"You moved {_offset(*moved)}." if np.hypot(*moved) >= 2 else "You did not move."


def _blocked(kinds: NDArray[np.uint8], player: Point, way: tuple[int, int], stride: float) -> bool:
    reach = min(max(stride, 4.0), 7.0)
    y, x = (round(at + step * reach) for at, step in zip(player, way, strict=True))
    if not (0 <= y < 64 and 0 <= x < 64):
        return True
    patch = kinds[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
    return bool((patch == BLOCKED).mean() > 0.5)


def _mean(frame: Frame, row: int, column: int) -> NDArray[np.float64]:
    row, column = int(np.clip(row, 1, 62)), int(np.clip(column, 1, 62))
    mean: NDArray[np.float64] = frame[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3).mean(axis=0)
    return mean


def _unlike(frame: Frame, air: NDArray[np.float64], row: int, column: int) -> bool:
    return bool(np.linalg.norm(_mean(frame, row, column) - air) > DIFFERENT)


def _where(place: Point) -> str:
    vertical = ("top", "", "bottom")[min(2, int(place[0] // 21.4))]
    sideways = ("left", "", "right")[min(2, int(place[1] // 21.4))]
    return f"{vertical} {sideways}".strip() or "middle"


def _offset(down: float, right: float, numbers: bool = True) -> str:
    parts = []
    for amount, words in ((down, ("up", "down")), (right, ("left", "right"))):
        if abs(amount) >= 2:
            word = words[int(amount > 0)]
            parts.append(f"{abs(round(amount))} {word}" if numbers else word)
    return " and ".join(parts) or "within reach"
