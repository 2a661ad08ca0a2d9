"""Every variant against the baseline: of a task, and of a suite alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from lookalike_bench.scoring.results import SuiteVariant, VariantSummary
from lookalike_bench.scoring.statistics import Difference, holm_of_those_tested

ROW = TypeVar("ROW", VariantSummary, SuiteVariant)


def baseline_of(variants: Sequence[ROW]) -> ROW | None:
    """The variant of that name, else the first that is played by its method."""
    named = next((variant for variant in variants if variant.variant == "baseline"), None)
    return named or next((variant for variant in variants if variant.method == "baseline"), None)


def against_baseline(variants: Sequence[ROW], compare: Callable[[ROW, ROW], Difference | None]) -> list[ROW]:
    """The variants with their paired differences to the baseline, their p-values corrected for being several."""
    baseline = baseline_of(variants)
    if baseline is None:
        return list(variants)
    differences = [None if variant is baseline else compare(variant, baseline) for variant in variants]
    # The replayed solution is no hypothesis: it does not make the correction for the others harsher.
    tested = [
        difference.p if difference is not None and variant.method != "replay" else None
        for variant, difference in zip(variants, differences, strict=True)
    ]
    return [
        replace(variant, against_baseline=difference, adjusted_p=adjusted)
        for variant, difference, adjusted in zip(variants, differences, holm_of_those_tested(tested), strict=True)
    ]
