"""What a record says. An episode is a file of JSON lines:

    {"type": "episode", "task": "zork", "variant": "swarm", "seed": 0, ...}       EpisodeHeader
    {"type": "step", "step": 1, "proposals": [...], "action": "north", ...}       StepRecord, once for each step
    {"type": "end", "status": "scored", "success": true, "score": 40.0, ...}      EpisodeEnd

Prompts only grow, so each step holds what was added to the conversation since the step before (`kept` counts
the messages that stayed), and `tail`, the end of the last message, which differs between members. `prompts()`
in `records/prompts.py` puts every request together again, exactly as it was sent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lookalike_bench.tasks.schema import NAME

SCHEMA_VERSION = 1


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class UsageRecord(Line):
    """Tokens of one or more model calls."""

    prompt_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class JudgementRecord(Line):
    """What the critic said: see types.Judgement."""

    reward: float = Field(ge=-1, le=1)
    reason: str = ""
    possible: list[str] = []
    recommended: str | None = None


class ObservationRecord(Line):
    """What the environment showed, but for its picture, which a replay renders again. `description` is what the critic
    saw in the picture, which is no part of what a replay must reach."""

    text: str
    score: float = 0.0
    terminated: bool = False
    truncated: bool = False
    victory: bool = False
    level_complete: bool = False
    milestones: list[str] = []
    description: str = ""


class MessageRecord(Line):
    role: Literal["system", "user", "assistant"]
    content: str


class ConversationChange(Line):
    """The first `kept` messages of the last step's conversation, then `added`."""

    kept: int = Field(ge=0)
    added: list[MessageRecord]


class ProposalRecord(Line):
    """What one member was asked, answered and earned. `text` is the raw answer, `action` what it was read as;
    `log_probabilities` go with the step's `choices`; a single one is that of the answer, which was written."""

    member: int = Field(ge=0)
    temperature: float
    seed: int
    action: str
    text: str = ""
    tail: str = ""
    judgement: JudgementRecord | None = None
    log_probabilities: list[float] = []
    usage: UsageRecord = UsageRecord()


class StepRecord(Line):
    """One action played. `copy` tells lockstep copies of the environment apart (0 where there is one);
    `digest` is the environment's state after the action, `review` the critic's view of the outcome, `judging` what it
    took a critic that asks its model at each step."""

    type: Literal["step"] = "step"
    step: int = Field(ge=1)
    copy_index: int = Field(default=0, ge=0, alias="copy")
    conversation: ConversationChange | None = None
    choices: list[str] = []
    proposals: list[ProposalRecord]
    played: int = Field(ge=0)
    action: str
    observation: ObservationRecord
    digest: str
    review: JudgementRecord | None = None
    judging: UsageRecord | None = None
    seconds: float = Field(ge=0)

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, ser_json_inf_nan="null")

    @property
    def usages(self) -> list[UsageRecord]:
        """What the step took, of the players and of the critic."""
        return [*(proposal.usage for proposal in self.proposals), *([self.judging] if self.judging else [])]


class EpisodeHeader(Line):
    """What is played: enough to play it again. Without an observation it failed before it could begin."""

    type: Literal["episode"] = "episode"
    schema_version: int = SCHEMA_VERSION
    task: str
    task_hash: str
    stand_in_for: str | None = None
    variant: str
    method: str
    seed: int
    temperatures: list[float]
    roles: list[str] = []
    environment: dict[str, Any]
    fingerprint: str = ""
    player: str | None
    decode: str | None = None
    critic: str | None
    reveal: str
    reward_model: str | None = None
    handicaps: list[str] = []
    deterministic: bool = Field(default=True, description="whether the player promises the same for the same seed")
    observation: ObservationRecord | None = None
    digest: str = ""
    review: JudgementRecord | None = None
    started: str


class EpisodeEnd(Line):
    """How it ended. An errored episode has no success and no progress: it is not a 0. `usage` and `cost_usd` are of
    its players and of a critic that judged with them."""

    type: Literal["end"] = "end"
    status: Literal["scored", "errored"]
    success: bool | None = None
    progress: float | None = None
    score: float | None = None
    steps: int = 0
    best_copy: int = 0
    usage: UsageRecord = UsageRecord()
    seconds: float = 0.0
    cost_usd: float | None = None
    resumed: int = Field(default=0, ge=0, description="how often the episode was taken up again")
    error: str | None = None


RecordLine = Annotated[EpisodeHeader | StepRecord | EpisodeEnd, Field(discriminator="type")]


class TaskEntry(Line):
    """A task as the run played it."""

    task: str
    hash: str
    stand_in_for: str | None = None
    definition: dict[str, Any]
    seeds: list[int]
    variants: list[str]
    expect: dict[str, str] = {}


class SuiteEntry(Line):
    """A suite as it was asked for: its name and those of all its tasks, also of any that the run does not play."""

    suite: str = Field(pattern=NAME, max_length=64)
    tasks: list[Annotated[str, Field(pattern=NAME, max_length=64)]] = Field(min_length=1, max_length=64)


class Manifest(Line):
    """What a run is, complete enough to do it again. Transport settings are not part of it."""

    schema_version: int = SCHEMA_VERSION
    created: str
    tasks: list[TaskEntry]
    suites: list[SuiteEntry] = Field(default=[], max_length=64)
    plugins: dict[str, str]
    packages: dict[str, str]
    python: str
    platform: str
    git_commit: str | None = None
    command: list[str] = []


def titles(manifest: Manifest) -> list[str]:
    """What a run is of, in few words: its suites, and the tasks that are in none of them."""
    inside = {task for entry in manifest.suites for task in entry.tasks}
    names = [entry.suite for entry in manifest.suites]
    return names + [entry.task for entry in manifest.tasks if {entry.task, entry.stand_in_for}.isdisjoint(inside)]
