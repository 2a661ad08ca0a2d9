from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest
from lookalike_bench.errors import PluginError
from lookalike_bench.types import Judgement, Proposal
from lookalike_plugins.aggregators.reward_weighted import RewardWeighted

MEMBERS = [Proposal(i, 1.0, a, Judgement(r)) for i, (a, r) in enumerate([("up", 1.0), ("down", 0.0), ("down", 0.0)])]


def share_of_up(beta: float, draws: int = 4000) -> float:
    random = Random(7)
    aggregator = RewardWeighted(beta=beta)
    return Counter(MEMBERS[aggregator.choose(MEMBERS, random)].action for _ in range(draws))["up"] / draws


@pytest.mark.parametrize("beta", [0.0, 1.0, 3.0])
def test_actions_are_drawn_by_the_sum_over_their_members(beta):
    expected = math.exp(beta) / (math.exp(beta) + 2)
    assert share_of_up(beta) == pytest.approx(expected, abs=0.03)


def test_a_huge_beta_is_the_best_reward():
    assert share_of_up(1e6, draws=50) == 1.0


def test_same_chance_same_choice():
    assert RewardWeighted().choose(MEMBERS, Random(3)) == RewardWeighted().choose(MEMBERS, Random(3))


@pytest.mark.parametrize("beta", [-1.0, math.inf, math.nan])
def test_wrong_beta_is_named(beta):
    with pytest.raises(PluginError, match="beta"):
        RewardWeighted(beta=beta)
