"""What a run plays: every variant of every task on every seed, and what listens to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lookalike_bench.records.schema import EpisodeEnd, StepRecord
from lookalike_bench.tasks.task import Task
from lookalike_bench.tasks.variants import Variant


@dataclass(frozen=True)
class EpisodePlan:
    """One episode to be played."""

    task: Task
    variant: Variant
    seed: int

    @property
    def key(self) -> tuple[str, str, int]:
        return self.task.name, self.variant.name, self.seed

    def __str__(self) -> str:
        return f"{self.task.name} {self.variant.name} seed {self.seed}"


def plan(tasks: Sequence[Task]) -> list[EpisodePlan]:
    """Every episode, in the order of the files."""
    return [EpisodePlan(task, variant, seed) for task in tasks for variant in task.variants for seed in task.file.seeds]


class Listener(Protocol):
    """Hears of a run's progress, from the engine's thread."""

    def note(self, text: str) -> None: ...
    def episode_started(self, episode: EpisodePlan) -> None: ...
    def stepped(self, episode: EpisodePlan, step: StepRecord) -> None: ...
    def episode_ended(self, episode: EpisodePlan, end: EpisodeEnd) -> None: ...


class Silent:
    """A listener that does nothing."""

    def note(self, text: str) -> None: ...
    def episode_started(self, episode: EpisodePlan) -> None: ...
    def stepped(self, episode: EpisodePlan, step: StepRecord) -> None: ...
    def episode_ended(self, episode: EpisodePlan, end: EpisodeEnd) -> None: ...
