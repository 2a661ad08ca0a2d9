"""The interface of a critic: the vision model that watches a human play (the paper's vLLM), and of its judge.

A critic watches once (`watch`) and gives a RewardModel, which is stored, can be read and edited, and is shared
by all variants of a run. A judge then follows one episode with that reward model. A whole critic, to copy from:

    class Northerner(Critic):
        '''Believes that north is always right.'''

        async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
            return RewardModel(rules=["Go north."])

        def judge(self, reward_model: RewardModel) -> Judge:
            return NorthernJudge()

    class NorthernJudge(Judge):
        def observe(self, action, observation, actions):
            self.went_north = action == "north"

        async def judge(self, proposals):
            return [Judgement(1.0 if action == "north" else -1.0) for action in proposals]

        async def review(self):
            return Judgement(1.0 if self.went_north else -1.0, possible=("north", "south"), recommended="north")

A critic that writes an outline need not bring a judge: the default one follows any outline by what can be read. Where
the environment shows pictures, that is what the critic's `describe` makes of them: its eyes are the player's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from lookalike_bench.types import Brief, Description, Judgement, Observation, Usage

if TYPE_CHECKING:
    from lookalike_bench.reward_models.model import RewardModel
    from lookalike_bench.reward_models.sheet import Sheet
    from lookalike_bench.types import Frame
    from lookalike_bench.videos.video import Video

    Eyes = Callable[[Frame], Awaitable[Description]]


class Judge(ABC):
    """Follows one episode and rewards or punishes its steps."""

    usage: Usage = Usage()
    """Tokens that judging and describing took since the last step was recorded: a judge that asks a model adds to it,
    and whoever records the step sets it back to nothing."""

    eyes: Eyes | None = None
    """What puts a picture into words, as a critic's `describe` does; None for a judge that sees none, or by itself."""

    async def describe(self, frame: Frame) -> str:
        """What a picture shows, in words, for a player that cannot see. Asked of every picture just before what it
        belongs to is observed, and kept in the record: a resumed episode is not described again."""
        if self.eyes is None:
            return ""
        description = await self.eyes(frame)
        self.usage += description.usage
        return description.text

    @abstractmethod
    def observe(self, action: str | None, observation: Observation, actions: Sequence[str]) -> None:
        """Take note of what happened: once after the reset, with no action, then after each action played.
        `observation` has its description already; `actions` is what the environment lists as possible now. Cheap,
        and never a model call: a resumed episode is observed again."""

    @abstractmethod
    async def judge(self, proposals: Sequence[str]) -> list[Judgement]:
        """Judge actions that could be played now, before any of them is. One judgement each, in order."""

    @abstractmethod
    async def review(self) -> Judgement:
        """Judge the step observed last by its outcome (reward 0 after a reset), and say what could be done
        now: `possible` actions, and among them the `recommended` one."""


class Critic(ABC):
    """Watches videos of human play and writes a reward model."""

    version: str = "1"
    """Part of the reward model's identity: raise it when the same video would give another reward model."""

    @property
    def identity(self) -> dict[str, object]:
        """The settings that decide what `watch` returns (a model's name, a frame rate): part of the key under
        which the reward model is stored."""
        return {}

    @abstractmethod
    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        """Watch, and write down what was learned. Sees pictures and times only, never recorded actions."""

    def judge(self, reward_model: RewardModel) -> Judge:
        """A judge for one episode."""
        from lookalike_bench.reward_models.judge import OutlineJudge

        return OutlineJudge(reward_model, self.describe)

    def sheet(self, reward_model: RewardModel, videos: Sequence[Video]) -> Sheet | None:
        """What was learned as pictures, for a person to look at: by default the frame of each step of the outline.
        None if there is nothing to show."""
        from lookalike_bench.reward_models.sheet import outline_sheet

        return outline_sheet(reward_model, videos)

    async def describe(self, frame: Frame) -> Description:
        """Put a picture into words for a player that cannot see; the default judge does so at every step. Nothing
        for a critic without eyes."""
        return Description()

    async def close(self) -> None:
        """Free what the critic holds."""
