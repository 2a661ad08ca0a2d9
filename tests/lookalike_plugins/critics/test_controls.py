"""The control critics: they watch nothing, and repeat exactly."""

from __future__ import annotations

import asyncio
import statistics

import pytest
from lookalike_bench.plugins.critic import Critic, Judge
from lookalike_bench.types import Brief, Judgement, Observation
from lookalike_plugins.critics.controls import ClockCritic, ConstantCritic
from lookalike_plugins.critics.random import RandomCritic

BRIEF = Brief(task="t", goal="g", instructions="i")
ACTIONS = ("north", "south", "look", "wait", "take lamp", "north")


def judge_of(critic: Critic) -> Judge:
    reward_model = asyncio.run(critic.watch([], BRIEF))
    assert reward_model.outline == [] and "control" in reward_model.provenance
    return critic.judge(reward_model)


def episode(judge: Judge, steps: int = 30, reply: str = "Nothing happens.") -> list[Judgement]:
    async def play() -> list[Judgement]:
        said = []
        judge.observe(None, Observation("A room."), ACTIONS)
        said.append(await judge.review())
        for _ in range(steps):
            said += await judge.judge(["north", "look"])
            judge.observe("north", Observation(reply), ACTIONS)
            said.append(await judge.review())
        return said

    return asyncio.run(play())


@pytest.mark.parametrize("critic", [RandomCritic(), ConstantCritic(), ClockCritic()], ids=lambda c: type(c).__name__)
def test_rewards_are_in_range_and_repeat(critic):
    said = episode(judge_of(critic))
    assert said == episode(judge_of(critic))
    assert said[0].reward == 0.0 and all(-1 <= judgement.reward <= 1 for judgement in said)


def test_random_rewards_spread_evenly_and_depend_on_what_was_seen():
    said = [judgement.reward for judgement in episode(judge_of(RandomCritic()), steps=400)]
    assert abs(statistics.mean(said)) < 0.1 and statistics.pstdev(said) == pytest.approx(1 / 3**0.5, abs=0.05)
    assert said != [j.reward for j in episode(judge_of(RandomCritic()), steps=400, reply="A bell rings.")]
    assert said != [j.reward for j in episode(judge_of(RandomCritic(seed=1)), steps=400)]


def test_random_recommends_one_of_the_listed_actions():
    reviews = [judgement for judgement in episode(judge_of(RandomCritic())) if judgement.possible]
    assert all(set(j.possible) <= set(ACTIONS) and len(set(j.possible)) == 4 for j in reviews)
    assert all(j.recommended in j.possible for j in reviews)
    assert len({j.recommended for j in reviews}) == len(set(ACTIONS))


def test_random_recommends_nothing_where_nothing_is_listed():
    judge = judge_of(RandomCritic())
    judge.observe(None, Observation("A room."), ())
    assert asyncio.run(judge.review()) == Judgement(0.0, "control: drawn at random")


def test_asking_twice_gives_the_same_answer():
    judge = judge_of(RandomCritic())
    judge.observe(None, Observation("A room."), ACTIONS)
    assert asyncio.run(judge.judge(["north"])) == asyncio.run(judge.judge(["north"]))


def test_constant_says_nothing():
    assert {(j.reward, j.recommended, j.possible) for j in episode(judge_of(ConstantCritic()))} == {(0.0, None, ())}


def test_clock_only_grows():
    judge = judge_of(ClockCritic(horizon=10))
    rewards = [judgement.reward for judgement in episode(judge, steps=15)][3::3]
    assert rewards == sorted(rewards) and rewards[0] == -0.8 and rewards[-1] == 1.0
