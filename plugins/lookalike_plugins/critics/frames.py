"""A critic of pixels: learns from videos alone what the player is, where it may go and what was done where.

    critic: {plugin: frames, frames_per_action: 4, features: raw}

It finds the player and the goal (seeing/objects.py), tells from what moved which action was taken, which it never
sees (seeing/demonstrated.py), and where the ground is (seeing/ground.py). In an episode it recommends, in this order:
the next step of a planned way, where the camera stands still and there is one; what was done in the demonstrated
situation that this one is; what was done in the situation that is most alike. It rewards what comes nearer to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from lookalike_bench.engine.background import in_background
from lookalike_bench.errors import CriticFailure
from lookalike_bench.plugins.critic import Critic, Judge
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.types import Brief, Judgement, Observation
from pydantic import Field

from lookalike_plugins.critics.seeing.crossing import Crosser
from lookalike_plugins.critics.seeing.demonstrated import Situation
from lookalike_plugins.critics.seeing.features import WEIGHTS, Kind, check_features
from lookalike_plugins.critics.seeing.knowledge import Knowledge, learn, read_film, small
from lookalike_plugins.critics.seeing.motion import action_towards, direction
from lookalike_plugins.critics.seeing.sheet import draw_sheet
from lookalike_plugins.critics.seeing.walking import Walker
from lookalike_plugins.critics.seeing.words import describe as in_words

if TYPE_CHECKING:
    from lookalike_bench.reward_models.sheet import Sheet
    from lookalike_bench.types import Frame
    from lookalike_bench.videos.video import Video
    from numpy.typing import NDArray

FramesPerAction = Annotated[int, Field(ge=1, le=32)]
UNCHANGED = 1.5
"""Mean difference of two pictures, in levels of 255, up to which nothing happened that matters."""


class Frames(Critic):
    """Watches videos of a pixel game and learns from what moves in them.

    `frames_per_action`: how many frames of the video one action lasts, at 15 frames per second. `features`: what
    pictures are compared by: raw, handmade or encoder (seeing/features.py). Raises VideoError
    for videos in which nothing can be seen to move, and for one of another game than the others. An episode that
    begins with a picture of another game is an error, unless `same_game` is false: a control with the wrong videos.
    """

    version = "2"

    def __init__(self, frames_per_action: FramesPerAction = 1, same_game: bool = True, features: Kind = "raw") -> None:
        check_features(features)
        self.frames_per_action = frames_per_action
        self.features = features
        self.same_game = same_game

    @property
    def identity(self) -> dict[str, object]:
        weights = {"weights": WEIGHTS} if self.features == "encoder" else {}
        return {"frames_per_action": self.frames_per_action, "features": self.features, **weights}

    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        return await in_background(self._watch, _different(videos), brief)

    def _watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        films = [read_film(video) for video in videos]
        known = learn(films, self.frames_per_action, self.features)
        return RewardModel(
            provenance={"critic": "frames", "videos": [video.provenance for video in videos], "task": brief.task},
            quality={
                "frames": float(sum(len(film.frames) for film in films)),
                "recognised_within_levels": known.demonstrated.familiar,
            },
            outline=known.outline(films),
            rules=known.rules(),
            arrays=known.arrays(),
        )

    def judge(self, reward_model: RewardModel) -> FramesJudge:
        return FramesJudge(Knowledge.of(reward_model), self.same_game)

    def sheet(self, reward_model: RewardModel, videos: Sequence[Video]) -> Sheet:
        return draw_sheet(Knowledge.of(reward_model), [read_film(video) for video in _different(videos)])


def _different(videos: Sequence[Video]) -> list[Video]:
    """The videos, each once: what is shown twice would pass for what all levels have in common."""
    return list({(video.sha256, video.start, video.end): video for video in videos}.values())


class FramesJudge(Judge):
    """Follows one episode. `values` has a worth in [-1, 1] for each listed action, `remaining` the number of
    actions that are thought to be left."""

    def __init__(self, known: Knowledge, same_game: bool = True) -> None:
        self.known = known
        self.same_game = same_game
        self.walker = Walker(known.ground)
        self.crosser = Crosser(known.crossing)
        self.situation: Situation | None = None
        self.values: dict[str, float] = {}
        self.remaining: float | None = None
        self.reason = ""
        self.useless: set[str] = set()
        self._earlier: Frame | None = None
        self._frame: Frame | None = None
        self._verdict = Judgement(0.0)

    async def describe(self, frame: Frame) -> str:
        """The picture in words, with what has changed since the one that was observed last."""
        return in_words(self.known, small(frame), self._frame)

    def observe(self, action: str | None, observation: Observation, actions: Sequence[str]) -> None:
        if observation.frame is None:
            raise CriticFailure("frames: the environment shows no picture to judge by")
        expected, before = self.values.get(action, -1.0) if action else 0.0, self.remaining
        frame = small(observation.frame)
        if action is None and self.same_game and (missing := self.known.landmarks.missing(frame)):
            raise CriticFailure(f"frames: the videos are of another game than the one that is played: {missing}")
        self._earlier, self._frame = self._frame, frame
        self._look(frame, action, list(actions))
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
            steps = f"{abs(gained):.0f} step{'' if round(abs(gained)) == 1 else 's'}"
            reason = f"{steps} {'nearer to' if gained > 0 else 'further from'} the end"
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
        elif not self.known.objects.follows and player:
            worths = self.crosser.look(frame, player, actions)
            self.remaining, self.reason = player[0] / self.known.crossing.lane, "the lanes as they move"
            if worths is None:
                # Nothing is known of how the lanes move: look first.
                self.values = {name: -0.3 if direction(name) else 1.0 for name in actions}
            else:
                self.values = {
                    name: -1.0 if worth < 0 else float(np.clip(1 - (worths.max() - worth), -0.9, 1))
                    for name, worth in zip(actions, worths, strict=True)
                }
            return
        demonstrated = self.known.demonstrated
        self.situation = demonstrated.recognise(frame, self.situation)
        if self.situation is not None:
            # Where the video goes on as it should, a pause is a pause; elsewhere it would be one for ever.
            done = demonstrated.moves if self.situation.due else demonstrated.meant
            move = done[self.situation.index]
            self.remaining, self.reason = self.situation.remaining, "the video shows this situation"
        elif (way := self.known.heading.read(frame)) is not None:
            # Upwards by leaping, sideways in any case, and never down on purpose: falling needs no action.
            move = np.array([-1.0 if way[0] < -0.2 else 0.0, 1.0 if way[1] > 0 else -1.0])
            self.remaining, self.reason = None, "the instrument points there"
        else:
            move = demonstrated.meant[int(np.argmin(demonstrated.distances(frame)))]
            self.remaining, self.reason = None, "the video shows a situation like this one"
        self.values = value_by_direction(move, actions)
        self._note_useless(frame, action)
        for name in self.useless & set(actions):
            self.values[name] = -0.5

    def _note_useless(self, frame: Frame, action: str | None) -> None:
        """What changed next to nothing in the picture will not the next time either."""
        before = self._earlier
        if before is None or action is None or np.abs(before.astype(np.int16) - frame).mean() > UNCHANGED:
            self.useless = set()
        else:
            self.useless.add(action)


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
            values[name] = round(max(-1.0, 0.9 * cosine - 0.3), 3)
    return values
