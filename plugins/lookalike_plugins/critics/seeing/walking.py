"""Guides a player who walks over visible ground: to the goal, or first to what stands in the way of it.

Nothing is known of keys and locks but what the videos show: some things are gone after the player was there. A
thing that stops the player is taken for an obstacle until another thing is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lookalike_plugins.critics.seeing.ground import BLOCKED, THING, Ground
from lookalike_plugins.critics.seeing.motion import direction
from lookalike_plugins.critics.seeing.planner import Floor, room_for

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

    Point = tuple[float, float]


PATIENCE = 12
UNKNOWN = 7
"""Pixels from the player's middle to that of something unknown that stops it."""


class Walker:
    """Follows one episode of such a game. `steps` has, for each listed action, how many actions it would take
    in all to reach the target of now; infinite for those that do not lead there."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.stops: list[Point] = []
        self.reached: list[Point] = []
        self.things: list[Point] = []
        self.target: Point | None = None
        self.useless: set[str | None] = set()
        self._before: Point | None = None
        self._trail: list[Point] = []
        self._actions = 0

    def look(
        self, frame: Frame, player: Point, goal: Point, action: str | None, actions: Sequence[str]
    ) -> NDArray[np.float64]:
        """Take in a picture, after `action`; how many actions remain with each of `actions` as the next."""
        kinds = self.ground.kinds(frame)
        things = heaps(kinds == THING)
        missing = [old for old in self.things if all(_apart(old, new) > 3 for new in things)]
        # What the player stands on is only hidden.
        hidden = [old for old in missing if _apart(old, player) <= 7]
        # Only what the player came by can have been taken; the rest is lost from sight.
        taken = [old for old in missing if old not in hidden and any(_apart(old, was) < 9 for was in self._trail[-3:])]
        if taken:
            self.stops, self.reached = [], []
        self._trail.append(player)
        self.things = things + hidden
        self._notice_stop(player, action)
        solid = kinds == BLOCKED
        for place in (player, goal):
            _around(solid, place, self.ground.body + 1)[...] = False
        for stop in self.stops:
            _around(solid, stop, 3)[...] = True
        moves = [direction(name) or (0, 0) for name in actions]
        self.reached += [thing for thing in things if _apart(thing, player) < 5]
        passed = [*self.stops, *self.reached]
        for target in [goal, *sorted(things, key=lambda thing: _apart(thing, player))]:
            if target is not goal and any(_apart(target, place) < 6 for place in passed):
                continue
            steps = self._steps(solid, moves, player, target)
            # What did not move the player just now will not do it the next time.
            steps[[name in self.useless for name in actions]] = np.inf
            if np.isfinite(steps).any():
                self._follow(target)
                return steps
        # No way is known: what stopped the player may have opened unseen.
        self.target, self.stops, self.reached = goal, [], []
        return np.full(len(actions), np.inf)

    def _follow(self, target: Point) -> None:
        """Go for a target; one that is not reached in so many actions is given up until another thing is taken."""
        same = self.target is not None and _apart(self.target, target) < 3
        self.target, self._actions = target, self._actions + 1 if same else 1
        if self._actions > PATIENCE:
            self.reached.append(target)

    def _notice_stop(self, player: Point, action: str | None) -> None:
        """A push that went nowhere: a thing close by in its direction is in the way, or else something unknown."""
        before, self._before = self._before, player
        push = direction(action) if action else None
        if before is None or _apart(before, player) > 1.0:
            self.useless = set()
            return
        self.useless.add(action)
        if not push:
            return
        found = False
        for thing in self.things:
            towards = (thing[0] - player[0]) * push[0] + (thing[1] - player[1]) * push[1]
            if _apart(thing, player) < 10 and towards > 0:
                found = True
                self.stops += [thing] * (thing not in self.stops)
        if not found and 0 in push and not self.ground.lattice:
            self.stops.append((player[0] + UNKNOWN * push[0], player[1] + UNKNOWN * push[1]))

    def _steps(
        self, solid: NDArray[np.bool_], moves: list[tuple[int, int]], player: Point, target: Point
    ) -> NDArray[np.float64]:
        stride = self.ground.stride
        if not self.ground.lattice:
            floor = Floor(room_for(solid, self.ground.body), moves, round(stride))
            at, touch = player, 3.0
        else:
            # Cell by cell, with the player in the middle of one: each cell is what most of its middle is.
            rows, columns = (np.arange(middle % stride, 63.5, stride) for middle in player)
            cells = _blurred(solid)[np.ix_(np.round(rows).astype(int), np.round(columns).astype(int))] > 0.5
            floor = Floor(~cells, moves, 1)
            at = (player[0] // stride, player[1] // stride)
            target = ((target[0] - player[0]) / stride + at[0], (target[1] - player[1]) / stride + at[1])
            touch = 0.6
        place = floor.nearest(at)
        if place is None:
            return np.full(len(moves), np.inf)
        return floor.steps_to(target, touch)[:, place]


def heaps(mask: NDArray[np.bool_]) -> list[Point]:
    """The middles of heaps of at least four pixels."""
    from scipy.ndimage import center_of_mass, label

    regions, count = label(mask, np.ones((3, 3)))
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    found = [index for index in range(1, count + 1) if sizes[index] >= 4]
    return [(float(y), float(x)) for y, x in center_of_mass(mask, regions, found)]


def _around(picture: NDArray[np.bool_], place: Point, reach: int) -> NDArray[np.bool_]:
    row, column = round(place[0]), round(place[1])
    return picture[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]


def _blurred(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    from scipy.ndimage import uniform_filter

    result: NDArray[np.float64] = uniform_filter(mask.astype(np.float64), 3)
    return result


def _apart(one: Point, other: Point) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))
