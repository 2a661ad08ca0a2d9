"""What was asked once is not asked again; and the cache says why when it is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lookalike_bench.engine.cache import CachedPlayer, Question, ResponseCache
from lookalike_bench.errors import PlayerFailure, UsageError
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Message, Request, Usage

REQUEST = Request(
    (Message("system", "rules"), Message("user", "West of House"), Message("assistant", "n"), Message("user", "North")),
    temperature=0.7,
    seed=1,
    choices=("north", "south"),
)
IDENTITY = {"plugin": "counting"}


class Counting(Player):
    """Answers with how often it was asked; `fails` makes the next calls fail."""

    concurrency = 7
    handicaps = ("counts",)

    def __init__(self, text: str = "") -> None:
        self.asked: list[Request] = []
        self.at_once = self.most_at_once = self.fails = 0
        self.text = text

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self.at_once += len(requests)
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.005)
        self.at_once -= len(requests)
        if self.fails:
            self.fails -= 1
            raise PlayerFailure("down")
        self.asked += requests
        return [
            Completion(self.text or f"answer to {request.seed}", Usage(10, 5, 1), (-0.5, -1.0), "counter")
            for request in requests
        ]


@pytest.fixture
def cache(tmp_path: Path) -> ResponseCache:
    return ResponseCache(tmp_path / "cache" / "responses.sqlite3")


def ask(player: Player, *requests: Request) -> list[Completion]:
    return asyncio.run(player.complete(requests))


def test_an_answer_is_kept_whole_and_survives_the_process(cache: ResponseCache) -> None:
    first = Counting()
    [answer] = ask(CachedPlayer(first, cache, IDENTITY), REQUEST)
    assert answer == Completion("answer to 1", Usage(10, 5, 1), (-0.5, -1.0), "counter")
    cache.close()
    second = Counting()
    assert ask(CachedPlayer(second, ResponseCache(cache.path), IDENTITY), REQUEST) == [answer]
    assert second.asked == []


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, seed=2),
        replace(REQUEST, temperature=0.8),
        replace(REQUEST, choices=("north",)),
        replace(REQUEST, vocabulary=("north",)),
        replace(REQUEST, max_tokens=25),
        replace(REQUEST, messages=REQUEST.messages[:-1]),
        replace(REQUEST, messages=(*REQUEST.messages[:-1], Message("user", "North!"))),
        replace(REQUEST, messages=(*REQUEST.messages[:-1], Message("assistant", "North"))),
    ],
)
def test_whatever_changes_the_question_changes_the_key(cache: ResponseCache, other: Request) -> None:
    player = Counting()
    cached = CachedPlayer(player, cache, IDENTITY)
    ask(cached, REQUEST)
    ask(cached, other)
    assert len(player.asked) == 2
    ask(CachedPlayer(player, cache, {"plugin": "other"}), REQUEST)
    assert len(player.asked) == 3


def test_a_batch_asks_only_what_is_missing_at_once_and_in_order(cache: ResponseCache) -> None:
    player = Counting()
    cached = CachedPlayer(player, cache, IDENTITY)
    ask(cached, replace(REQUEST, seed=3))
    answers = ask(cached, *(replace(REQUEST, seed=seed) for seed in (5, 3, 4, 5)))
    assert [answer.text for answer in answers] == [f"answer to {seed}" for seed in (5, 3, 4, 5)]
    assert player.most_at_once == 2
    assert [request.seed for request in player.asked] == [3, 5, 4]


def test_what_arrived_is_kept_when_another_of_its_batch_fails(cache: ResponseCache) -> None:
    player = Counting()
    player.fails = 1
    cached = CachedPlayer(player, cache, IDENTITY)
    batch = [replace(REQUEST, seed=seed) for seed in range(4)]
    with pytest.raises(PlayerFailure):
        ask(cached, *batch)
    assert len(cache) == 3
    assert [answer.text for answer in ask(cached, *batch)] == [f"answer to {seed}" for seed in range(4)]
    assert [request.seed for request in player.asked] == [1, 2, 3, 0]


def test_the_same_question_at_the_same_time_is_asked_once(cache: ResponseCache) -> None:
    player = Counting()
    cached = CachedPlayer(player, cache, IDENTITY)

    async def play() -> None:
        answers = await asyncio.gather(*(cached.complete([REQUEST]) for _ in range(5)))
        assert {answer.text for [answer] in answers} == {"answer to 1"}

    asyncio.run(play())
    assert len(player.asked) == 1


def test_failures_are_not_kept_and_who_waited_asks_for_himself(cache: ResponseCache) -> None:
    player = Counting()
    player.fails = 1
    cached = CachedPlayer(player, cache, IDENTITY)

    async def play() -> list[object]:
        return await asyncio.gather(*(cached.complete([REQUEST]) for _ in range(3)), return_exceptions=True)

    outcomes = asyncio.run(play())
    assert isinstance(outcomes[0], PlayerFailure)
    assert [outcome[0].text for outcome in outcomes[1:]] == ["answer to 1"] * 2  # type: ignore[index]
    assert len(cache) == 1


def test_a_cancelled_question_does_not_cancel_who_waits_for_it(cache: ResponseCache) -> None:
    player = Counting()
    cached = CachedPlayer(player, cache, IDENTITY)

    async def play() -> None:
        first = asyncio.ensure_future(cached.complete([REQUEST]))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(cached.complete([REQUEST]))
        await asyncio.sleep(0)
        first.cancel()
        assert [answer.text for answer in await second] == ["answer to 1"]

    asyncio.run(play())


def test_an_empty_answer_is_not_kept(cache: ResponseCache) -> None:
    ask(CachedPlayer(Counting(" \n"), cache, IDENTITY), REQUEST)
    assert len(cache) == 0


def test_it_is_in_everything_the_player_inside(cache: ResponseCache) -> None:
    cached = CachedPlayer(Counting(), cache, IDENTITY)
    assert (cached.model, cached.concurrency, cached.handicaps) == ("counting", 7, ("counts",))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (REQUEST, "hit"),
        (replace(REQUEST, temperature=0.2, seed=9), "nothing was asked at the same turn; of others, the same messages"),
        (replace(REQUEST, temperature=0.2, seed=9), "seed is 9, was 1; temperature is 0.2, was 0.7"),
        (
            replace(REQUEST, messages=(*REQUEST.messages[:2], Message("assistant", "s"), REQUEST.messages[3])),
            "message 3 of 4 differs",
        ),
        (replace(REQUEST, messages=(*REQUEST.messages, Message("user", "x"))), "message 5 of 5 differs"),
        (replace(REQUEST, messages=REQUEST.messages[:2]), "as the beginning of 4"),
        # The same turn comes first, however much of another's conversation is the same.
        (replace(REQUEST, seed=2), "miss: message 1 of 4 differs"),
    ],
)
def test_why_was_this_a_miss(cache: ResponseCache, other: Request, reason: str) -> None:
    cached = CachedPlayer(Counting(), cache, IDENTITY)
    assert "asked so far: nobody" in cache.explain(Question.of_request(cached.identity, REQUEST))
    ask(cached, replace(REQUEST, messages=(Message("system", "another game"),), seed=2), REQUEST)
    assert reason in cache.explain(Question.of_request(cached.identity, other))
    elsewhere = cache.explain(Question.of_request('{"plugin":"other"}', other))
    assert elsewhere.endswith('of the nearest, plugin is "other", was "counting"')


def test_why_was_it_asked_when_it_is_there_by_now(cache: ResponseCache) -> None:
    cached = CachedPlayer(Counting(), cache, IDENTITY)
    questions = [replace(REQUEST, temperature=temperature) for temperature in (0.1, 0.2, 0.3)]
    for question in questions:
        ask(cached, question)
    first, second, third = (
        cache.explain_asking(Question.of_request(cached.identity, question)) for question in questions
    )
    assert "asked so far: nobody" in first
    assert second == "the same messages were asked, but temperature is 0.2, was 0.1"
    assert third == "the same messages were asked, but temperature is 0.3, was 0.2"


def test_what_is_kept_can_be_told_and_cleared_by_who_was_asked(cache: ResponseCache) -> None:
    ask(CachedPlayer(Counting(), cache, {"model": "a"}), REQUEST, replace(REQUEST, seed=2))
    ask(CachedPlayer(Counting(), cache, {"model": "b"}), REQUEST)
    kept = cache.kept()
    assert [(one.identity, one.answers) for one in kept] == [('{"model":"a"}', 2), ('{"model":"b"}', 1)]
    assert kept[0].size > kept[1].size > 100
    assert cache.clear(['{"model":"a"}']) == 2
    assert [one.identity for one in cache.kept()] == ['{"model":"b"}']


WRITER = """
import sys
from pathlib import Path
from lookalike_bench.engine.cache import Question, ResponseCache
cache = ResponseCache(Path(sys.argv[1]))
for number in range(300):
    question = Question("{}", f'{{"n":{number}}}', ())
    if cache.get(question) is None:
        cache.put(question, {"text": f"answer {number}"})
"""


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite3"
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) for _ in range(2)]
    assert [process.wait(30) for process in processes] == [0, 0]
    cache = ResponseCache(path)
    assert len(cache) == 300
    assert cache.get(Question("{}", '{"n":7}', ())) == {"text": "answer 7"}


def test_a_file_that_is_no_cache_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "responses.sqlite3").write_text("not a database, but long enough to look like a file" * 20)
    with pytest.raises(UsageError, match="the response cache cannot be used"):
        ResponseCache(tmp_path / "responses.sqlite3")
