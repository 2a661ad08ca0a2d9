"""The demonstrated situations: which one is this, and what did the player do there?

    demonstrated = remember(videos, speeds, follows=True, frames_per_action=4)
    situation = demonstrated.recognise(frame)           # Situation, or None for a picture unlike all of them
    demonstrated.moves[situation.index]                 # (down, right): what the player did next

The actions are never seen. What the player did is read from what moved: the player over the ground or, where the
camera follows, the world under the player. Where the player is carried along with the ground, only what it moved
beyond the ground counts; where it leaps, only the moment of leaping does, since the rest is gravity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lookalike_plugins.critics.seeing.features import load_features
from lookalike_plugins.critics.seeing.motion import camera_shift, fine_shift

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray

    Track = NDArray[np.float64]

LEAP = 1.5
"""Pixels per frame of speed gained upwards from one frame to the next: more than any fall or slope gives."""


UNCLEAR = 0.12
"""Mean distance of speeds pressed from left, right and nothing, in shares of full speed, that is too much."""
FADES = 0.11
"""Pixels a frame that a speed must lose in the time of one action to be fading."""
STARTS = 0.5
"""Pixels a frame that a player at rest gains at once by pressing."""
STILL = 0.25
"""Share of a usual move below which the player stood still."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A demonstrated frame that a picture resembles: its index among all frames, its video, how many actions
    were still to come there, the distance between the pictures, and whether it is the one that was due next."""

    index: int
    video: int
    remaining: float
    distance: float
    due: bool


@dataclass(frozen=True)
class Demonstrated:
    """All frames of all videos, in order.

    `views` (n, d) are the pictures' features, of the kind `features`; `video` (n,) and
    `remaining` (n,) say where each stands; `moves` (n, 2) what was done next, and `meant` (n, 2) the same
    with pauses filled in; `familiar` is the distance up to
    which a picture is one of these."""

    views: NDArray[np.float32]
    video: NDArray[np.int64]
    remaining: NDArray[np.float64]
    moves: NDArray[np.float64]
    meant: NDArray[np.float64]
    familiar: float
    frames_per_action: int
    features: str = "raw"

    @property
    def way(self) -> tuple[float, float]:
        """Where the way led on the whole, (down, right), 10 long."""
        mean = self.meant.mean(axis=0)
        down, right = 10 * mean / max(float(np.hypot(*mean)), 1e-6)
        return float(down), float(right)

    def recognise(self, frame: Frame, after: Situation | None = None) -> Situation | None:
        """The situation that a picture shows. With the one before it, `after`, its own video's next frames are
        tried first, so that a place visited twice is not taken for its first visit."""
        distances = self.distances(frame)
        index, was_due = int(np.argmin(distances)), False
        if distances[index] > self.familiar:
            return None
        if after is not None:
            # Played like the video, one action brings one action's frames further: near there first.
            due = after.index + self.frames_per_action
            near = np.arange(after.index + 1, min(due + 2 * self.frames_per_action, len(self.video)))
            near = near[self.video[near] == after.video]
            if len(near):
                later = int(near[np.argmin(distances[near] + 0.05 * np.abs(near - due))])
                if distances[later] <= max(1.25 * distances[index], distances[index] + 2):
                    index, was_due = later, True
        video, remaining = int(self.video[index]), float(self.remaining[index])
        return Situation(index, video, remaining, float(distances[index]), was_due)

    def distances(self, frame: Frame) -> NDArray[np.float32]:
        """Root mean square difference to each frame, in levels of 255 or what comes near to that."""
        seen = load_features(self.features)(frame[None])[0]
        square = np.einsum("ij,ij->i", self.views, self.views) - 2 * self.views @ seen + seen @ seen
        result: NDArray[np.float32] = np.sqrt(np.maximum(square, 0) / seen.size)
        return result


def remember(
    videos: Sequence[NDArray[np.uint8]],
    speeds: Sequence[NDArray[np.float64]],
    follows: bool,
    frames_per_action: int,
    features: str = "raw",
) -> Demonstrated:
    """Keep the videos as situations, each with what the player did in the time of one action after it. `speeds`
    are the player's (down, right) in pixels a frame."""
    gliding = False
    if follows:
        speeds, gliding = _pressed(speeds)
    # A usual move in each direction: a fall is faster than a walk, and no reason to overlook the walk.
    usual = np.maximum(np.percentile(np.abs(np.concatenate(speeds)), 85, axis=0) * frames_per_action, 1.0)
    moves = [_moves(speed, usual, follows, frames_per_action) for speed in speeds]
    if gliding:
        for speed, move in zip(speeds, moves, strict=True):
            move[:, 1] = _kept_up(speed[:, 1], frames_per_action)
            _go_on(move, frames_per_action)
    meant = np.concatenate([_meant(move) for move in moves])
    video = np.concatenate([np.full(len(frames), number) for number, frames in enumerate(videos)])
    remaining = np.concatenate([np.arange(len(frames), 0, -1) / frames_per_action for frames in videos])
    views = np.concatenate([load_features(features)(frames) for frames in videos])
    learned = Demonstrated(views, video, remaining, np.concatenate(moves), meant, 0.0, frames_per_action, features)
    return replace(learned, familiar=_familiar(learned, videos))


def _moves(speed: NDArray[np.float64], usual: NDArray[np.float64], follows: bool, frames: int) -> NDArray[np.float64]:
    """What the player did in the time of one action from each frame on, in units of a usual move: (n, 2)."""
    total = np.cumsum(np.concatenate([np.zeros((1, 2)), speed]), axis=0)
    until = np.minimum(np.arange(len(speed)) + frames, len(speed))
    moves: NDArray[np.float64] = (total[until] - total[:-1]) / usual
    if follows:
        leapt = np.cumsum(np.concatenate([[0], leaps(speed)]))
        moves[:, 0] = -1.0 * (leapt[until] > leapt[:-1])
    moves[np.abs(moves) < STILL] = 0.0
    if follows:
        _go_on(moves, frames)
    # The goal stops the film, not the player: what was done last is done until the end.
    done = np.nonzero(moves.any(axis=1))[0]
    if len(done):
        moves[done[-1] :] = moves[done[-1]]
    return moves


def _go_on(moves: NDArray[np.float64], frames: int) -> None:
    """Who stands still right after walking was stopped by a wall, and goes on pressing."""
    for time in range(1, len(moves)):
        earlier = moves[max(0, time - frames) : time, 1]
        if not moves[time].any() and earlier.any():
            moves[time, 1] = earlier[np.nonzero(earlier)[0][-1]]


def _kept_up(sideways: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """-1, 0 or 1 for each frame: the direction pressed in the time of one action, where speed fades slowly. A speed
    that does not fade is kept up by pressing, and one that grows is made by it; one that ends at once was ended by a
    wall."""
    pressed = np.zeros(len(sideways))
    for time in range(len(sideways)):
        # Before the first frame the player stood.
        speeds = np.concatenate([sideways[time - 1 : time] if time else [0.0], sideways[time : time + frames]])
        towards = np.sign(speeds[np.argmax(np.abs(speeds))])
        along = speeds * towards
        walking = along[along > FADES / 2]
        started = along[0] < FADES / 2 and np.diff(along).max() > STARTS
        if len(walking) and (started or walking[-1] > walking[0] - FADES):
            pressed[time] = towards
    return pressed


def _meant(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moves with pauses filled in by what the player did next: standing still shows only that time passed."""
    meant = moves.copy()
    for time in reversed(range(len(meant) - 1)):
        if not meant[time].any():
            meant[time] = meant[time + 1]
    return meant


def _pressed(speeds: Sequence[NDArray[np.float64]]) -> tuple[list[NDArray[np.float64]], bool]:
    """Speeds with what goes sideways replaced by what must have been pressed for it.

    A player has inertia: its speed moves by a share of the difference towards the speed that is pressed, which is
    left, right or nothing. The share that makes all speeds pressed fall into those three is the game's. If none
    does (as where the share in the air is another than on the ground), the speeds themselves, and True.
    """
    best, least = list(speeds), np.inf
    for share in (1.0, 0.7, 0.5, 0.4, 0.3, 0.2):
        tried = []
        for speed in speeds:
            sideways = np.concatenate([[0.0], speed[:, 1]])
            pressed = (sideways[1:] - (1 - share) * sideways[:-1]) / share
            # A wall stops a player at once, whatever is pressed.
            stopped = (sideways[1:] == 0) & (sideways[:-1] != 0)
            pressed[stopped] = np.roll(pressed, 1)[stopped]
            tried.append(np.stack([speed[:, 0], pressed], axis=1))
        sizes = np.abs(np.concatenate(tried)[:, 1])
        usual = max(float(np.percentile(sizes, 85)), 1e-6)
        cost = float(np.minimum(sizes, np.abs(sizes - usual)).mean()) / usual
        if cost < least:
            best, least = tried, cost
    return (list(speeds), True) if least > UNCLEAR else (best, False)


def world_speeds(frames: Iterable[tuple[Frame, NDArray[np.uint8]]]) -> NDArray[np.float64]:
    """The player's (down, right) in pixels a frame, where the camera follows it: against the world's motion. Each
    frame comes as (64, 64, 3) and in grey eight times as large."""
    speeds = [
        [-value for value in fine_shift(large, next_large, camera_shift(small, next_small))]
        for (small, large), (next_small, next_large) in pairwise(frames)
    ]
    return np.array([*speeds, speeds[-1] if speeds else [0.0, 0.0]], np.float64).reshape(-1, 2)


def walking_speeds(track: Track) -> NDArray[np.float64]:
    """The player's (down, right) in pixels a frame, where the camera stands still."""
    speeds = np.diff(track, axis=0)
    return np.concatenate([speeds, speeds[-1:] if len(speeds) else np.zeros((1, 2))])


def leaps(speeds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The frames in which the player took off: it was not rising, and suddenly rises."""
    rising = -speeds[:, 0]
    before = np.concatenate([[0.0], rising[:-1]])
    result: NDArray[np.bool_] = (rising > LEAP) & (rising - before > LEAP)
    return result


def _familiar(learned: Demonstrated, videos: Sequence[NDArray[np.uint8]]) -> float:
    """A good half of the distance at which frames of different videos are apart when they are most alike."""
    nearest = []
    for number, frames in enumerate(videos):
        for frame in frames[:: max(1, len(frames) // 8)]:
            others = learned.distances(frame)[learned.video != number]
            if len(others):
                nearest.append(others.min())
    return 0.6 * float(np.median(nearest)) if nearest else 12.0
