"""Whole runs against a loopback server: paid work is not lost, not repeated, and not mistaken for a score."""

from __future__ import annotations

from concurrent.futures import CancelledError
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from lookalike_bench.engine.cache import ResponseCache
from lookalike_bench.engine.engine import Engine
from lookalike_bench.engine.manifest import make_manifest
from lookalike_bench.engine.models import Models
from lookalike_bench.engine.plan import plan
from lookalike_bench.engine.prices import Budget, Price, Prices
from lookalike_bench.engine.remote import Transport
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.records.schema import EpisodeEnd
from lookalike_bench.records.store import Run
from lookalike_bench.tasks.task import load_task

from tests.conftest import FAKE_PLUGINS, write_task
from tests.loopback_server import Answer, LoopbackServer, chat_protocol

pytestmark = [
    pytest.mark.usefixtures("own_cache"),
    pytest.mark.skipif(find_spec("aiohttp") is None, reason="the openai extra is not installed"),
]
QUICK = Transport(timeout=5, attempts=4, backoff=0.001, longest_backoff=0.01)
EAST = chat_protocol('{"action": "east"}')


def play(folder: Path, server: LoopbackServer, name: str = "run", **options: Any) -> list[EpisodeEnd | None]:
    """Play the corridor task with the openai player; None for an episode that was interrupted."""
    player = f'player: {{plugin: openai, base_url: "{server.url}/v1"}}'
    task = load_task(write_task(folder, player, without=("player",)))
    plugins = load_plugins([FAKE_PLUGINS])
    run = Run(folder / name)
    if not run.manifest_path.exists():
        run.write_manifest(make_manifest([task], plugins))
    resume = options.pop("resume", False)
    models = Models(transport=QUICK, **options)
    with Engine(run, plugins, resume=resume, models=models) as engine:
        ends: list[EpisodeEnd | None] = []
        for future in [engine.submit(episode) for episode in plan([task])]:
            try:
                ends.append(future.result(60))
            except CancelledError:
                ends.append(None)
        return ends


def scores(ends: list[EpisodeEnd | None]) -> list[tuple[str, bool | None, int]]:
    return [(end.status, end.success, end.steps) for end in ends if end is not None]


def test_a_second_run_asks_nothing_and_ends_the_same(tmp_path: Path) -> None:
    prices = Prices({"test-model": Price(input=1e4, output=0)})
    with LoopbackServer(EAST) as server:
        ends = []
        asked = []
        for name in ("one", "two"):
            budget = Budget(prices)
            cache = ResponseCache(tmp_path / "responses.sqlite3")
            ends.append(play(tmp_path, server, name, cache=cache, budget=budget))
            asked.append((len(server.posts), budget.spent))
    assert scores(ends[0]) == scores(ends[1]) == [("scored", True, 4)] * 9
    # A hundred tokens a call at a cent each: what the cache answered is not paid for again, but still has a price.
    calls, spent = asked[0]
    assert spent == pytest.approx(calls) and asked[1] == (calls, 0.0)
    assert ends[1][0] is not None and ends[1][0].cost_usd == pytest.approx(4.0)


def test_one_call_in_ten_failing_changes_no_score(tmp_path: Path) -> None:
    count = 0

    def flaky(call: Any) -> Answer:
        nonlocal count
        count += 1
        return Answer(500, {}) if count % 10 == 0 else EAST(call)

    with LoopbackServer(flaky) as server:
        assert scores(play(tmp_path, server)) == [("scored", True, 4)] * 9
    assert count > 50


def test_a_server_that_always_fails_gives_errors_and_no_score(tmp_path: Path) -> None:
    def failing(call: Any) -> Answer:
        return Answer(500, {"error": "out of order"}) if call.method == "POST" else EAST(call)

    with LoopbackServer(failing) as server:
        ends = play(tmp_path, server)
    assert {(end.status, end.success, end.progress) for end in ends if end} == {("errored", None, None)}
    assert all(end and "HTTP 500: out of order (4 attempts)" in str(end.error) for end in ends)


def test_a_budget_stops_the_run_and_more_money_goes_on_with_it(tmp_path: Path) -> None:
    prices = Prices({"test-model": Price(input=1e4, output=0)})
    cache = tmp_path / "responses.sqlite3"
    with LoopbackServer(EAST) as server:
        ends = play(tmp_path, server, cache=ResponseCache(cache), budget=Budget(prices, limit=30.0))
        assert None in ends and len(server.posts) < 60
        assert all(end.status == "scored" for end in ends if end is not None)
        ends = play(tmp_path, server, cache=ResponseCache(cache), budget=Budget(prices), resume=True)
    assert scores(ends) == [("scored", True, 4)] * 9
    # Thirty answers were paid for; asked again were only those under way when the money ran out: at most three of
    # each swarm, and one of each other episode.
    bodies = [call.body for call in server.posts]
    assert len(bodies) - len(set(bodies)) <= 15
