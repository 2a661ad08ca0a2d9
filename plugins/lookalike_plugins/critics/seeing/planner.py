"""Plans a way over the ground that is seen, for games where the camera stands still and the player walks.

    floor = Floor(room, moves=[(0, -1), (0, 1), (-1, 0), (1, 0)], stride=16)
    steps = floor.steps_to((10, 40), touch=3.0)              # from every pixel; infinite where there is no way
    floor.after_moves(steps, at=(45, 44))                    # how many actions remain after each move

A move goes `stride` pixels in its direction, a pixel at a time, each axis stopped by obstacles on its own: a player
that pushes diagonally slides along a wall until an opening lets it turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Room = NDArray[np.bool_]
    Point = tuple[float, float]

SPECK = 6
"""Obstacles of up to so many pixels are noise."""


class Floor:
    """Where the player's middle can be (`room`, by pixel), and how each move goes there."""

    def __init__(self, room: Room, moves: Sequence[tuple[int, int]], stride: int) -> None:
        self.room = room
        self.places = np.argwhere(room)
        self.paths = [self._slide(self.places, move, stride) for move in moves]
        self.index = np.full(room.shape, -1)
        self.index[room] = np.arange(len(self.places))

    def _slide(self, at: NDArray[np.int64], move: tuple[int, int], stride: int) -> NDArray[np.int64]:
        """The places (stride, n, 2) passed during one move from each place, pixel by pixel."""
        height, width = self.room.shape
        passed, place = [], at
        for _ in range(stride):
            for axis, size in ((1, width), (0, height)):
                if move[axis]:
                    tried = place.copy()
                    tried[:, axis] = np.clip(tried[:, axis] + move[axis], 0, size - 1)
                    place = np.where(self.room[tried[:, 0], tried[:, 1]][:, None], tried, place)
            passed.append(place)
        return np.array(passed)

    def steps_to(self, target: Point, touch: float) -> NDArray[np.float64]:
        """For every place and every move (moves, n): after how many moves, this one included, the target is
        touched, that is, nearer than `touch` pixels; infinite where it never is."""
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import dijkstra

        count = len(self.places)
        if count == 0:
            return np.zeros((len(self.paths), 0))
        hits = [
            (np.hypot(path[..., 0] - target[0], path[..., 1] - target[1]) <= touch).any(axis=0) for path in self.paths
        ]
        ends = [
            np.where(hit, count, self.index[path[-1, :, 0], path[-1, :, 1]])
            for path, hit in zip(self.paths, hits, strict=True)
        ]
        # Edges run backwards, from where a move ends to where it began: distances are measured from the target.
        rows, columns = np.concatenate(ends), np.tile(np.arange(count), len(ends))
        graph = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count + 1, count + 1))
        steps = dijkstra(graph, indices=count, unweighted=True)
        return np.array([steps[end] + 1 for end in ends])

    def nearest(self, at: Point) -> int | None:
        """The place nearest to a point."""
        if len(self.places) == 0:
            return None
        return int(np.argmin(np.hypot(self.places[:, 0] - at[0], self.places[:, 1] - at[1])))


def room_for(solid: Room, body: int) -> Room:
    """Where the player's middle can be, given how many pixels must be free around it on each side."""
    from scipy.ndimage import binary_erosion, label

    regions, count = label(solid)
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    free: Room = ~(solid & (sizes[regions] > SPECK))
    return binary_erosion(free, np.ones((2 * body + 1,) * 2), border_value=0) if body else free
