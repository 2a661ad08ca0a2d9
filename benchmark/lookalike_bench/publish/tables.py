"""A run's tables as text: what is printed when it ends, and by `lookalike-bench report RUN`.

zork: reach a score of 40 within 60 steps
variant        planned  scored  errored  success           progress            steps to goal  tokens  seconds
baseline             5       5        0  0 % [0, 43]       2 % [0, 4]                      -    310k      102
swarm                5       5        0  100 % [57, 100]   11 % [11, 12]                  31    1.2M       88

A run of a suite ends with the suite's own table: one row for each variant, over all of its tasks.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from lookalike_bench.scoring.results import (
    Estimate,
    RunSummary,
    SuiteSummary,
    SuiteVariant,
    TaskSummary,
    VariantSummary,
)
from lookalike_bench.scoring.statistics import Difference
from lookalike_bench.scoring.summary import swarm_differences
from lookalike_bench.text import printable

WIDTH = 118
# C0 and C1 controls, and the marks that turn the direction of a line or hide in it.
_HEADERS = (
    "variant", "planned", "scored", "errored", "success", "progress", "steps to goal", "tokens", "seconds",
)  # fmt: skip

_SUITE_HEADERS = ("variant", "tasks", "planned", "scored", "errored", "success", "tokens", "seconds")

_SIGNALS = (
    "variant", "follows", "blind", "diversity", "all agree", "conflict", "departs", "feedback", "reward model",
)  # fmt: skip


def render_run(summary: RunSummary) -> str:
    """Everything that a run shows, for a terminal of 120 columns."""
    parts = [*map(_render_task, summary.tasks), *map(_render_suite, summary.suites)]
    return "\n\n".join("\n".join(lines) for lines in parts)


def percent(value: float | None) -> str:
    """A share as a whole percentage, but never rounded to 0 or 100 when it is not: 99.6 is not 100."""
    if value is None:
        return "-"
    shown = round(100 * value)
    if (shown == 0 and value > 0) or (shown == 100 and value < 1):
        return f"{100 * value:.1f}"
    return f"{shown}"


def estimate_text(estimate: Estimate) -> str:
    if estimate.mean is None:
        return "-"
    mean = f"{percent(estimate.mean)} %"
    if estimate.interval is None:
        return mean
    low, high = estimate.interval
    return f"{mean} [{percent(low)}, {percent(high)}]"


def points_text(difference: Difference) -> str:
    """`+100 [+39, +100]`, in percentage points."""
    text = f"{100 * difference.difference:+.0f}"
    if difference.interval is not None:
        low, high = difference.interval
        text += f" [{100 * low:+.0f}, {100 * high:+.0f}]"
    return text


def difference_text(difference: Difference, adjusted_p: float | None = None) -> str:
    """`+100 [+39, +100] points over 5 shared seeds, p = 0.062 (Holm)`."""
    seeds = f"{difference.pairs} shared seed{'s' if difference.pairs != 1 else ''}"
    text = f"{points_text(difference)} points over {seeds}"
    return text if adjusted_p is None else f"{text}, p = {adjusted_p:.2g} (Holm)"


def count_text(count: int) -> str:
    """A number of tokens in three digits: 940, 31k, 1.2M."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= 0.9995 * size:
            number = count / size
            return f"{number:.1f}{unit}" if number < 9.95 else f"{number:.0f}{unit}"
    return str(count)


def banners(task: TaskSummary) -> Iterator[str]:
    """What must be said before anybody reads the numbers."""
    if task.stand_in_for:
        yield f"STAND-IN: this is {task.task}, not {task.stand_in_for}: its files could not be had on this machine"
    for origin in task.demonstrations:
        if origin != "human":
            yield f"the demonstration is a {origin}" if origin.startswith("human") else f"the demonstration is {origin}"


def signatures(task: TaskSummary) -> Iterator[tuple[str, str]]:
    """(variant, failure signature) for each that is present."""
    for variant in task.variants:
        for flag in variant.diagnostics.flags:
            yield variant.variant, flag


def _render_task(task: TaskSummary) -> Iterator[str]:
    from tabulate import tabulate

    limit = f" within {task.max_steps} steps" if task.max_steps else ""
    yield printable(f"{task.task}: {task.goal}{limit}")
    for banner in banners(task):
        yield from _wrapped(f"! {banner}")
    rows = [_row(variant) for variant in task.variants]
    alignment = ("left", "right", "right", "right", "left", "left", "right", "right", "right")
    yield tabulate(rows, headers=_HEADERS, tablefmt="simple", colalign=alignment, disable_numparse=True)
    yield "success and progress with 95 % intervals; tokens and seconds are totals"
    yield from _section("Success against the baseline, on shared seeds", _differences(task))
    yield from _section("To be read as", [f"{v.variant}: {v.label}" for v in task.variants if v.label])
    measured = [row for variant in task.variants if (row := _signals(variant)) is not None]
    if measured:
        yield "\nHow the critic's guidance was taken, and how the proposals of a step differ"
        yield tabulate(measured, headers=_SIGNALS, tablefmt="simple", disable_numparse=True)
    flags = [f"{variant}: {flag}" for variant, flag in signatures(task)]
    yield from _section("Failure signatures", flags or (["none is present"] if measured else []))
    yield from _section("Not scored", [line for variant in task.variants for line in _not_scored(variant)])


def _render_suite(suite: SuiteSummary) -> Iterator[str]:
    from tabulate import tabulate

    yield printable(f"{suite.suite}: {suite_text(suite)}")
    yield from _wrapped(", ".join(suite.tasks))
    rows = [_suite_row(suite, variant) for variant in suite.variants]
    alignment = ("left", "right", "right", "right", "right", "left", "right", "right")
    if rows:
        yield tabulate(rows, headers=_SUITE_HEADERS, tablefmt="simple", colalign=alignment, disable_numparse=True)
        yield "success is the mean over the tasks, with its 95 % interval; tokens and seconds are totals"
    yield from _section("Success against the baseline, on the shared seeds of each task", _differences(suite))
    yield from _section("To be read as", [f"{v.variant}: {v.label}" for v in suite.variants if v.label])
    yield from _section("No mean over the suite", [f"{v.variant}: {v.gap}" for v in suite.variants if v.gap])


def suite_text(suite: SuiteSummary) -> str:
    """`a suite of 5 tasks, each weighing the same`."""
    number = len(suite.tasks)
    return f"a suite of {number} tasks, each weighing the same" if number > 1 else "a suite of one task"


def _suite_row(suite: SuiteSummary, variant: SuiteVariant) -> list[str]:
    return [
        printable(variant.variant),
        f"{len(variant.tasks)} of {len(suite.tasks)}",
        str(variant.planned),
        str(variant.scored),
        str(variant.errored),
        estimate_text(variant.success),
        count_text(variant.tokens),
        f"{variant.seconds:.0f}" if variant.seconds >= 10 else f"{variant.seconds:.1f}",
    ]


def _row(variant: VariantSummary) -> list[str]:
    return [
        printable(variant.variant),
        str(variant.planned),
        str(variant.scored),
        str(variant.errored),
        estimate_text(variant.success),
        estimate_text(variant.progress),
        "-" if variant.steps_to_goal is None else f"{variant.steps_to_goal:.0f}",
        count_text(variant.tokens),
        f"{variant.seconds:.0f}" if variant.seconds >= 10 else f"{variant.seconds:.1f}",
    ]


def _differences(table: TaskSummary | SuiteSummary) -> Iterator[str]:
    for variant in table.variants:
        if variant.against_baseline is not None:
            yield f"{variant.variant}: {difference_text(variant.against_baseline, variant.adjusted_p)}"
    tested = [v.against_baseline for v in table.variants if v.against_baseline and v.adjusted_p is not None]
    fewest = min((difference.pairs for difference in tested), default=0)
    if 0 < fewest < 6:
        yield f"(p is McNemar's exact test: on {fewest} seeds it cannot go below {2 ** (1 - fewest):.2g} uncorrected)"
    for name, difference in swarm_differences(table):
        yield f"swarm against {name}: {difference_text(difference)}"


def _signals(variant: VariantSummary) -> list[str] | None:
    """The numbers behind the failure signatures; None where there are none to show."""
    found = variant.diagnostics
    if found.uptake is None and found.diversity is None and found.feedback_share is None:
        return None
    ends = found.by_temperature[:: len(found.by_temperature) - 1] if len(found.by_temperature) > 1 else []
    return [
        printable(variant.variant),
        _share(found.uptake),
        _share(found.blind_uptake),
        "-" if found.diversity is None else f"{found.diversity:.2f}",
        _share(found.unanimous),
        _share(found.conflict),
        ", ".join(f"{departs:.0%} at {temperature:g}" for temperature, departs, *_ in ends) or "-",
        _share(found.feedback_share),
        "-" if found.outline_words is None else f"{count_text(found.outline_words)} words",
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{percent(value)} %"


def _not_scored(variant: VariantSummary) -> Iterator[str]:
    if variant.missing:
        yield f"{variant.variant}: {variant.missing} of {variant.planned} episodes were not finished"
    for error in variant.errors[:3]:
        yield f"{variant.variant}: {error}"
    if len(variant.errors) > 3:
        yield f"{variant.variant}: and {len(variant.errors) - 3} other errors"


def _section(title: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield f"\n{title}"
        for line in lines:
            yield from _wrapped(line)


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(printable(line), WIDTH, initial_indent="  ", subsequent_indent="      ")
