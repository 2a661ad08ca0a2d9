"""What moved between two pictures, and which action would have done it.

The names of actions carry their direction ("jump left", "up right"): that is all that is known of the controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

WORDS = {
    "left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0), "jump": (-1, 0),
    "north": (-1, 0), "south": (1, 0), "west": (0, -1), "east": (0, 1),
}  # fmt: skip
"""Words for directions, as (down, right)."""


def direction(action: str) -> tuple[int, int] | None:
    """Where an action's name says that it goes: (down, right), each -1, 0 or 1; None if it says nothing."""
    vectors = [WORDS[word] for word in action.lower().split() if word in WORDS]
    if not vectors:
        return None
    down, right = (int(np.sign(sum(vector[axis] for vector in vectors))) for axis in (0, 1))
    return down, right


def action_towards(down: float, right: float, actions: Sequence[str]) -> str | None:
    """The listed action whose direction is nearest to that of a displacement; one without direction ("wait")
    for no displacement. None if there is no such action."""
    length = float(np.hypot(down, right))
    best, closeness = None, 0.0
    for action in actions:
        vector = direction(action)
        if vector is None or vector == (0, 0):
            if length == 0.0 and action.lower() in ("wait", "none", "noop", "stay"):
                return action
            continue
        if length:
            cosine = (vector[0] * down + vector[1] * right) / (length * float(np.hypot(*vector)))
            if cosine > closeness + 1e-9:
                best, closeness = action, cosine
    return best


def fine_shift(before: NDArray[np.uint8], after: NDArray[np.uint8], coarse: tuple[int, int]) -> tuple[float, float]:
    """The same to an eighth of a pixel, from grey pictures eight times as large, near the coarse shift."""
    first, second = before.astype(np.float32), after.astype(np.float32)
    place = (8 * coarse[0], 8 * coarse[1])
    for step, reach in ((2, 4), (1, 1)):
        place = _nearby(first, second, place, step, reach)
    return place[0] / 8, place[1] / 8


def _nearby(
    first: NDArray[np.float32], second: NDArray[np.float32], around: tuple[int, int], step: int, reach: int
) -> tuple[int, int]:
    """The best of the shifts up to `reach` steps away, compared at every fourth pixel."""
    margin, size = 72, second.shape[0]
    core = second[margin : size - margin : 4, margin : size - margin : 4]
    best, least = around, np.inf
    for down in range(around[0] - reach * step, around[0] + reach * step + 1, step):
        for right in range(around[1] - reach * step, around[1] + reach * step + 1, step):
            moved = first[margin - down : size - margin - down : 4, margin - right : size - margin - right : 4]
            cost = np.minimum(np.abs(core - moved), 40).mean() + 0.001 * np.hypot(down, right)
            if cost < least:
                best, least = (down, right), cost
    return best


def camera_shift(before: Frame, after: Frame, reach: int = 7) -> tuple[int, int]:
    """By how many pixels (down, right) the world moved across the picture between two frames, where the camera
    follows. Compared on grey levels away from the borders, at every second pixel."""
    first, second = (frame.astype(np.float32).mean(axis=2) for frame in (before, after))
    size = first.shape[0]
    core = second[reach : size - reach : 2, reach : size - reach : 2]
    costs: NDArray[np.float32] = np.empty((2 * reach + 1, 2 * reach + 1), np.float32)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            moved = first[reach - down : size - reach - down : 2, reach - right : size - reach - right : 2]
            # The cap keeps what moves on its own, and what is new, from outweighing the world.
            costs[down + reach, right + reach] = np.minimum(np.abs(core - moved), 40).mean()
    # Among equals the smallest shift: a plain sky fits every one.
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    best = np.unravel_index(np.argmin(costs + 0.02 * np.hypot(rows, columns)), costs.shape)
    return int(best[0]) - reach, int(best[1]) - reach
