"""Plays one episode from its plan to its record: sets the stages, runs the method, writes the end."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lookalike_bench.episodes.baseline import baseline
from lookalike_bench.episodes.controls import independent, replay, retry
from lookalike_bench.episodes.episode import Episode
from lookalike_bench.episodes.single import single
from lookalike_bench.episodes.stage import (
    LiveEnvironment,
    Stage,
    judgement_record,
    observation_record,
    usage_from_record,
    usage_record,
)
from lookalike_bench.episodes.swarm import swarm_in_parallel, swarm_together
from lookalike_bench.errors import LookalikeError
from lookalike_bench.plugins.aggregator import Aggregator
from lookalike_bench.plugins.critic import Judge
from lookalike_bench.plugins.player import Player
from lookalike_bench.records.schema import EpisodeEnd, EpisodeHeader, StepRecord
from lookalike_bench.records.store import EpisodeRecord, EpisodeWriter
from lookalike_bench.tasks.task import Task
from lookalike_bench.tasks.variants import Variant
from lookalike_bench.types import Usage

METHODS: dict[tuple[str, str], Callable[[Episode], Awaitable[None]]] = {
    ("baseline", "together"): baseline,
    ("single", "together"): single,
    ("swarm", "together"): swarm_together,
    ("swarm", "parallel"): swarm_in_parallel,
    ("independent", "together"): independent,
    ("retry", "together"): retry,
    ("replay", "together"): replay,
}


Cost = Callable[[Usage, Usage], float | None]
"""Dollars that the players' and the judge's tokens cost; None where that cannot be told."""


@dataclass(frozen=True)
class Cast:
    """Everybody who takes part in an episode, ready to begin. `environments` has one entry for each copy."""

    environments: Sequence[LiveEnvironment]
    player: Player
    make_judge: Callable[[], Judge] | None
    aggregator: Aggregator | None
    solution: Sequence[str]
    reward_model: str | None
    cost: Cost = lambda playing, judging: None


def copies(variant: Variant) -> int:
    """How many copies of the environment a variant plays in lockstep."""
    return variant.members if variant.method == "independent" or variant.mode == "parallel" else 1


async def play_episode(
    task: Task,
    variant: Variant,
    seed: int,
    cast: Cast,
    writer: EpisodeWriter,
    *,
    interrupted: EpisodeRecord | None = None,
    on_step: Callable[[StepRecord], None] = lambda step: None,
) -> EpisodeEnd:
    """Play one episode and finish its record. What fails is recorded as an error, never as a score; only
    cancellation leaves the record unfinished, to be resumed."""
    steps: list[StepRecord] = list(interrupted.steps) if interrupted else []

    def write(step: StepRecord) -> None:
        writer.write(step)
        steps.append(step)
        on_step(step)

    stages = [
        Stage(
            environment,
            seed=seed,
            goal=task.file.goal,
            max_steps=task.file.max_steps,
            history=task.file.history,
            reveal=variant.reveal,
            judge=cast.make_judge() if cast.make_judge else None,
            copy=copy,
            write=write,
            header=interrupted.header if interrupted else None,
            recorded=[step for step in interrupted.steps if step.copy_index == copy] if interrupted else (),
        )
        for copy, environment in enumerate(cast.environments)
    ]
    resumed = 1 if interrupted else 0
    begun = interrupted is not None
    try:
        await asyncio.gather(*(stage.begin() for stage in stages))
        if not begun:
            writer.write(_header(task, variant, seed, cast, stages[0]))
            begun = True
        episode = Episode(
            variant=variant,
            stages=stages,
            player=cast.player,
            decode=variant.player.decode if variant.player else "choose",
            aggregator=cast.aggregator,
            solution=cast.solution,
        )
        await METHODS[variant.method, variant.mode](episode)
    except Exception as error:
        if not begun:
            writer.write(bare_header(task, variant, seed))
        end = _spent(steps, resumed, cast.cost).model_copy(update={"error": describe_error(error)})
    else:
        end = _scored(stages, _spent(steps, resumed, cast.cost))
    writer.finish(end)
    return end


def describe_error(error: BaseException) -> str:
    """One line for the record: what failed, and for a fault in code, where."""
    line = f"{type(error).__name__}: {error}".splitlines()[0]
    trace = error.__traceback__
    if isinstance(error, LookalikeError) or trace is None:
        return line
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"{line} (in {code.co_name}, {code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno})"


def _scored(stages: Sequence[Stage], spent: EpisodeEnd) -> EpisodeEnd:
    """The most successful copy counts (paper section 3); among equals, the quickest."""
    best = max(stages, key=lambda stage: (stage.success, stage.observation.score, -stage.steps, -stage.copy))
    low, high = best.environment.info.score_range
    return spent.model_copy(
        update={
            "status": "scored",
            "success": best.success,
            "progress": round((best.observation.score - low) / (high - low), 6),
            "score": best.observation.score,
            "steps": best.steps,
            "best_copy": best.copy,
        }
    )


def _spent(steps: Sequence[StepRecord], resumed: int, cost: Cost) -> EpisodeEnd:
    """What an episode has taken so far, whatever came of it."""
    playing = sum((usage_from_record(proposal.usage) for step in steps for proposal in step.proposals), Usage())
    judging = sum((usage_from_record(step.judging) for step in steps if step.judging), Usage())
    dollars = cost(playing, judging)
    # Copies in lockstep wait together: the time of a step is that of its slowest copy.
    seconds: dict[int, float] = {}
    for step in steps:
        seconds[step.step] = max(seconds.get(step.step, 0.0), step.seconds)
    return EpisodeEnd(
        status="errored",
        steps=len(seconds),
        seconds=round(sum(seconds.values()), 3),
        resumed=resumed,
        usage=usage_record(playing + judging),
        cost_usd=None if dollars is None else round(dollars, 6),
    )


def bare_header(task: Task, variant: Variant, seed: int) -> EpisodeHeader:
    """The header of an episode of which nothing has been seen yet."""
    return EpisodeHeader(
        task=task.name,
        task_hash=task.hash,
        stand_in_for=task.stand_in_for,
        variant=variant.name,
        method=variant.method,
        seed=seed,
        temperatures=list(variant.temperatures),
        roles=list(variant.roles),
        environment=task.file.environment.model_dump(mode="json"),
        player=str(variant.player) if variant.player else None,
        decode=variant.player.decode if variant.player else None,
        critic=str(variant.critic) if variant.critic else None,
        reveal=variant.reveal,
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _header(task: Task, variant: Variant, seed: int, cast: Cast, stage: Stage) -> EpisodeHeader:
    info = stage.environment.info
    decode = variant.player.decode if variant.player else None
    chosen = ("answers chosen among listed actions",) if decode == "choose" else ()
    held = ("answers held to the vocabulary by a grammar",) if decode == "grammar" else ()
    return bare_header(task, variant, seed).model_copy(
        update={
            "fingerprint": info.fingerprint,
            "player": cast.player.model if variant.player else None,
            "reward_model": cast.reward_model,
            "deterministic": cast.player.deterministic,
            "handicaps": list(dict.fromkeys([*info.handicaps, *chosen, *held, *cast.player.handicaps])),
            "observation": observation_record(stage.observation),
            "digest": stage.situation.digest,
            "review": judgement_record(stage.review),
        }
    )
