"""A suite's rows, computed from the summaries of its tasks.

    [procgen] = summarise_suites(manifest.suites, summarised_tasks)
    procgen.variant("swarm").success      # Estimate: the mean over the five games, each weighing the same

An error is not a score: where a task has nothing scored, the variant has no mean over the suite, and `gap` says why.
"""

from __future__ import annotations

from collections.abc import Sequence

from lookalike_bench.records.schema import SuiteEntry
from lookalike_bench.scoring.baseline import against_baseline
from lookalike_bench.scoring.results import SuiteSummary, SuiteVariant, TaskSummary
from lookalike_bench.scoring.statistics import Difference, mean_of_paired_proportions


def summarise_suites(entries: Sequence[SuiteEntry], tasks: Sequence[TaskSummary]) -> list[SuiteSummary]:
    """The rows of each suite, in the order in which its tasks name their variants."""
    return [_summarise(entry, tasks) for entry in entries]


def compare_in_suite(first: SuiteVariant, second: SuiteVariant) -> Difference | None:
    """First minus second on the seeds of each task that both scored, each task weighing the same; None where either
    has no mean, or a task has no such seed."""
    if first.gap or second.gap or first.tasks.keys() != second.tasks.keys():
        return None
    strata = []
    for name, task in first.tasks.items():
        other = second.tasks[name]
        shared = sorted(task.outcomes.keys() & other.outcomes.keys())
        strata.append([(task.outcomes[seed].success, other.outcomes[seed].success) for seed in shared])
    return mean_of_paired_proportions(strata)


def _summarise(entry: SuiteEntry, tasks: Sequence[TaskSummary]) -> SuiteSummary:
    played = {task.task: task for task in tasks if task.task in entry.tasks and task.stand_in_for is None}
    stand_ins = {task.stand_in_for: task.task for task in tasks if task.stand_in_for}
    members = [played[name] for name in entry.tasks if name in played]
    variants = []
    for variant in dict.fromkeys(variant.variant for task in members for variant in task.variants):
        found = {task.task: row for task in members if (row := task.variant(variant)) is not None}
        gaps = []
        for name in entry.tasks:
            if name not in found:
                instead = f" ({stand_ins[name]} was, in its place)" if name in stand_ins else ""
                gaps.append(f"{name} was not played{instead}")
            elif not found[name].scored:
                gaps.append(f"of {name} nothing was scored")
        variants.append(SuiteVariant(variant, found, "; ".join(gaps)))
    return SuiteSummary(entry.suite, entry.tasks, against_baseline(variants, compare_in_suite))
