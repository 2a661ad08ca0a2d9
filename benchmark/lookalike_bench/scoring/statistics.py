"""Intervals, differences and corrections. Nothing here knows what an episode is.

    wilson(5, 5)                                  # (0.566, 1.0): five of five is not certainty
    bootstrap_mean([0.10, 0.14, 0.10, 0.40])      # (0.10, 0.40)
    paired_proportions([(True, False)] * 5)       # difference 1.0, low 0.386, high 1.0, p 0.0625
    holm([0.01, 0.04, 0.03])                      # [0.03, 0.06, 0.06]

An interval has a confidence of 95 %, is (low, high), and is None for fewer than two observations. Everything is
deterministic: resampling starts from a fixed seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Interval = tuple[float, float]

CONFIDENCE = 0.95
RESAMPLES = 10_000
RESAMPLING_SEED = 2024


@dataclass(frozen=True, slots=True)
class Difference:
    """One variant minus another on the seeds that both played.

    `pairs` is how many seeds; `interval` and `p` are None where they cannot be had; `effect` is Cohen's h for
    proportions and Cohen's d of the paired differences (d_z) for means.
    """

    difference: float
    interval: Interval | None
    p: float | None
    effect: float | None
    pairs: int


def wilson(successes: int, trials: int) -> Interval | None:
    """The score interval of a proportion (Wilson 1927; method 3 in Newcombe 1998, Statistics in Medicine 17:857)."""
    return _wilson(successes / trials, trials) if trials > 1 else None


def _wilson(share: float, trials: float) -> Interval:
    """Of a number of trials that need not be whole."""
    from scipy.special import ndtri

    z = float(ndtri((1 + CONFIDENCE) / 2))
    centre = share + z**2 / (2 * trials)
    distance = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    # The ends are exact where no episode, or every episode, succeeded; rounding must not say otherwise.
    low = 0.0 if share == 0 else (centre - distance) / (1 + z**2 / trials)
    high = 1.0 if share == 1 else (centre + distance) / (1 + z**2 / trials)
    return low, high


def bootstrap_mean(values: Sequence[float]) -> Interval | None:
    """The expanded percentile bootstrap interval of a mean.

    A plain percentile interval of five normal values covers 84 % where 95 % is promised; this one covers 92 %. The
    percentiles are widened so that normal data get the width of a t interval (Hesterberg 2015, The American
    Statistician 69:371, section 5.3), while the ends stay within what was observed.
    """
    import numpy as np
    from scipy.special import ndtr, stdtrit

    count = len(values)
    if count < 2:
        return None
    observed = np.asarray(values, dtype=float)
    tail = (1 - CONFIDENCE) / 2
    widened = float(ndtr(-math.sqrt(count / (count - 1)) * stdtrit(count - 1, 1 - tail)))
    random = np.random.default_rng(RESAMPLING_SEED)
    means = observed[random.integers(0, count, size=(RESAMPLES, count))].mean(axis=1)
    low, high = np.quantile(means, [widened, 1 - widened])
    return float(low), float(high)


def paired_proportions(pairs: Sequence[tuple[bool, bool]]) -> Difference | None:
    """The difference of two proportions over the same seeds, first minus second; None without a pair.

    The interval is Newcombe's square-and-add method 10 (1998, Statistics in Medicine 17:2635), which stays
    sensible where every pair differs or none does; p is McNemar's exact test, the effect Cohen's h.
    """
    if not pairs:
        return None
    count = len(pairs)
    both = sum(first and second for first, second in pairs)
    only_first = sum(first and not second for first, second in pairs)
    only_second = sum(second and not first for first, second in pairs)
    neither = count - both - only_first - only_second
    first, second = (both + only_first) / count, (both + only_second) / count
    interval = _square_and_add(both, only_first, only_second, neither) if count > 1 else None
    p = mcnemar(only_first, only_second) if count > 1 else None
    return Difference(first - second, interval, p, cohens_h(first, second), count)


def _square_and_add(both: int, only_first: int, only_second: int, neither: int) -> Interval:
    count = both + only_first + only_second + neither
    successes_1, successes_2 = both + only_first, both + only_second
    interval_1, interval_2 = wilson(successes_1, count), wilson(successes_2, count)
    assert interval_1 is not None and interval_2 is not None
    p_1, p_2 = successes_1 / count, successes_2 / count
    # The correlation of the pairs, with Newcombe's continuity correction where it is positive.
    product = float(both * neither - only_first * only_second)
    if product > 0:
        product = max(0.0, product - count / 2)
    scale = math.sqrt(successes_1 * (count - successes_1) * successes_2 * (count - successes_2))
    correlation = product / scale if scale else 0.0

    def distance(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one**2 - 2 * correlation * one * other + other**2))

    low = p_1 - p_2 - distance(p_1 - interval_1[0], interval_2[1] - p_2)
    high = p_1 - p_2 + distance(interval_1[1] - p_1, p_2 - interval_2[0])
    return max(-1.0, low), min(1.0, high)


def paired_means(pairs: Sequence[tuple[float, float]]) -> Difference | None:
    """The mean difference over the same seeds, first minus second, with a bootstrap interval over the seeds."""
    if not pairs:
        return None
    differences = [first - second for first, second in pairs]
    return Difference(
        math.fsum(differences) / len(differences),
        bootstrap_mean(differences),
        None,
        cohens_d(differences),
        len(pairs),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact two-sided p: whether the pairs that differ lean to one side."""
    from scipy.stats import binomtest

    discordant = only_first + only_second
    return float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for being several (Holm 1979, Scandinavian Journal of Statistics 6:65), in order."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def holm_of_those_tested(p_values: Sequence[float | None]) -> list[float | None]:
    """As `holm`, where None stands for a comparison without a test: it stays None, and counts for nothing."""
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]


def cohens_h(first: float, second: float) -> float:
    """Cohen's effect size of two proportions (1988, chapter 6): 0.2 small, 0.5 medium, 0.8 large, at most pi."""
    return 2 * math.asin(math.sqrt(first)) - 2 * math.asin(math.sqrt(second))


def cohens_d(differences: Sequence[float]) -> float | None:
    """Cohen's d of paired differences (d_z): their mean in units of their standard deviation; None where all
    differences are equal, or there are fewer than two."""
    if len(differences) < 2:
        return None
    mean = math.fsum(differences) / len(differences)
    variance = math.fsum((value - mean) ** 2 for value in differences) / (len(differences) - 1)
    return mean / math.sqrt(variance) if variance > 0 else None


def mean_of_proportions(counts: Sequence[tuple[int, int]]) -> tuple[float | None, Interval | None]:
    """The unweighted mean of several proportions, each (successes, trials), with its interval; no mean where one has
    no trial, no interval where one has fewer than two.

    The interval is Wilson's, for the number of trials that gives one proportion the variance of the mean: all of
    them, where the proportions have equally many. It is never too narrow for their being unlike: the number of
    successes then varies less than a binomial one (Hoeffding 1956, Annals of Mathematical Statistics 27:713).
    """
    if not counts or any(trials == 0 for _, trials in counts):
        return None, None
    mean = math.fsum(successes / trials for successes, trials in counts) / len(counts)
    if any(trials < 2 for _, trials in counts):
        return mean, None
    effective = len(counts) ** 2 / math.fsum(1 / trials for _, trials in counts)
    return mean, _wilson(mean, effective)


def mean_of_paired_proportions(strata: Sequence[Sequence[tuple[bool, bool]]]) -> Difference | None:
    """The unweighted mean of the paired differences in several strata, first minus second; None where one is empty.

    The interval is made of those of `paired_proportions`: the distances to their ends, squared and added (Zou and
    Donner 2008, Statistics in Medicine 27:1693). p is McNemar's exact test of all pairs that differ, which lean to
    either side with a chance of a half in every stratum if nothing differs; the effect is Cohen's h of the means.
    """
    if not strata or not all(strata):
        return None
    count = len(strata)
    found = [difference for pairs in strata if (difference := paired_proportions(pairs)) is not None]
    mean = math.fsum(each.difference for each in found) / count
    below = [each.difference - each.interval[0] for each in found if each.interval is not None]
    above = [each.interval[1] - each.difference for each in found if each.interval is not None]
    whole = len(below) == count
    interval = (mean - math.hypot(*below) / count, mean + math.hypot(*above) / count) if whole else None
    only_first = sum(first and not second for pairs in strata for first, second in pairs)
    only_second = sum(second and not first for pairs in strata for first, second in pairs)
    several = sum(map(len, strata))
    first, second = (math.fsum(sum(pair[i] for pair in pairs) / len(pairs) for pairs in strata) / count for i in (0, 1))
    p = mcnemar(only_first, only_second) if several > 1 else None
    return Difference(mean, interval, p, cohens_h(first, second), several)
