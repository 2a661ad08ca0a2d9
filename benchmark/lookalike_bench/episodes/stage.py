"""The ground that the methods stand on: one copy of the environment, its judge, its conversation, its record.

    await stage.begin()
    while not stage.over:
        proposals = await propose([Ask(stage, member=0, temperature=0.7)])
        await stage.play(proposals, played=0)

An interrupted episode is resumed here, and the methods do not notice: as long as there are recorded steps,
proposals, descriptions and judgements come from the record, the environment really plays the recorded actions,
and its state must come out the same.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from lookalike_bench.episodes import prompts
from lookalike_bench.errors import CriticFailure, EnvironmentFailure
from lookalike_bench.plugins.critic import Judge
from lookalike_bench.plugins.player import Player
from lookalike_bench.records.schema import (
    EpisodeHeader,
    JudgementRecord,
    ObservationRecord,
    ProposalRecord,
    StepRecord,
    UsageRecord,
)
from lookalike_bench.tasks.schema import Goal
from lookalike_bench.types import (
    Completion,
    Decode,
    EnvironmentInfo,
    Judgement,
    Observation,
    Proposal,
    Request,
    Reveal,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the play stands: what is seen, what the environment lists as possible, and the state's digest."""

    observation: Observation
    actions: tuple[str, ...]
    digest: str


class LiveEnvironment(Protocol):
    """An environment that is played without blocking the event loop."""

    @property
    def info(self) -> EnvironmentInfo: ...
    async def begin(self, seed: int) -> Situation: ...
    async def advance(self, action: str) -> Situation: ...


def request_seed(seed: int, step: int, copy: int, member: int) -> int:
    """The seed of one request: the same in every variant, different for every step, copy and member."""
    digest = hashlib.sha256(f"{seed}/{step}/{copy}/{member}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Stage:
    """One copy of the environment in one episode."""

    def __init__(
        self,
        environment: LiveEnvironment,
        *,
        seed: int,
        goal: Goal,
        max_steps: int,
        history: int,
        reveal: Reveal = "none",
        judge: Judge | None = None,
        copy: int = 0,
        write: Callable[[StepRecord], None],
        header: EpisodeHeader | None = None,
        recorded: Sequence[StepRecord] = (),
    ) -> None:
        """`header` and `recorded` are what an interrupted play left."""
        self.environment = environment
        self.seed = seed
        self.goal = goal
        self.max_steps = max_steps
        self.reveal: Reveal = reveal
        self.judge = judge
        self.copy = copy
        self.steps = 0
        self.success = False
        self.review: Judgement | None = None
        self.conversation = prompts.Conversation(
            prompts.system_prompt(environment.info, str(goal), max_steps, reveal), history
        )
        self._write = write
        # What the first look took is on record with the first step; without one, it is taken again.
        self._begun = header if recorded else None
        self._recorded = deque(recorded)
        self._clock = time.perf_counter()
        self._asked: dict[int, tuple[Request, str]] = {}

    @property
    def observation(self) -> Observation:
        return self.situation.observation

    @property
    def over(self) -> bool:
        """The goal was reached, the environment ended, or the limit of steps is used up."""
        ended = self.observation.terminated or self.observation.truncated
        return self.success or ended or self.steps >= self.max_steps

    @property
    def recorded(self) -> StepRecord | None:
        """The next step as an interrupted play recorded it, if there is one."""
        return self._recorded[0] if self._recorded else None

    async def begin(self) -> None:
        """Reset the environment, let the judge look, and open the conversation."""
        await self._look(None, await self.environment.begin(self.seed), self._begun)
        self.conversation.add("user", prompts.turn(self.observation))

    def request(self, ask: Ask, decode: Decode) -> tuple[Request, str]:
        """The request that asks one member for its next action, and its tail.

        The actions that are listed, and among which a player chooses, are the critic's possible ones where it may
        name them, else the environment's own.
        """
        advised = self.review is not None and self.reveal in ("actions", "recommendation")
        listed = self.review.possible if advised and self.review else ()
        if decode == "choose":
            listed = listed or self.situation.actions
        recommended = self.review.recommended if self.review and self.reveal == "recommendation" else None
        tail = prompts.tail(listed, recommended, ask.role)
        request = Request(
            messages=self.conversation.request(tail),
            temperature=ask.temperature,
            seed=request_seed(self.seed, self.steps + 1, self.copy, ask.member),
            choices=listed if decode == "choose" else (),
            vocabulary=self.environment.info.vocabulary if decode == "grammar" else (),
        )
        return request, tail

    async def judged(self, proposals: list[Proposal]) -> list[Proposal]:
        """The proposals with the critic's judgement of each, before any is played."""
        if self.judge is None or self.recorded is not None:
            return proposals
        actions = list(dict.fromkeys(proposal.action for proposal in proposals))
        judgements = dict(zip(actions, await self.judge.judge(actions), strict=True))
        return [replace(proposal, judgement=judgements[proposal.action]) for proposal in proposals]

    def chance(self) -> Random:
        """This step's own source of chance, the same in every variant and after a resume."""
        return Random(request_seed(self.seed, self.steps + 1, self.copy, member=-1))

    async def play(self, proposals: Sequence[Proposal], played: int, memory: str = "") -> None:
        """Play one of the proposals: step, review, record, and tell the players in the conversation."""
        action = proposals[played].action
        asked, self._asked = self._asked, {}
        recorded = self._recorded.popleft() if self._recorded else None
        choices = next((request.choices for request, _ in asked.values()), ())
        change = self.conversation.change() if asked or recorded else None
        self.steps += 1
        await self._look(action, await self.environment.advance(action), recorded)
        if recorded is None:
            self._write(
                StepRecord(
                    step=self.steps,
                    copy=self.copy,
                    conversation=change,
                    choices=list(choices),
                    proposals=[_proposal_record(proposal, asked.get(proposal.member)) for proposal in proposals],
                    played=played,
                    action=action,
                    observation=observation_record(self.observation),
                    digest=self.situation.digest,
                    review=judgement_record(self.review),
                    judging=self._judging(),
                    seconds=round(time.perf_counter() - self._clock, 6),
                )
            )
        elif recorded.digest != self.situation.digest:
            raise EnvironmentFailure(
                f"cannot resume: at step {self.steps} the environment arrives at another state than the record "
                f"({self.situation.digest}, recorded {recorded.digest})"
            )
        self._clock = time.perf_counter()
        self.conversation.add("assistant", action)
        verdict = prompts.verdict(self.review, self.reveal)
        self.conversation.add("user", prompts.turn(self.observation, memory, verdict))
        self.conversation.cut()

    async def _look(
        self, action: str | None, situation: Situation, recorded: EpisodeHeader | StepRecord | None
    ) -> None:
        """Take in what the environment shows. The critic puts the picture into words and reviews the step, unless
        that is on record."""
        observation = situation.observation
        if self.judge is not None:
            if recorded is not None and recorded.observation is not None:
                observation = replace(observation, description=recorded.observation.description)
            elif observation.frame is not None:
                observation = replace(observation, description=await self.judge.describe(observation.frame))
            self.judge.observe(action, observation, situation.actions)
            self.review = from_record(recorded.review) if recorded else await self.judge.review()
        self.situation = replace(situation, observation=observation)
        self.success = self.success or reached(self.goal, observation)

    def _judging(self) -> UsageRecord | None:
        """What judging took since the last record; None where no model was asked."""
        if self.judge is None or self.judge.usage == Usage():
            return None
        used, self.judge.usage = self.judge.usage, Usage()
        return usage_record(used)

    def asked(self, ask: Ask, request: Request, tail: str) -> None:
        """Remember what a member was asked, for the step's record."""
        self._asked[ask.member] = (request, tail)


@dataclass(frozen=True, slots=True)
class Ask:
    """One member to be asked for its next action on one stage."""

    stage: Stage
    member: int
    temperature: float
    role: str = ""


async def propose(player: Player, decode: Decode, asks: Sequence[Ask]) -> list[Proposal]:
    """Ask all members at once; what an interrupted play already asked is taken from its record."""
    requests = {index: ask.stage.request(ask, decode) for index, ask in enumerate(asks) if not ask.stage.recorded}
    completions = await player.complete([request for request, _ in requests.values()]) if requests else []
    answers = dict(zip(requests, completions, strict=True))
    proposals = []
    for index, ask in enumerate(asks):
        if index in answers:
            ask.stage.asked(ask, *requests[index])
            proposals.append(_proposal(ask, answers[index], decode))
        else:
            assert ask.stage.recorded is not None
            recorded = next(p for p in ask.stage.recorded.proposals if p.member == ask.member)
            proposals.append(_proposal_from_record(recorded))
    return proposals


def reached(goal: Goal, observation: Observation) -> bool:
    """Whether everything that a goal names is there."""
    return (
        (goal.score is None or observation.score >= goal.score)
        and (goal.milestone is None or goal.milestone in observation.milestones)
        and (goal.level_complete is None or observation.level_complete)
        and (goal.victory is None or observation.victory)
    )


def observation_record(observation: Observation) -> ObservationRecord:
    return ObservationRecord(
        text=observation.text,
        score=observation.score,
        terminated=observation.terminated,
        truncated=observation.truncated,
        victory=observation.victory,
        level_complete=observation.level_complete,
        milestones=list(observation.milestones),
        description=observation.description,
    )


def judgement_record(judgement: Judgement | None) -> JudgementRecord | None:
    if judgement is None:
        return None
    if not -1 <= judgement.reward <= 1:
        raise CriticFailure(f"the critic gave a reward of {judgement.reward:g}: expected a number from -1 to 1")
    return JudgementRecord(
        reward=judgement.reward,
        reason=judgement.reason,
        possible=list(judgement.possible),
        recommended=judgement.recommended,
    )


def from_record(record: JudgementRecord | None) -> Judgement | None:
    if record is None:
        return None
    return Judgement(record.reward, record.reason, tuple(record.possible), record.recommended)


def _proposal(ask: Ask, completion: Completion, decode: Decode) -> Proposal:
    action = completion.text if decode == "choose" else prompts.read_action(completion.text)
    return Proposal(ask.member, ask.temperature, action, completion=completion)


def _proposal_record(proposal: Proposal, asked: tuple[Request, str] | None) -> ProposalRecord:
    return ProposalRecord(
        member=proposal.member,
        temperature=proposal.temperature,
        seed=asked[0].seed if asked else 0,
        tail=asked[1] if asked else "",
        action=proposal.action,
        text=proposal.completion.text,
        judgement=judgement_record(proposal.judgement),
        log_probabilities=[round(value, 5) for value in proposal.completion.log_probabilities],
        usage=usage_record(proposal.completion.usage),
    )


def usage_record(usage: Usage) -> UsageRecord:
    return UsageRecord(
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
    )


def usage_from_record(record: UsageRecord) -> Usage:
    return Usage(record.prompt_tokens, record.cached_tokens, record.completion_tokens)


def _proposal_from_record(record: ProposalRecord) -> Proposal:
    completion = Completion(record.text, usage_from_record(record.usage), tuple(record.log_probabilities))
    judgement = from_record(record.judgement) or Judgement(0.0)
    return Proposal(record.member, record.temperature, record.action, judgement, completion)
