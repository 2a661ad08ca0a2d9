from __future__ import annotations

from random import Random

from lookalike_bench.types import Completion, Judgement, Proposal
from lookalike_plugins.aggregators.best_reward import BestReward


def proposal(member: int, action: str, reward: float, likelihoods: tuple[float, ...] = ()) -> Proposal:
    return Proposal(member, 1.0, action, Judgement(reward), Completion(action, log_probabilities=likelihoods))


def choose(*proposals: Proposal) -> int:
    return BestReward().choose(proposals, Random(0))


def test_best_reward_wins_against_the_many():
    assert choose(proposal(0, "wait", -0.5), proposal(1, "wait", -0.5), proposal(2, "north", 0.1)) == 2


def test_tie_goes_to_what_most_members_proposed():
    assert choose(proposal(0, "up", 0.5), proposal(1, "north", 0.5), proposal(2, "north", 0.5)) == 1


def test_next_tie_goes_to_the_surest_member_and_unknown_counts_least():
    assert choose(proposal(0, "up", 0.5), proposal(1, "down", 0.5, (-3.0, -2.0)), proposal(2, "in", 0.5, (-1.0,))) == 2


def test_last_tie_goes_to_the_lowest_member():
    assert choose(proposal(4, "up", 0.5), proposal(2, "down", 0.5)) == 1


def test_no_chance_is_drawn():
    random = Random(1)
    state = random.getstate()
    BestReward().choose([proposal(0, "up", 0.0), proposal(1, "down", 0.0)], random)
    assert random.getstate() == state
