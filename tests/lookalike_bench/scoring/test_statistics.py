"""The statistics against published worked examples, and their coverage by simulation."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalike_bench.scoring.statistics import (
    bootstrap_mean,
    cohens_d,
    cohens_h,
    holm,
    holm_of_those_tested,
    mcnemar,
    mean_of_paired_proportions,
    mean_of_proportions,
    paired_means,
    paired_proportions,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_newcombes_table(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def _pairs(both: int, only_first: int, only_second: int, neither: int) -> list[tuple[bool, bool]]:
    return (
        [(True, True)] * both
        + [(True, False)] * only_first
        + [(False, True)] * only_second
        + [(False, False)] * neither
    )


@pytest.mark.parametrize(
    ("table", "difference", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17:2635, table III, method 10.
        ((36, 12, 2, 0), 0.2, 0.0569, 0.3404),
        ((20, 12, 2, 16), 0.2, 0.0562, 0.3292),
        # Bentur et al. 2009 in Fagerland, Lydersen, Laake 2014, Statistics in Medicine 33:2850.
        ((1, 1, 7, 12), -0.2857, -0.507, -0.026),
    ],
)
def test_paired_interval_gives_the_published_examples(
    table: tuple[int, int, int, int], difference: float, low: float, high: float
) -> None:
    result = paired_proportions(_pairs(*table))
    assert result is not None
    assert result.difference == pytest.approx(difference, abs=5e-5)
    assert result.interval == pytest.approx((low, high), abs=5e-4)


def test_five_of_five_against_none_of_five_excludes_zero_and_is_not_certain() -> None:
    result = paired_proportions(_pairs(0, 5, 0, 0))
    assert result is not None and result.interval is not None
    assert result.difference == 1.0
    assert 0.3 < result.interval[0] < 0.5 and result.interval[1] == 1.0
    assert result.p == pytest.approx(0.0625)
    assert result.effect == pytest.approx(math.pi)


def test_mcnemar_gives_the_exact_value_of_agresti() -> None:
    # Bentur et al. 2009 in Fagerland, Lydersen, Laake 2013, BMC Medical Research Methodology 13:91, table 5.
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar(0, 0) == 1.0


def test_holm_corrects_stepwise() -> None:
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") is 0.04 0.06 0.06 0.06.
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []
    assert holm_of_those_tested([None, 0.04, 0.01, None]) == [None, 0.04, 0.02, None]


def test_cohens_h_gives_cohens_example() -> None:
    # Cohen 1988, example 6.3: P1 = .65 against P2 = .50 is h = .304 (his table of phi is rounded).
    assert cohens_h(0.65, 0.50) == pytest.approx(0.305, abs=1e-3)
    assert cohens_d([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert cohens_d([1.0, 1.0]) is None


def test_fewer_than_two_observations_have_no_interval() -> None:
    assert wilson(1, 1) is None and bootstrap_mean([0.5]) is None
    one = paired_proportions([(True, False)])
    assert one is not None and one.difference == 1.0 and one.interval is None and one.p is None
    assert paired_proportions([]) is None and paired_means([]) is None
    assert mean_of_proportions([(1, 1), (2, 4)]) == (0.75, None) and mean_of_proportions([(0, 0), (1, 2)]) == (
        None,
        None,
    )
    stratified = mean_of_paired_proportions([[(True, False)], [(True, False)] * 3])
    assert stratified is not None and stratified.difference == 1.0 and stratified.interval is None
    assert mean_of_paired_proportions([[], [(True, False)]]) is None and mean_of_paired_proportions([]) is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
@settings(max_examples=50, deadline=None)
def test_an_interval_holds_its_difference_and_turns_with_the_pairs(pairs: list[tuple[bool, bool]]) -> None:
    there = paired_proportions(pairs)
    back = paired_proportions([(second, first) for first, second in pairs])
    assert there is not None and back is not None and there.interval is not None and back.interval is not None
    low, high = there.interval
    assert -1 <= low <= there.difference <= high <= 1
    assert back.interval == pytest.approx((-high, -low))


def test_bootstrap_is_deterministic_and_stays_within_what_was_observed() -> None:
    values = [0.1, 0.14, 0.1, 0.4]
    assert bootstrap_mean(values) == bootstrap_mean(values) == (0.1, 0.4)
    assert bootstrap_mean([0.3] * 5) == pytest.approx((0.3, 0.3))
    difference = paired_means([(0.4, 0.1), (0.5, 0.1), (0.3, 0.1)])
    assert difference is not None and difference.interval is not None
    assert difference.difference == pytest.approx(0.3)
    assert difference.interval == pytest.approx((0.2, 0.4))


def test_coverage_of_the_proportion_intervals() -> None:
    """Of 95 % intervals about 95 % hold the truth, at the small numbers of seeds that runs have."""
    chance = random.Random(1)
    seeds, rounds = 10, 400
    for first, second in [(0.9, 0.2), (0.5, 0.5), (0.3, 0.1)]:
        held = paired_held = 0
        for _ in range(rounds):
            # Seeds that are hard for one are hard for the other: correlated pairs.
            pairs = []
            for _ in range(seeds):
                luck = chance.random()
                pairs.append((luck < first, (luck if chance.random() < 0.5 else chance.random()) < second))
            interval = wilson(sum(one for one, _ in pairs), seeds)
            difference = paired_proportions(pairs)
            assert interval is not None and difference is not None and difference.interval is not None
            held += interval[0] <= first <= interval[1]
            paired_held += difference.interval[0] <= first - second <= difference.interval[1]
        assert held / rounds > 0.90, (first, held)
        assert paired_held / rounds > 0.93, (first, second, paired_held)


@pytest.mark.parametrize("seeds", [5, 10])
def test_coverage_of_the_bootstrap(seeds: int) -> None:
    """The plain percentile interval covers 84 % (n = 5) and 91 % (n = 10) of normal data; this one does better."""
    chance = random.Random(2)
    rounds = 250
    held = 0
    for _ in range(rounds):
        interval = bootstrap_mean([chance.gauss(0.4, 0.1) for _ in range(seeds)])
        assert interval is not None
        held += interval[0] <= 0.4 <= interval[1]
    assert held / rounds > 0.91


def test_the_paired_mean_of_one_stratum_and_of_alike_ones() -> None:
    pairs = _pairs(20, 12, 2, 16)
    one, four = paired_proportions(pairs), mean_of_paired_proportions([pairs] * 4)
    assert mean_of_paired_proportions([pairs]) == one
    assert one is not None and four is not None and one.interval is not None and four.interval is not None
    assert four.difference == pytest.approx(one.difference) and four.pairs == 200
    # Four independent strata halve the distances, and the tests add up: 48 against 8 pairs that differ.
    assert four.difference - four.interval[0] == pytest.approx((one.difference - one.interval[0]) / 2)
    assert four.interval[1] - four.difference == pytest.approx((one.interval[1] - one.difference) / 2)
    assert four.p == mcnemar(48, 8)


GAMES = [
    ((0.9, 0.6, 0.8, 0.4, 1.0), (0.2, 0.1, 0.5, 0.0, 0.3)),  # as unlike as games are
    ((0.2, 0.4, 0.6, 0.8, 0.9), (0.2, 0.4, 0.6, 0.8, 0.9)),  # no difference
    ((0.5,) * 5, (0.3,) * 5),  # all alike: the widest
    ((0.05, 0.1, 0.0, 0.02, 0.1), (0.0,) * 5),  # hardly any success
]


@pytest.mark.parametrize(("first", "second"), GAMES)
@pytest.mark.parametrize("seeds", [(5,) * 5, (3, 5, 5, 4, 5), (20,) * 5])
def test_coverage_over_a_suite(first: tuple[float, ...], second: tuple[float, ...], seeds: tuple[int, ...]) -> None:
    """Five tasks with a few seeds each, some not scored: what is said of the mean over the tasks holds."""
    chance = random.Random(3)
    rounds = 300
    truth, difference = math.fsum(first) / 5, (math.fsum(first) - math.fsum(second)) / 5
    held = paired_held = false_alarms = 0
    for _ in range(rounds):
        strata = []
        for one, other, count in zip(first, second, seeds, strict=True):
            lucks = [(chance.random(), chance.random()) for _ in range(count)]
            # Half of a seed's luck is the level's own: the pairs are correlated.
            strata.append([(luck < one, (luck if own < 0.5 else chance.random()) < other) for luck, own in lucks])
        _, interval = mean_of_proportions([(sum(won for won, _ in pairs), len(pairs)) for pairs in strata])
        paired = mean_of_paired_proportions(strata)
        assert interval is not None and paired is not None and paired.interval is not None and paired.p is not None
        held += interval[0] <= truth <= interval[1]
        paired_held += paired.interval[0] <= difference <= paired.interval[1]
        false_alarms += first == second and paired.p < 0.05
    assert held / rounds > 0.92, held
    assert paired_held / rounds > 0.92, paired_held
    assert false_alarms / rounds < 0.05, false_alarms
