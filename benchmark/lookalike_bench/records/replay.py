"""Checks a record by playing its actions again: no model is asked, and the same must come out.

    replayed = replay_episode(episode, environment.play, environment.info, goal_reached)
    replayed.divergence      # None, or Divergence(episode="zork/swarm/seed-0", step=12, what="score", ...)

A record holds every action and, after each, what was observed and a digest of the environment's whole state. If
one of them differs the record does not show what happened, or the environment is not the one that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike_bench.records.schema import ObservationRecord, StepRecord
from lookalike_bench.records.store import EpisodeRecord
from lookalike_bench.types import EnvironmentInfo, Observation

Play = Callable[[int, Sequence[str]], Sequence[tuple[Observation, str]]]
"""(seed, actions) to observation and digest after the reset and after each action, up to the episode's end."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where a replay first differs from its record. `step` is 0 for the reset; `what` names the value."""

    episode: str
    step: int
    what: str
    expected: Any
    got: Any
    copy: int = 0

    def __str__(self) -> str:
        copy = f" copy {self.copy}" if self.copy else ""
        return f"{self.episode}{copy} step {self.step}: {self.what}: expected {self.expected!r}, got {self.got!r}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """One episode, played again."""

    episode: str
    steps: int
    divergence: Divergence | None


def replay_episode(
    episode: EpisodeRecord, play: Play, info: EnvironmentInfo, reached: Callable[[Observation], bool]
) -> Replayed:
    """Play an episode's actions again, each copy by itself. `reached` tells whether an observation is the goal.

    Raises EnvironmentFailure if the environment fails.
    """
    name = episode_name(episode)
    header = episode.header
    if header.observation is None:
        # It failed before the environment was reset: nothing was played.
        return Replayed(name, 0, None)
    if info.fingerprint != header.fingerprint:
        differs = Divergence(name, 0, "the environment's fingerprint", header.fingerprint, info.fingerprint)
        return Replayed(name, 0, differs)
    played = 0
    copies: dict[int, list[tuple[Observation, str]]] = {}
    for copy, steps in sorted(_copies(episode).items()):
        copies[copy] = list(play(header.seed, [step.action for step in steps]))
        played += len(copies[copy]) - 1
        for step, what, expected, got in _contradictions(steps):
            return Replayed(name, played, Divergence(name, step, what, expected, got, copy))
        for step, what, expected, got in _differences(episode, steps, copies[copy]):
            return Replayed(name, played, Divergence(name, step, what, expected, got, copy))
    for what, expected, got in _ending(episode, copies, info, reached):
        return Replayed(name, played, Divergence(name, len(episode.steps), what, expected, got))
    return Replayed(name, played, None)


def episode_name(episode: EpisodeRecord) -> str:
    """`zork/swarm/seed-0`: where the episode stands in its run."""
    task, variant, seed = episode.key
    return f"{task}/{variant}/seed-{seed}"


def _copies(episode: EpisodeRecord) -> dict[int, list[StepRecord]]:
    """The steps of each copy of the environment that was played in lockstep; the first also without steps."""
    copies: dict[int, list[StepRecord]] = {0: []}
    for step in episode.steps:
        copies.setdefault(step.copy_index, []).append(step)
    return copies


def _contradictions(steps: Sequence[StepRecord]) -> Iterator[tuple[int, str, Any, Any]]:
    """(step, what, expected, got) where the record is at odds with itself."""
    for number, step in enumerate(steps, 1):
        if step.step != number:
            yield number, "the step's number", number, step.step
        if step.played >= len(step.proposals):
            yield number, "the proposal that was played", f"one of {len(step.proposals)}", step.played
        elif step.proposals[step.played].action != step.action:
            yield number, "the action of the proposal that was played", step.action, step.proposals[step.played].action


def _differences(
    episode: EpisodeRecord, steps: Sequence[StepRecord], played: Sequence[tuple[Observation, str]]
) -> Iterator[tuple[int, str, Any, Any]]:
    """(step, what, expected, got) for whatever differs, first things first."""
    assert episode.header.observation is not None
    recorded = [(episode.header.observation, episode.header.digest)]
    recorded += [(step.observation, step.digest) for step in steps]
    for number, ((expected, digest), (observation, played_digest)) in enumerate(zip(recorded, played, strict=False)):
        if digest != played_digest or not _same(expected, observation):
            yield from ((number, *difference) for difference in _observed(expected, observation))
            yield number, "the state's digest", digest, played_digest
    if len(played) < len(recorded):
        yield len(played), "the step", f"{steps[len(played) - 1].action!r} played", "the episode was over"


def _same(expected: ObservationRecord, got: Observation) -> bool:
    return (
        expected.text == got.text
        and expected.score == got.score
        and expected.terminated == got.terminated
        and expected.truncated == got.truncated
        and expected.victory == got.victory
        and expected.level_complete == got.level_complete
        and expected.milestones == list(got.milestones)
    )


def _observed(expected: ObservationRecord, got: Observation) -> Iterator[tuple[str, Any, Any]]:
    for name in ("text", "score", "terminated", "truncated", "victory", "level_complete"):
        if getattr(expected, name) != getattr(got, name):
            yield name, getattr(expected, name), getattr(got, name)
    if expected.milestones != list(got.milestones):
        yield "milestones", expected.milestones, list(got.milestones)


def _ending(
    episode: EpisodeRecord,
    copies: dict[int, list[tuple[Observation, str]]],
    info: EnvironmentInfo,
    reached: Callable[[Observation], bool],
) -> Iterator[tuple[str, Any, Any]]:
    """Whether the end that is claimed follows from what was played."""
    end = episode.end
    if end is None or end.status != "scored":
        return
    if end.best_copy not in copies:
        yield "the copy that counts", end.best_copy, sorted(copies)
        return
    best = copies[end.best_copy]
    score = best[-1][0].score
    low, high = info.score_range
    progress = round((score - low) / (high - low), 6)
    success = any(reached(observation) for observation, _ in best)
    for what, claimed, found in (
        ("success", end.success, success),
        ("final score", end.score, score),
        ("progress", end.progress, progress),
        ("number of steps", end.steps, len(best) - 1),
    ):
        if claimed != found:
            yield what, claimed, found
