"""What a run comes to, in numbers: tasks, their variants, and how each episode ended. `summarise` fills them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lookalike_bench.records.schema import UsageRecord
from lookalike_bench.scoring.diagnostics import Diagnostics
from lookalike_bench.scoring.statistics import Difference, Interval, bootstrap_mean, mean_of_proportions, wilson
from lookalike_bench.tasks.variants import BUILT_IN_VARIANTS

CONTROLS = ("random", "constant", "clock")
"""Players and critics that are controls wherever they take part."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; None where it cannot be had."""

    mean: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one scored episode ended."""

    success: bool
    progress: float
    score: float
    steps: int


@dataclass(frozen=True)
class VariantSummary:
    """One row. `steps` is the mean over scored episodes, `steps_to_goal` over successful ones; `usage`, `seconds`
    and `cost_usd` are totals over all that was played, errored episodes included: they were paid for."""

    variant: str
    method: str
    player: str | None
    critic: str | None
    members: int
    planned: int
    errored: int
    outcomes: dict[int, Outcome]
    usage: UsageRecord
    seconds: float
    cost_usd: float | None
    diagnostics: Diagnostics
    reward_models: tuple[str, ...] = ()
    handicaps: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    against_baseline: Difference | None = None
    progress_against_baseline: Difference | None = None
    adjusted_p: float | None = None

    @property
    def scored(self) -> int:
        return len(self.outcomes)

    @property
    def missing(self) -> int:
        """Planned, but neither scored nor errored."""
        return self.planned - self.scored - self.errored

    @cached_property
    def success(self) -> Estimate:
        successes = sum(outcome.success for outcome in self.outcomes.values())
        return Estimate(successes / self.scored if self.scored else None, wilson(successes, self.scored))

    @cached_property
    def progress(self) -> Estimate:
        values = [outcome.progress for outcome in self.outcomes.values()]
        return Estimate(_mean(values), bootstrap_mean(values))

    @property
    def steps(self) -> float | None:
        return _mean([outcome.steps for outcome in self.outcomes.values()])

    @property
    def steps_to_goal(self) -> float | None:
        return _mean([outcome.steps for outcome in self.outcomes.values() if outcome.success])

    @property
    def tokens(self) -> int:
        return self.usage.prompt_tokens + self.usage.completion_tokens

    @property
    def label(self) -> str:
        """What must be said beside the row: that it is a control, which, or was given the solution."""
        if self.method == "replay":
            return "the recorded solution, replayed: the ceiling"
        if self.method == "independent":
            return f"control: best of {self.members}, no critic, nothing shared"
        if self.method == "retry":
            return f"control: equal compute, one player with {self.members} tries at each step"
        cast = {"player": self.player, "critic": self.critic}
        if controls := [f"{name} {who}" for who, name in cast.items() if name in CONTROLS]:
            return f"control: {' and '.join(controls)}"
        if self.variant in BUILT_IN_VARIANTS and self.variant not in ("baseline", "single", "swarm"):
            return f"control: {BUILT_IN_VARIANTS[self.variant][0]}"
        return ""


@dataclass(frozen=True)
class TaskSummary:
    """A task's table. `demonstrations` says who played in the videos that the critics watched."""

    task: str
    hash: str
    environment: str
    stand_in_for: str | None
    goal: str
    max_steps: int | None
    seeds: list[int]
    variants: list[VariantSummary]
    demonstrations: list[str] = field(default_factory=list)

    def variant(self, name: str) -> VariantSummary | None:
        return next((variant for variant in self.variants if variant.variant == name), None)


@dataclass(frozen=True)
class SuiteVariant:
    """A suite's row: one variant over the suite's tasks, by the names of those that the run has it for. `gap` says
    why there is no mean, where that is so: a task that was not played, or of which nothing was scored."""

    variant: str
    tasks: dict[str, VariantSummary]
    gap: str = ""
    against_baseline: Difference | None = None
    adjusted_p: float | None = None

    @property
    def method(self) -> str:
        return next(iter(self.tasks.values())).method

    @property
    def label(self) -> str:
        return next(iter(self.tasks.values())).label

    @property
    def planned(self) -> int:
        return sum(task.planned for task in self.tasks.values())

    @property
    def scored(self) -> int:
        return sum(task.scored for task in self.tasks.values())

    @property
    def errored(self) -> int:
        return sum(task.errored for task in self.tasks.values())

    @cached_property
    def success(self) -> Estimate:
        """Each task weighs the same, however many of its episodes were scored."""
        if self.gap:
            return Estimate(None, None)
        counts = [(sum(o.success for o in task.outcomes.values()), task.scored) for task in self.tasks.values()]
        return Estimate(*mean_of_proportions(counts))

    @property
    def tokens(self) -> int:
        return sum(task.tokens for task in self.tasks.values())

    @property
    def seconds(self) -> float:
        return math.fsum(task.seconds for task in self.tasks.values())


@dataclass(frozen=True)
class SuiteSummary:
    """A suite's table. `tasks` are the names of all its tasks, played or not."""

    suite: str
    tasks: list[str]
    variants: list[SuiteVariant]

    def variant(self, name: str) -> SuiteVariant | None:
        return next((variant for variant in self.variants if variant.variant == name), None)


@dataclass(frozen=True)
class RunSummary:
    tasks: list[TaskSummary]
    suites: list[SuiteSummary] = field(default_factory=list)

    def task(self, name: str) -> TaskSummary:
        return next(task for task in self.tasks if task.task == name)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
