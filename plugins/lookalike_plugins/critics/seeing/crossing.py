"""Guides a player across lanes that move: roads whose cars kill, rivers whose logs carry.

    crossing = learn_crossing(videos, tracks, frames_per_action=5)
    Crosser(crossing).look(frame, player, action, actions)        # what each action is worth, or None at first

Learned from the videos: which colours the player ever landed on, and how far a move goes. Seen in the episode: how
fast each lane moves, from two pictures in a row. The rest is looking ahead: lanes are moved on, and a search over
the next few actions keeps to places that will be safe when the player is there. Lanes are rows; the way is up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lookalike_plugins.critics.seeing.ground import STEPS
from lookalike_plugins.critics.seeing.motion import direction

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

    Track = NDArray[np.float64]
    Point = tuple[float, float]

HALF = 2
"""Half-width in pixels of the place that must be safe, and half-height of a lane that is looked at."""
SAFE = 0.7
OFTEN = 0.7
AHEAD = 6
"""Actions that are looked ahead."""
FASTEST = 1.25
"""Pixels a frame that a lane moves at most."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """`safe` is a table over 16 x 16 x 16 colours; `lane` the distance between lanes in pixels; `frames` how many
    an action lasts."""

    safe: NDArray[np.bool_]
    lane: float
    frames: int

    def safe_pixels(self, frame: Frame) -> NDArray[np.bool_]:
        index = frame // (256 // STEPS)
        result: NDArray[np.bool_] = self.safe[index[..., 0], index[..., 1], index[..., 2]]
        return result


def learn_crossing(
    videos: Sequence[NDArray[np.uint8]], tracks: Sequence[Track], lane: float, frames_per_action: int
) -> Crossing:
    """Learn the colours that the player landed on: those that are met where it landed about as often as in the
    whole lane, or more. Water is common in a river's lane and rare under a landing."""
    landed, usual = np.zeros((STEPS,) * 3), np.zeros((STEPS,) * 3)
    for video, track in zip(videos, tracks, strict=True):
        for time, y, x in _landings(track, lane):
            # The last picture in which the player did not cover the place yet, and the place in it.
            clear = [before for before in range(max(0, time - 5), time) if abs(track[before][0] - y) >= 4]
            if not clear:
                continue
            before, since = clear[-1], min(8, clear[-1])
            speed = lane_speed(video[before - since], video[before], y, since, track[before])
            row, column = round(y), round(x - speed * (time - before))
            if HALF <= row <= 63 - HALF and 1 <= column <= 62:
                _count(landed, video[before, row - 1 : row + 2, column - 1 : column + 2])
                _count(usual, video[before, row - 1 : row + 2])
        # Beyond the last frame lies the goal: the next lane is where the player was going.
        row = round(float(track[-1][0]) - lane)
        if HALF <= row <= 63 - HALF:
            _count(landed, video[-1, row - HALF : row + HALF + 1])
    return Crossing(_smoothed(landed) >= OFTEN * _smoothed(usual), lane, frames_per_action)


def _count(counts: NDArray[np.float64], pixels: NDArray[np.uint8]) -> None:
    colours = pixels.reshape(-1, 3) // (256 // STEPS)
    np.add.at(counts, tuple(colours.T), 1.0 / len(colours))


def _smoothed(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts shared with colours close by, so that a colour never met counts as those next to it."""
    from scipy.ndimage import gaussian_filter

    result: NDArray[np.float64] = gaussian_filter(counts, 0.7, mode="constant")
    return result


def _landings(track: Track, lane: float) -> list[tuple[int, float, float]]:
    """Times and places at which the player came to rest in another lane."""
    found, rest = [], track[0][0]
    for time in range(1, len(track)):
        y, x = track[time]
        settled = time + 1 == len(track) or abs(track[time + 1][0] - y) < 0.75
        if settled and abs(y - rest) > 0.7 * lane:
            found.append((time, float(y), float(x)))
            rest = y
    return found


def lane_speed(before: Frame, after: Frame, y: float, frames: int, player: NDArray[np.float64] | Point) -> float:
    """How many pixels a frame the lane around row `y` moved to the right between two pictures."""
    if frames == 0:
        return 0.0
    row = int(np.clip(round(y), HALF, 63 - HALF))
    band = slice(row - HALF, row + HALF + 1)
    first, second = before[band].astype(np.float32), after[band].astype(np.float32)
    clear = np.ones(64, np.bool_)
    if abs(player[0] - row) < 7:
        clear[max(0, round(player[1]) - 7) : round(player[1]) + 8] = False
    best, least = 0, np.inf
    reach = round(FASTEST * frames)
    for shift in range(-reach, reach + 1):
        to = np.arange(max(0, shift), min(64, 64 + shift))
        to = to[clear[to] & clear[to - shift]]
        if len(to) < 12:
            continue
        cost = float(np.abs(second[:, to] - first[:, to - shift]).mean()) + 0.02 * abs(shift)
        if cost < least:
            best, least = shift, cost
    return best / frames


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of the picture: its speed in pixels a frame, which of its 64 columns are safe now, and whether it
    carries whoever stands in it, as a river's logs do."""

    speed: float
    safe: NDArray[np.bool_]
    carries: bool


class Crosser:
    """Follows one episode. `lanes` has, for each lane ahead, its speed and what is safe in it."""

    def __init__(self, crossing: Crossing) -> None:
        self.crossing = crossing
        self._before: Frame | None = None
        self._speeds: dict[int, float] = {}

    def look(self, frame: Frame, player: Point, actions: Sequence[str]) -> NDArray[np.float64] | None:
        """How many lanes each action can bring the player on within the next few, from 0 to the number looked
        ahead; -1 where it does not survive. None before there are two pictures to compare."""
        before, self._before = self._before, frame
        if before is None:
            return None
        lanes = {}
        for number in range(-1, AHEAD + 1):
            y = player[0] - number * self.crossing.lane
            if HALF <= y <= 63 - HALF:
                lanes[number] = self._lane(before, frame, y, player)
        moves = [direction(name) or (0, 0) for name in actions]
        return self._worths(lanes, round(player[1]), moves)

    def _lane(self, before: Frame, frame: Frame, y: float, player: Point) -> Lane:
        """A lane's speed, which of its columns are safe, and whether it is one that carries: mostly deadly."""
        from scipy.ndimage import binary_closing, binary_dilation

        row = round(y)
        key = row // 3
        speed = lane_speed(before, frame, y, self.crossing.frames, player)
        # A lane keeps its speed: of what was measured, the middle.
        speed = self._speeds[key] = 0.5 * (speed + self._speeds.get(key, speed))
        safe = self.crossing.safe_pixels(frame[row - HALF : row + HALF + 1]).mean(axis=0) > 0.5
        if abs(player[0] - row) < 4:
            # The player hides the ground that it stands on, and stands.
            safe[max(0, round(player[1]) - 4) : round(player[1]) + 5] = True
        carries = bool(safe.mean() < 0.5)
        if not carries:
            # What drives reaches a little further than its colours, and so does the player.
            safe = ~binary_dilation(~binary_closing(safe, np.ones(2)), np.ones(5))
        return Lane(speed, safe, carries)

    def _worths(self, lanes: dict[int, Lane], column: int, moves: list[tuple[int, int]]) -> NDArray[np.float64]:
        """Lanes gained by the best continuation of each move, a little more for gaining them early. Computed from
        the last action looked ahead to the first, for all columns at once."""
        frames, width = self.crossing.frames, self.crossing.lane
        columns = np.arange(64)
        worth = {lane: np.full(64, float(lane)) for lane in lanes}
        first = np.full(len(moves), -1.0)
        for step in reversed(range(AHEAD)):
            alive = {lane: self._alive(state, step) for lane, state in lanes.items()}
            before = {}
            for lane in lanes if step else [0]:
                results = []
                for down, right in moves:
                    target = lane - down
                    if target not in lanes:
                        # Above the picture or the lanes looked at: as far as one can see, it is done.
                        reached = target + 0.05 * (AHEAD - step) if target > 0 else -1.0
                        results.append(np.full(64, reached))
                        continue
                    carried = lanes[target].speed * frames if lanes[target].carries and down == 0 else 0.0
                    to = np.round(columns + right * width + carried).astype(int)
                    inside = (to >= HALF) & (to <= 63 - HALF)
                    to = np.clip(to, 0, 63)
                    results.append(np.where(inside & alive[target][to], worth[target][to], -1.0))
                before[lane] = np.max(results, axis=0)
                if step == 0:
                    first = np.array(results)[:, column]
            worth = before
        return first

    def _alive(self, lane: Lane, step: int) -> NDArray[np.bool_]:
        """Whether a player survives the given action of those looked ahead in each column of a lane."""
        alive = np.ones(64, np.bool_)
        window = np.arange(64)[:, None] + np.arange(-HALF, HALF + 1)
        for part in (1.0,) if lane.carries else (0.1, 0.3, 0.6, 1.0):
            there = np.round(window - lane.speed * self.crossing.frames * (step + part)).astype(int)
            inside = (there >= 0) & (there < 64)
            # What is still beyond the border is what most of the lane is.
            alive &= np.where(inside, lane.safe[np.clip(there, 0, 63)], not lane.carries).mean(axis=1) >= SAFE
        return alive
