"""Whole runs against a loopback server: paid work is not lost, not repeated, and not mistaken for a score."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from lookalike_bench.engine.cache import ResponseCache
from lookalike_bench.engine.prices import Budget, Price, Prices
from lookalike_bench.records.prompts import prompts
from lookalike_bench.records.schema import EpisodeEnd
from lookalike_bench.records.store import Run

from tests.lookalike_plugins.critics.small_video import write_video
from tests.loopback_server import Answer, LoopbackServer, chat_answer, chat_protocol
from tests.remote_runs import play

pytestmark = [
    pytest.mark.usefixtures("own_cache"),
    pytest.mark.skipif(find_spec("aiohttp") is None, reason="the openai extra is not installed"),
]
EAST = chat_protocol('{"action": "east"}')


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


def test_the_record_holds_what_went_over_the_wire(tmp_path: Path) -> None:
    def protocol(call: Any) -> Answer:
        answer = EAST(call)
        if call.method == "POST":
            likelihood = -call.json["seed"] / 2**31
            told = [{"token": '{"action": "', "logprob": -9.0}, {"token": "east", "logprob": likelihood}]
            answer.content["choices"][0]["logprobs"] = {"content": [*told, {"token": '"}', "logprob": -9.0}]}
        return answer

    with LoopbackServer(protocol) as server:
        assert scores(play(tmp_path, server)) == [("scored", True, 4)] * 9
    sent = [(call.json["seed"], call.json["temperature"], call.json["messages"]) for call in server.posts]
    recorded = []
    for episode in Run(tmp_path / "run").episodes():
        asked = {(step, member): messages for step, _, member, messages in prompts(episode)}
        for step in episode.steps:
            for proposal in step.proposals:
                messages = [{"role": m.role, "content": m.content} for m in asked[step.step, proposal.member]]
                recorded.append((proposal.seed, proposal.temperature, messages))
                assert proposal.log_probabilities == [round(-proposal.seed / 2**31, 5)]
                assert proposal.text == "east"
    assert sorted(recorded, key=repr) == sorted(sent, key=repr)


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


def judging(call: Any) -> Answer:
    """A model that plays, and another that has watched and judges."""
    if call.method == "GET" or call.json["model"] == "test-model":
        return EAST(call)
    question = call.json["messages"][1]["content"][-1].get("text", "")
    answer: dict[str, Any] = {"reward": 0.5, "reason": "", "possible_actions": ["east"], "recommended_action": "east"}
    if call.json["response_format"]["json_schema"]["name"] == "WrittenOutline":
        step = {"time": 1, "cue": "a corridor", "action": "east", "outcome": "", "milestone": "", "weight": 1}
        answer = {"steps": [step], "rules": [], "vocabulary": []}
    elif "Judge each" in question:
        answer = {"judgements": [{"action": "east", "reward": 1, "reason": ""}]}
    return Answer(content=chat_answer(json.dumps(answer)))


def test_a_critic_that_judges_by_its_model_is_counted_in_the_episode_and_the_budget(tmp_path: Path) -> None:
    write_video(tmp_path / "real.mp4", seconds=1)
    prices = Prices({"test-model": Price(input=1e4, output=0), "judge-model": Price(input=2e4, output=0)})
    cache = tmp_path / "responses.sqlite3"

    def judged(server: LoopbackServer, name: str, limit: float | None = None, **options: Any) -> Any:
        critic = f'critic: {{plugin: openai, model: judge-model, base_url: "{server.url}/v1", judge: model}}'
        changes = f"seeds: 0\nvideos: [{{file: real.mp4}}]\nvariants: {{single: {{}}}}\n{critic}"
        replaced = ("seeds", "videos", "variants", "critic")
        means: dict[str, Any] = {"cache": ResponseCache(cache), "budget": Budget(prices, limit)}
        [end] = play(tmp_path, server, name, changes=changes, without=replaced, **means, **options)
        return end, means["budget"].spent

    with LoopbackServer(judging) as server:
        # To watch takes one call of two dollars; a step then one of the player's and two of the critic's.
        end, spent = judged(server, "run", limit=14.0)
        assert end is None and 14.0 <= spent <= 16.0
        end, more = judged(server, "run", resume=True)
        calls = len(server.posts)
        again, nothing = judged(server, "again")
    assert (end.status, end.steps, end.resumed) == ("scored", 4, 1)
    # Four answers of the player; of the critic a first look, and of each step a judgement and a review.
    assert end.usage.prompt_tokens == 100 * (4 + 1 + 2 * 4)
    assert end.cost_usd == pytest.approx(4 * 1.0 + 9 * 2.0)
    assert spent + more == pytest.approx(2.0 + end.cost_usd)
    [episode] = Run(tmp_path / "run").episodes()
    assert [step.judging.prompt_tokens for step in episode.steps if step.judging] == [300, 200, 200, 200]
    # What the cache knows is neither asked nor paid again, and costs the same.
    assert (len(server.posts), nothing) == (calls, 0.0)
    assert (again.usage, again.cost_usd) == (end.usage, end.cost_usd)
    assert calls == len({call.body for call in server.posts}) == 1 + 4 + 9


def test_what_a_swarms_members_answered_is_kept_when_one_of_them_fails(tmp_path: Path) -> None:
    swarm = {"changes": "seeds: 0\nvariants: {swarm: {members: 3}}", "without": ("seeds", "variants")}
    refused: list[bytes] = []
    answered: list[bytes] = []

    def refusing(call: Any) -> Answer:
        # One member's call of the third step is refused, once its fellows have their answers.
        if call.method == "POST" and not refused and len(answered) == 8:
            refused.append(call.body)
            return Answer(403, {"error": "no"}, delay=0.2)
        if call.method == "POST":
            answered.append(call.body)
        return EAST(call)

    prices = Prices({"test-model": Price(input=1e4, output=0)})
    cache, budget = tmp_path / "responses.sqlite3", Budget(prices)
    with LoopbackServer(refusing) as server:
        [end] = play(tmp_path, server, cache=ResponseCache(cache), budget=budget, **swarm)
        assert end is not None and end.status == "errored"
        assert (len(answered), budget.spent) == (8, pytest.approx(8.0))
        ends = play(tmp_path, server, cache=ResponseCache(cache), resume=True, **swarm)
    assert scores(ends) == [("scored", True, 4)]
    assert len(answered) == len(set(answered)) == 12
    assert refused[0] in answered


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
