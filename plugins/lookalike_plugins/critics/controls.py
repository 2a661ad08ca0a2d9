"""Two critics that watch nothing and name no action: every table of critics needs them beside the real ones.

`constant` always says 0. `clock` only counts time: its reward grows with the steps played, which is enough for a
perfect value-order correlation on human play, and on any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from lookalike_bench.plugins.critic import Critic, Judge
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.types import Brief, Judgement, Observation
from lookalike_bench.videos.video import Video


class ConstantCritic(Critic):
    """Rewards everything with 0."""

    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        return RewardModel(provenance={"critic": "constant", "control": "watches nothing, always says 0"})

    def judge(self, reward_model: RewardModel) -> Judge:
        return _StepCounter(horizon=None, reason="control: always 0")


class ClockCritic(Critic):
    """Rewards the passing of time: from -1 at the first step to 1 at step `horizon` and after."""

    def __init__(self, horizon: int = 100) -> None:
        self.horizon = max(1, horizon)

    @property
    def identity(self) -> dict[str, object]:
        return {"horizon": self.horizon}

    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        return RewardModel(provenance={"critic": "clock", "control": "watches nothing, counts the steps"})

    def judge(self, reward_model: RewardModel) -> Judge:
        return _StepCounter(self.horizon, reason="control: the time that has passed")


class _StepCounter(Judge):
    def __init__(self, horizon: int | None, reason: str) -> None:
        self._horizon, self._reason, self._played = horizon, reason, 0

    def observe(self, action: str | None, observation: Observation, actions: Sequence[str]) -> None:
        self._played = 0 if action is None else self._played + 1

    async def judge(self, proposals: Sequence[str]) -> list[Judgement]:
        return [Judgement(self._reward(self._played + 1), self._reason) for _ in proposals]

    async def review(self) -> Judgement:
        return Judgement(self._reward(self._played) if self._played else 0.0, self._reason)

    def _reward(self, step: int) -> float:
        return 0.0 if self._horizon is None else min(1.0, 2 * step / self._horizon - 1)
