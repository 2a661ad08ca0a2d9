"""What a run costs: known before, counted during, and stopped in time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from lookalike_bench.engine.plan import plan
from lookalike_bench.engine.prices import Budget, Estimate, PaidPlayer, Price, Prices, estimate
from lookalike_bench.errors import UsageError
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.plugins.player import Player
from lookalike_bench.tasks.task import Task, load_task
from lookalike_bench.types import Completion, Request, Usage

from tests.conftest import FAKE_PLUGINS, write_task

REQUEST = Request((), 0.7, 1)


class Spender(Player):
    """Takes a million prompt tokens a call."""

    model = "spender-1"

    def __init__(self) -> None:
        self.calls = 0

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self.calls += 1
        return [Completion("look", Usage(1_000_000, 0, 0)) for _ in requests]


def test_the_built_in_file_prices_the_papers_video() -> None:
    dollars = Prices.load().cost("gemini-3.8-flash", Usage(494_000, 0, 0))
    assert dollars == pytest.approx(0.3705)
    cached = Prices.load().cost("gemini-3.8-flash", Usage(494_000, 494_000, 0))
    assert cached == pytest.approx(0.03705)
    assert Prices.load().cost("no-such-model", Usage(1, 0, 0)) is None


def test_the_longest_pattern_that_fits_is_the_price(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text('"*": {input: 1, output: 1}\n"gpt-*": {input: 2, output: 2}\ngpt-5: {input: 3, output: 3}\n')
    prices = Prices.load(path)
    usage = Usage(1_000_000, 400_000, 0)
    assert [prices.cost(model, usage) for model in ("llama", "gpt-4", "gpt-5")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpt: {input: 1}", r"prices.yaml:1: gpt.output: this key is required"),
        ("gpt: {input: -1, output: 1}", r"prices.yaml:1: gpt.input: .*greater than or equal to 0"),
        ("gpt: {input: 1, output: 1, cache: 1}", r"prices.yaml:1: gpt.cache: unknown key"),
    ],
)
def test_a_wrong_price_file_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(UsageError, match=message):
        Prices.load(tmp_path / "prices.yaml")


def test_a_budget_stops_the_next_call_as_an_interruption() -> None:
    stopped: list[float] = []
    budget = Budget(Prices({"spender-1": Price(input=2.0, output=0)}), limit=5.0)
    budget.on_reached = lambda: stopped.append(budget.spent)
    inside = Spender()
    player = PaidPlayer(inside, budget)

    async def play() -> None:
        for _ in range(10):
            await player.complete([REQUEST])

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(play())
    assert (inside.calls, budget.spent, stopped) == (3, 6.0, [6.0])


def test_without_a_limit_spending_is_counted_all_the_same() -> None:
    budget = Budget(Prices({"spender-*": Price(input=2.0, output=0)}))
    player = PaidPlayer(Spender(), budget)
    asyncio.run(player.complete([REQUEST, REQUEST]))
    assert budget.spent == 4.0 and not budget.reached


def told_of(task: Task, prices: Prices) -> Estimate:
    return estimate(plan([task]), prices, load_plugins([FAKE_PLUGINS]))


def test_an_estimate_counts_every_call_and_bounds_the_cost(tmp_path: Path) -> None:
    task = load_task(write_task(tmp_path, "player: {plugin: openai, model: m}", without=("player",)))
    prices = Prices({"m": Price(input=1.0, output=4.0, cached=0.1)})
    told = told_of(task, prices)
    # Three seeds of six steps: baseline and single ask once a step, the swarm three times.
    assert (told.episodes, told.calls) == (9, 3 * 6 * (1 + 1 + 3))
    assert told.low is not None and told.high is not None and 0.1 * told.high < told.low < told.high
    assert told.high == pytest.approx((told.prompt_tokens + 4 * told.completion_tokens) / 1e6)
    assert "at most 9 episodes, 90 calls" in str(told)


def test_an_estimate_says_what_it_does_not_know(tmp_path: Path) -> None:
    task = load_task(write_task(tmp_path, "player: {plugin: openai, model: m}", without=("player",)))
    told = told_of(task, Prices({}))
    assert told.high is None and told.unpriced == ("m",)
    assert "no price for m" in str(told) and told.as_json()["cost_usd"] is None


def test_a_critic_that_judges_by_its_model_is_in_the_estimate(tmp_path: Path) -> None:
    changes = """
    player: {plugin: local}
    critic: {plugin: openai, model: c, judge: model}
    variants: {baseline: {}, single: {}, swarm: {members: 3}, parallel: {method: swarm, mode: parallel, members: 2}}
    """
    task = load_task(write_task(tmp_path, changes, without=("player", "critic", "variants")))
    told = told_of(task, Prices({"c": Price(input=1.0, output=0)}))
    alone = told_of(task.with_options(variants=["baseline"]), Prices({}))
    assert alone.high == 0.0
    # Three seeds of six steps. Of players: 1 + 1 + 3 + 2 a step; of the critic: two calls a step and one before.
    assert told.calls == 3 * (6 * (1 + 1 + 3 + 2) + (1 + 1 + 2) * (2 * 6 + 1))
    assert told.high is not None and told.low is not None and 0 < told.low <= told.high
    assert told.high == pytest.approx(3 * 4 * (13 * 2500 + (2 * 21 + 1) * 110) / 1e6)
    assert told_of(task, Prices({})).unpriced == ("c",)


def test_what_looking_takes_is_in_the_estimate(tmp_path: Path) -> None:
    changes = "critic: {plugin: openai, model: c}\nenvironment: {plugin: %s}\nvariants: {baseline: {}, single: {}}"
    seen, read = (
        told_of(
            load_task(write_task(tmp_path, changes % name, without=("critic", "environment", "variants"))),
            Prices({"c": Price(input=1.0, output=0), "believer": Price(input=0, output=0)}),
        )
        for name in ("lane", "corridor")
    )
    # Three seeds of six steps, and a look before the first of each.
    assert seen.calls - read.calls == 3 * 7
    assert read.high == 0.0 and seen.high is not None and 0 < seen.high < 0.1


def test_players_on_this_machine_cost_nothing(tmp_path: Path) -> None:
    task = load_task(write_task(tmp_path, "player: {plugin: local}", without=("player",)))
    assert told_of(task, Prices({})).high == 0.0
