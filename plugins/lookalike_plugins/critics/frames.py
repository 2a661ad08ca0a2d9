"""A critic of pixels: learns from videos alone what the player is, where it may go and what was done where.

    critic: {plugin: frames, frames_per_action: 4}

It finds the player and the goal (seeing/objects.py), tells from what moved which action was taken, which it never
sees (seeing/demonstrated.py), and where the ground is (seeing/ground.py). In an episode it recommends, in this order:
the next step of a planned way, where the camera stands still and there is one; what was done in the demonstrated
situation that this one is; what was done in the situation that is most alike. It rewards what comes nearer to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike_bench.errors import CriticFailure, VideoError
from lookalike_bench.plugins.critic import Critic, Judge
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.types import Brief, Judgement, Observation
from lookalike_bench.videos.frames import read_frames
from lookalike_plugins.critics.seeing.demonstrated import Demonstrated, Situation, remember, walking_speeds, world_speeds
from lookalike_plugins.critics.seeing.ground import Ground, learn_ground
from lookalike_plugins.critics.seeing.motion import action_towards, direction
from lookalike_plugins.critics.seeing.objects import Objects, find_objects
from lookalike_plugins.critics.seeing.walking import Walker
from lookalike_plugins.critics.seeing.words import describe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lookalike_bench.types import Frame
    from lookalike_bench.videos.video import Video

FRAMES_PER_SECOND = 15.0
SIDE = 64
"""Pictures are looked at in 64 x 64, as the games draw them for a player."""
MOST_FRAMES = 6000
"""Frames in all that are remembered: 7 minutes of play."""


class Frames(Critic):
    """Watches videos of a pixel game and learns from what moves in them.

    `frames_per_action`: how many frames of the video one action lasts, at 15 frames per second. Raises VideoError
    for videos in which nothing can be seen to move.
    """

    version = "1"

    def __init__(self, frames_per_action: int = 1) -> None:
        self.frames_per_action = frames_per_action
        self._known: Knowledge | None = None

    @property
    def identity(self) -> dict[str, object]:
        return {"frames_per_action": self.frames_per_action}

    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        films = [read_film(video) for video in videos]
        known = learn(films, self.frames_per_action)
        self._known = known
        return RewardModel(
            provenance={"critic": "frames", "origins": sorted({video.origin for video in videos}), "task": brief.task},
            quality={"frames": float(sum(len(film.frames) for film in films)), "familiar": known.demonstrated.familiar},
            outline=known.outline(films),
            rules=known.rules(),
            arrays=known.arrays(),
        )

    def judge(self, reward_model: RewardModel) -> FramesJudge:
        known = self._known = Knowledge.of(reward_model)
        return FramesJudge(known)

    async def describe(self, frame: Frame) -> str:
        if self._known is None:
            raise CriticFailure("frames: nothing was watched yet, so nothing can be described")
        return describe(self._known.objects, self._known.ground, small(frame))


@dataclass(frozen=True)
class Film:
    """A video's frames, 15 a second: (n, 64, 64, 3), and in grey (n, 256, 256)."""

    frames: NDArray[np.uint8]
    large: NDArray[np.uint8]


def read_film(video: Video) -> Film:
    """Read a video whole. Raises VideoError."""
    frames, large = [], []
    for sampled in read_frames(video, fps=FRAMES_PER_SECOND, changed_only=False):
        if len(frames) >= MOST_FRAMES:
            break
        frames.append(small(sampled.image))
        large.append(resized(sampled.image, 4 * SIDE).mean(axis=2).astype(np.uint8))
    if not frames:
        raise VideoError(f"{video.path}: there is no frame to watch")
    return Film(np.array(frames), np.array(large))


def small(image: Frame) -> Frame:
    return resized(image, SIDE)


def resized(image: Frame, side: int) -> Frame:
    """A picture as a square of `side` pixels: of each of its cells the pixel in the middle, as the games draw."""
    height, width = image.shape[:2]
    rows = ((np.arange(side) + 0.5) * height / side).astype(int)
    columns = ((np.arange(side) + 0.5) * width / side).astype(int)
    return image[np.ix_(rows, columns)]


@dataclass(frozen=True)
class Knowledge:
    """What was learned, as it is kept in a reward model's arrays."""

    objects: Objects
    ground: Ground
    demonstrated: Demonstrated

    def arrays(self) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for part in ("objects", "ground", "demonstrated"):
            kept |= {f"{part}.{name}": np.asarray(value) for name, value in asdict(getattr(self, part)).items()}
        # Views are whole numbers but for a fraction: a byte each is enough.
        kept["demonstrated.views"] = np.round(kept["demonstrated.views"]).astype(np.uint8)
        return kept

    @classmethod
    def of(cls, reward_model: RewardModel) -> Knowledge:
        """Raises CriticFailure if the reward model was not made by this critic."""
        parts: dict[str, dict[str, Any]] = {"objects": {}, "ground": {}, "demonstrated": {}}
        for name, array in reward_model.arrays.items():
            part, _, field = name.partition(".")
            if part in parts:
                parts[part][field] = array.item() if array.ndim == 0 else array
        try:
            parts["demonstrated"]["views"] = parts["demonstrated"]["views"].astype(np.float32)
            return cls(Objects(**parts["objects"]), Ground(**parts["ground"]), Demonstrated(**parts["demonstrated"]))
        except (KeyError, TypeError) as error:
            raise CriticFailure(f"frames: the reward model lacks what was learned from pictures ({error})") from None

    def rules(self) -> list[str]:
        """What was learned in words."""
        camera = "follows the player" if self.objects.follows else "stands still"
        rules = [f"The camera {camera}."]
        if self.objects.goal_codes.any():
            rules.append("The goal rests in one place.")
        if not self.objects.follows:
            kind = "from cell to cell" if self.ground.lattice else "freely"
            rules.append(f"The player moves {kind}, {self.ground.stride:.1f} of 64 pixels with an action.")
        return rules

    def outline(self, films: Sequence[Film]) -> list[OutlineStep]:
        """The demonstrations as directions, one line for each stretch in the same direction."""
        steps: list[OutlineStep] = []
        start = 0
        for number, film in enumerate(films):
            last = None
            for time in range(0, len(film.frames), self.demonstrated.frames_per_action):
                done = _in_words(self.demonstrated.moves[start + time])
                if done != last:
                    cue = describe(self.objects, self.ground, film.frames[time])
                    seconds = time / FRAMES_PER_SECOND
                    steps.append(OutlineStep(cue=cue, action=done, time=seconds, frame=time, video=number))
                last = done
            start += len(film.frames)
        return steps


def learn(films: Sequence[Film], frames_per_action: int) -> Knowledge:
    """Learn from all films together. Raises VideoError if no player can be made out."""
    videos = [film.frames for film in films]
    objects = find_objects(videos)
    if not objects.player_codes.any():
        raise VideoError("no player can be made out in the videos: nothing looks alike and moves alike in all of them")
    tracks = [track(objects, video) for video in videos]
    if objects.follows:
        speeds = [world_speeds(film.frames, film.large) for film in films]
    else:
        speeds = [walking_speeds(places) for places in tracks]
    demonstrated = remember(videos, speeds, objects.follows, frames_per_action)
    return Knowledge(objects, learn_ground(videos, tracks, frames_per_action), demonstrated)


def track(objects: Objects, video: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Where the player is in each frame, (n, 2); where it is not seen, where it was last."""
    places, last = [], (SIDE / 2, SIDE / 2)
    for frame in video:
        last = objects.player(frame) or last
        places.append(last)
    return np.array(places)


class FramesJudge(Judge):
    """Follows one episode. `values` has a worth in [-1, 1] for each listed action, `remaining` the number of
    actions that are thought to be left."""

    def __init__(self, known: Knowledge) -> None:
        self.known = known
        self.walker = Walker(known.ground)
        self.situation: Situation | None = None
        self.values: dict[str, float] = {}
        self.remaining: float | None = None
        self.reason = ""
        self._verdict = Judgement(0.0)

    def observe(self, action: str | None, observation: Observation, actions: Sequence[str]) -> None:
        if observation.frame is None:
            raise CriticFailure("frames: the environment shows no picture to judge by")
        expected, before = self.values.get(action, -1.0) if action else 0.0, self.remaining
        self._look(small(observation.frame), action, list(actions))
        if observation.level_complete or observation.victory:
            reward, reason = 1.0, "the level is complete"
        elif observation.terminated or observation.truncated:
            reward, reason = -1.0, "the level is over"
        elif action is None:
            reward, reason = 0.0, ""
        elif before is None or self.remaining is None:
            reward, reason = expected, "it was done so in the video" if expected > 0 else "it was not done so"
        else:
            gained = before - self.remaining
            reward = float(np.clip((gained + expected) / 2, -1, 1))
            reason = f"{abs(gained):.0f} steps {'nearer to' if gained > 0 else 'further from'} the end"
        self._verdict = Judgement(round(reward, 3), reason, tuple(actions), self.recommended)

    @property
    def recommended(self) -> str | None:
        return max(self.values, key=lambda name: self.values[name]) if self.values else None

    async def judge(self, proposals: Sequence[str]) -> list[Judgement]:
        return [
            Judgement(round(self.values.get(name, -1.0), 3), self.reason, tuple(self.values), self.recommended)
            for name in proposals
        ]

    async def review(self) -> Judgement:
        return self._verdict

    def _look(self, frame: Frame, action: str | None, actions: list[str]) -> None:
        """Value the listed actions by the first way of judging that has something to say."""
        player, goal = self.known.objects.player(frame), self.known.objects.goal(frame)
        if not self.known.objects.follows and player and goal:
            steps = self.walker.look(frame, player, goal, action, actions)
            if np.isfinite(steps).any():
                self.remaining, self.reason = float(steps.min()), "the way that is seen"
                self.values = {
                    name: float(np.clip(1 - (left - self.remaining), -1, 1))
                    for name, left in zip(actions, steps, strict=True)
                }
                return
        demonstrated = self.known.demonstrated
        self.situation = demonstrated.recognise(frame, self.situation)
        if self.situation is not None:
            move = demonstrated.moves[self.situation.index]
            self.remaining, self.reason = self.situation.remaining, "the video shows this situation"
        else:
            move = demonstrated.moves[int(np.argmin(demonstrated.distances(frame)))]
            self.remaining, self.reason = None, "the video shows a situation like this one"
        self.values = value_by_direction(move, actions)


def value_by_direction(move: NDArray[np.float64], actions: Sequence[str]) -> dict[str, float]:
    """What actions are worth where a move (down, right) is right: 1 for the one that does it, less by the angle."""
    best = action_towards(float(move[0]), float(move[1]), actions)
    values = {}
    for name in actions:
        vector = direction(name)
        if name == best:
            values[name] = 1.0
        elif vector is None or not move.any():
            values[name] = -0.3
        else:
            cosine = float(move @ np.array(vector)) / (np.hypot(*move) * max(np.hypot(*vector), 1.0))
            values[name] = round(0.9 * cosine - 0.3, 3)
    return values


def _in_words(move: NDArray[np.float64]) -> str:
    words = [("up", "", "down")[int(np.sign(move[0])) + 1], ("left", "", "right")[int(np.sign(move[1])) + 1]]
    return " ".join(word for word in words if word) or "wait"
