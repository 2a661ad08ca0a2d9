"""The random critic, a control: it watches nothing, and what it says means nothing.

A method that gains as much from this critic as from a real one gains from something other than watching.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

from lookalike_bench.plugins.critic import Critic, Judge
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.types import Brief, Judgement, Observation
from lookalike_bench.videos.video import Video

POSSIBLE = 4
REASON = "control: drawn at random"


class RandomCritic(Critic):
    """Rewards drawn uniformly from [-1, 1], and a recommendation drawn from the environment's actions."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @property
    def identity(self) -> dict[str, object]:
        return {"seed": self.seed}

    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        return RewardModel(provenance={"critic": "random", "control": "watches nothing, judges at random"})

    def judge(self, reward_model: RewardModel) -> Judge:
        return RandomJudge(self.seed)


class RandomJudge(Judge):
    """Draws from the hash of all that it observed, so that a run that is repeated or resumed repeats."""

    def __init__(self, seed: int = 0) -> None:
        self._history = hashlib.sha256(str(seed).encode())
        self._actions: tuple[str, ...] = ()
        self._began = False

    def observe(self, action: str | None, observation: Observation, actions: Sequence[str]) -> None:
        self._history.update(repr((action, observation.text, tuple(actions))).encode())
        self._actions = tuple(dict.fromkeys(actions))
        self._began = action is not None

    async def judge(self, proposals: Sequence[str]) -> list[Judgement]:
        return [Judgement(self._draw(f"judge {action}").uniform(-1, 1), REASON) for action in proposals]

    async def review(self) -> Judgement:
        draw = self._draw("review")
        reward = draw.uniform(-1, 1) if self._began else 0.0
        possible = tuple(draw.sample(self._actions, min(POSSIBLE, len(self._actions))))
        return Judgement(reward, REASON, possible, draw.choice(possible) if possible else None)

    def _draw(self, purpose: str) -> Random:
        history = self._history.copy()
        history.update(purpose.encode())
        return Random(history.digest())
