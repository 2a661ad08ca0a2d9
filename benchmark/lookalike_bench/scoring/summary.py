"""A run in numbers: read from its records, and from nothing else.

    summary = summarise(Run(Path("runs/zork-20261122-193000")))
    summary.task("zork").variant("swarm").success        # Estimate(mean=1.0, interval=(0.566, 1.0))
    print(to_json(summary, run.path))                    # what `run --json` prints

Planned is what the manifest asks for. An episode that errored, or that was never finished, is counted as such
and enters no mean: it is not a score of 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lookalike_bench.errors import RecordError
from lookalike_bench.records.schema import TaskEntry, UsageRecord
from lookalike_bench.records.store import EpisodeRecord, Run
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.scoring.baseline import against_baseline, baseline_of
from lookalike_bench.scoring.diagnostics import diagnose
from lookalike_bench.scoring.results import (
    Estimate,
    Outcome,
    RunSummary,
    SuiteSummary,
    SuiteVariant,
    TaskSummary,
    VariantSummary,
)
from lookalike_bench.scoring.statistics import Difference, paired_means, paired_proportions
from lookalike_bench.scoring.suites import compare_in_suite, summarise_suites
from lookalike_bench.tasks.schema import Expectation, Goal


def summarise(run: Run) -> RunSummary:
    """Read every record of a run. Raises RecordError."""
    manifest = run.read_manifest()
    tasks = [_summarise_task(run, entry) for entry in manifest.tasks]
    return RunSummary(tasks, summarise_suites(manifest.suites, tasks))


def compare_success(first: VariantSummary, second: VariantSummary) -> Difference | None:
    """First minus second on the seeds that both scored; None if there are none."""
    shared = sorted(first.outcomes.keys() & second.outcomes.keys())
    return paired_proportions([(first.outcomes[seed].success, second.outcomes[seed].success) for seed in shared])


def compare_progress(first: VariantSummary, second: VariantSummary) -> Difference | None:
    """As compare_success, of the mean progress."""
    shared = sorted(first.outcomes.keys() & second.outcomes.keys())
    return paired_means([(first.outcomes[seed].progress, second.outcomes[seed].progress) for seed in shared])


def swarm_differences(table: TaskSummary | SuiteSummary) -> list[tuple[str, Difference]]:
    """What the swarm adds to one player (`single`), and what thinking adds to the critic (`random-player`)."""
    found: list[tuple[str, Difference | None]] = []
    for name in ("single", "random-player"):
        if isinstance(table, SuiteSummary):
            whole, of_suite = table.variant("swarm"), table.variant(name)
            found.append((name, compare_in_suite(whole, of_suite) if whole and of_suite else None))
        else:
            swarm, other = table.variant("swarm"), table.variant(name)
            found.append((name, compare_success(swarm, other) if swarm and other else None))
    return [(name, difference) for name, difference in found if difference is not None]


def check_expectations(expect: dict[str, str], summary: TaskSummary) -> list[tuple[str, bool | None]]:
    """Each expectation of a task as text, and whether it is met; None where there is nothing to tell it by."""
    checked: list[tuple[str, bool | None]] = []
    for subject, condition in expect.items():
        expectation = Expectation.parse(subject, condition)
        variant = summary.variant(expectation.variant)
        value = _metric(variant, expectation.metric) if variant else None
        if value is None:
            checked.append((str(expectation), None))
        else:
            checked.append((f"{expectation} (it is {value:.3g})", expectation.met_by(value)))
    return checked


def to_json(summary: RunSummary, run_path: Path | str) -> str:
    """The document that `run --json` prints."""
    tasks, suites = map(_task_json, summary.tasks), map(_suite_json, summary.suites)
    return json.dumps({"run": str(run_path), "tasks": list(tasks), "suites": list(suites)}, indent=1)


def _summarise_task(run: Run, entry: TaskEntry) -> TaskSummary:
    definition = entry.definition
    variants = [_summarise_variant(run, entry, variant) for variant in entry.variants]
    environment = definition.get("environment")
    return TaskSummary(
        task=entry.task,
        hash=entry.hash,
        environment=str(environment.get("plugin", "")) if isinstance(environment, dict) else "",
        stand_in_for=entry.stand_in_for,
        goal=_goal_text(definition.get("goal")),
        max_steps=definition.get("max_steps"),
        seeds=entry.seeds,
        variants=against_baseline(_progress_against_baseline(variants), compare_success),
        demonstrations=_demonstrations(run, variants),
    )


def _summarise_variant(run: Run, entry: TaskEntry, variant: str) -> VariantSummary:
    outcomes: dict[int, Outcome] = {}
    errors: list[str] = []
    usage = UsageRecord()
    seconds = 0.0
    costs: list[float] = []
    handicaps: dict[str, None] = {}
    reward_models: dict[str, None] = {}

    def read() -> Iterator[EpisodeRecord]:
        # One pass over the files: what is summed here goes by on its way to the diagnostics.
        nonlocal usage, seconds
        for seed in entry.seeds:
            episode = run.episode(entry.task, variant, seed)
            if episode is None:
                continue
            handicaps.update(dict.fromkeys(episode.header.handicaps))
            if episode.header.reward_model:
                reward_models[episode.header.reward_model] = None
            if episode.end is None:
                continue
            end = episode.end
            usage = _sum(usage, end.usage)
            seconds += end.seconds
            costs.extend([] if end.cost_usd is None else [end.cost_usd])
            if end.status == "errored":
                errors.append(end.error or "no reason was recorded")
            elif end.success is None or end.progress is None or end.score is None:
                raise RecordError(f"{episode.path}: a scored episode without success, progress and score")
            else:
                outcomes[seed] = Outcome(end.success, end.progress, end.score, end.steps)
            yield episode

    diagnostics = diagnose(read(), lambda: _outline_size(run, next(iter(reward_models), None)))
    spec = entry.definition.get("variants", {}).get(variant, {})
    return VariantSummary(
        variant=variant,
        method=str(spec.get("method", variant)),
        player=_plugin_name(spec.get("player")),
        critic=_plugin_name(spec.get("critic")),
        members=len(spec.get("temperatures") or [0]),
        planned=len(entry.seeds),
        errored=len(errors),
        outcomes=outcomes,
        usage=usage,
        seconds=seconds,
        cost_usd=math.fsum(costs) if costs else None,
        diagnostics=diagnostics,
        reward_models=tuple(reward_models),
        handicaps=tuple(handicaps),
        errors=tuple(dict.fromkeys(errors)),
    )


def _progress_against_baseline(variants: list[VariantSummary]) -> list[VariantSummary]:
    baseline = baseline_of(variants)
    if baseline is None:
        return variants
    return [
        variant
        if variant is baseline
        else replace(variant, progress_against_baseline=compare_progress(variant, baseline))
        for variant in variants
    ]


def _demonstrations(run: Run, variants: Sequence[VariantSummary]) -> list[str]:
    """Who played in the videos, as the reward models of the variants tell it."""
    paths = [run.reward_model_path(key) for variant in variants for key in variant.reward_models]
    found = [origin for path in dict.fromkeys(paths) if path.exists() for origin in RewardModel.load(path).origins]
    return list(dict.fromkeys(found))


def _outline_size(run: Run, key: str | None) -> tuple[int, int] | None:
    """Steps and words of a reward model's outline and rules."""
    if key is None or not run.reward_model_path(key).exists():
        return None
    reward_model = RewardModel.load(run.reward_model_path(key))
    texts = [text for step in reward_model.outline for text in (step.cue, step.action, step.outcome)]
    return len(reward_model.outline), sum(len(text.split()) for text in [*texts, *reward_model.rules])


def _goal_text(goal: Any) -> str:
    given = {key: value for key, value in goal.items() if value is not None} if isinstance(goal, dict) else {}
    return str(Goal.model_validate(given)) if given else ""


def _plugin_name(spec: Any) -> str | None:
    return str(spec.get("plugin")) if isinstance(spec, dict) else None


def _metric(variant: VariantSummary, metric: str) -> float | None:
    if metric == "steps":
        return variant.steps
    estimate = variant.success if metric == "success" else variant.progress
    return estimate.mean


def _sum(first: UsageRecord, second: UsageRecord) -> UsageRecord:
    return UsageRecord(
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        cached_tokens=first.cached_tokens + second.cached_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
    )


def _task_json(task: TaskSummary) -> dict[str, Any]:
    return {
        "task": task.task,
        "stand_in_for": task.stand_in_for,
        "variants": [_variant_json(variant) for variant in task.variants],
    }


def _variant_json(variant: VariantSummary) -> dict[str, Any]:
    return {
        "variant": variant.variant,
        "planned": variant.planned,
        "scored": variant.scored,
        "errored": variant.errored,
        "success": _estimate_json(variant.success),
        "progress": _estimate_json(variant.progress),
        "steps": _rounded(variant.steps),
        "steps_to_goal": _rounded(variant.steps_to_goal),
        "tokens": variant.tokens,
        "prompt_tokens": variant.usage.prompt_tokens,
        "cached_tokens": variant.usage.cached_tokens,
        "completion_tokens": variant.usage.completion_tokens,
        "seconds": round(variant.seconds, 3),
        "cost_usd": variant.cost_usd,
        "against_baseline": _against_json(variant),
        "diagnostics": variant.diagnostics.to_json(),
    }


def _suite_json(suite: SuiteSummary) -> dict[str, Any]:
    return {
        "suite": suite.suite,
        "tasks": suite.tasks,
        "variants": [
            {
                "variant": variant.variant,
                "planned": variant.planned,
                "scored": variant.scored,
                "errored": variant.errored,
                "success": _estimate_json(variant.success),
                "no_mean_because": variant.gap or None,
                "tokens": variant.tokens,
                "seconds": round(variant.seconds, 3),
                "against_baseline": _against_json(variant),
            }
            for variant in suite.variants
        ],
    }


def _against_json(variant: VariantSummary | SuiteVariant) -> dict[str, float | None] | None:
    against = variant.against_baseline
    return None if against is None else _difference_json(against, variant.adjusted_p)


def _estimate_json(estimate: Estimate) -> dict[str, float | None]:
    low, high = estimate.interval or (None, None)
    return {"mean": _rounded(estimate.mean), "low": _rounded(low), "high": _rounded(high)}


def _difference_json(difference: Difference, adjusted_p: float | None) -> dict[str, float | None]:
    low, high = difference.interval or (None, None)
    return {
        "difference": _rounded(difference.difference),
        "low": _rounded(low),
        "high": _rounded(high),
        "p": _rounded(adjusted_p),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
