from __future__ import annotations

from random import Random

from lookalike_bench.types import Judgement, Proposal
from lookalike_plugins.aggregators.majority import Majority


def choose(*proposals: tuple[str, float]) -> int:
    members = [Proposal(i, 1.0, action, Judgement(reward)) for i, (action, reward) in enumerate(proposals)]
    return Majority().choose(members, Random(0))


def test_most_members_win_against_the_best_reward():
    assert choose(("north", 1.0), ("wait", -1.0), ("wait", -1.0)) == 1


def test_tie_goes_to_the_better_reward_then_to_the_lowest_member():
    assert choose(("wait", -1.0), ("north", 0.2), ("wait", -1.0), ("north", 0.2)) == 1
    assert choose(("wait", 0.0), ("north", 0.0)) == 0
