"""The judge that asks the model at each step: `critic: {plugin: openai, judge: model}`.

All of an episode's questions begin with the same text (what the critic learned, then what has happened so far), so
that a server computes it once and serves it from its prompt cache. Proposals are judged together in one call.
The judge reads what the player reads: the texts, the actions that the environment lists, and where the environment
shows pictures, what the model itself said of each. It sees the last one. Never the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lookalike_bench.errors import CriticFailure
from lookalike_bench.plugins.critic import Judge
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.types import Judgement, Observation
from lookalike_bench.videos.frames import VideoFrame
from pydantic import Field

from lookalike_plugins.critics.model_critic import Part, Strict, T

if TYPE_CHECKING:
    from lookalike_plugins.critics.model_critic import ModelCritic

HISTORY = 100
"""Steps that are told at most; the older half is dropped when there are more, so that the rest stays a prefix."""
POSSIBLE = 4


class Reward(Strict):
    """What the model thinks of one proposal."""

    action: str
    reward: float = Field(description="from -1 to 1")
    reason: str


class Rewards(Strict):
    """What the model thinks of all of them."""

    judgements: list[Reward]


class Review(Strict):
    """What the model thinks of the step that was played, and what should be next."""

    reward: float = Field(description="of the last action, from -1 to 1; 0 if none was played yet")
    reason: str
    possible_actions: list[str] = Field(description=f"{POSSIBLE} actions that make sense now, the best first")
    recommended_action: str = Field(description="one of the possible actions")


class ModelJudge(Judge):
    """Follows one episode and asks the critic's model."""

    def __init__(self, critic: ModelCritic, reward_model: RewardModel) -> None:
        self._critic = critic
        self.eyes = critic.describe
        brief = reward_model.provenance.get("brief", {})
        self._system = critic.prompts.fill(
            "judge",
            task=str(brief.get("task", "")),
            goal=str(brief.get("goal", "")),
            outline="\n".join(
                f"{number}. {step.cue}\n   > {step.action}\n   {step.outcome}"
                for number, step in enumerate(reward_model.outline, 1)
            ),
            rules="\n".join(f"- {rule}" for rule in reward_model.rules) or "- (nothing was written down)",
        )
        self._told: list[str] = []
        self._actions: tuple[str, ...] = ()
        self._frame: VideoFrame | None = None
        self._steps = 0

    def observe(self, action: str | None, observation: Observation, actions: Sequence[str]) -> None:
        self._steps += action is not None
        self._told.append(f"> {action}\n\n{observation.words}" if action else observation.words)
        if len(self._told) > HISTORY:
            self._told = self._told[-HISTORY // 2 :]
        self._actions = tuple(actions)
        self._frame = VideoFrame(0.0, self._steps, observation.frame) if observation.frame is not None else None

    async def judge(self, proposals: Sequence[str]) -> list[Judgement]:
        listed = "\n".join(f"{number}. {action}" for number, action in enumerate(proposals, 1))
        question = f"Judge each of these actions, which could be played next, in this order:\n{listed}"
        answer = await self._ask(question, Rewards)
        rewards = _in_order(answer.judgements, proposals)
        if rewards is None:
            raise CriticFailure(
                f"{self._critic.model} judged {len(answer.judgements)} actions of {len(proposals)}: it left some out"
            )
        return [Judgement(_bounded(reward.reward), reward.reason) for reward in rewards]

    async def review(self) -> Judgement:
        played = "Judge the last action by its outcome" if self._steps else "Nothing was played yet: the reward is 0"
        listed = f" The game lists: {', '.join(self._actions)}." if self._actions else ""
        answer = await self._ask(f"{played}, and say what could be done now and what you recommend.{listed}", Review)
        recommended = " ".join(answer.recommended_action.split()) or None
        possible = [" ".join(action.split()) for action in answer.possible_actions if action.strip()]
        if recommended is not None and recommended not in possible[:POSSIBLE]:
            possible = [recommended, *possible]
        return Judgement(
            _bounded(answer.reward) if self._steps else 0.0,
            answer.reason,
            tuple(dict.fromkeys(possible))[:POSSIBLE],
            recommended,
        )

    async def _ask(self, question: str, form: type[T]) -> T:
        answer, used = await self._critic.ask(self._system, self._situation(question), form)
        self.usage += used
        return answer

    def _situation(self, question: str) -> list[Part]:
        """What has happened so far, one part a step, the picture if there is one, and the question at the end."""
        picture: list[Part] = ["The picture now:", self._frame] if self._frame is not None else []
        return [*self._told, *picture, question]


def _in_order(rewards: Sequence[Reward], proposals: Sequence[str]) -> list[Reward] | None:
    """The rewards in the order of the proposals: by their names, else as they stand if none is missing."""
    named = {reward.action.strip().casefold(): reward for reward in rewards}
    found = [named.get(action.strip().casefold()) for action in proposals]
    if all(reward is not None for reward in found):
        return [reward for reward in found if reward is not None]
    return list(rewards) if len(rewards) == len(proposals) else None


def _bounded(reward: float) -> float:
    # A reward that is not a number must not reach an aggregator.
    return min(1.0, max(-1.0, reward)) if reward == reward else 0.0
