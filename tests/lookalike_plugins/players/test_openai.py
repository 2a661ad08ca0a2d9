"""The openai player against a real HTTP server on the loopback address: what it sends, and what it makes of
every way in which a server can answer or fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
from lookalike_bench.engine.remote import Transport
from lookalike_bench.errors import PlayerFailure, PluginError
from lookalike_bench.types import Completion, Message, Request, Usage
from lookalike_plugins.players.choices import find_choice
from lookalike_plugins.players.openai import OpenAI

from tests.loopback_server import Answer, LoopbackServer, chat_answer, chat_protocol

MESSAGES = (
    Message("system", 'You play Zork. Ünïcode, "quotes" and \u2028 survive.'),
    Message("user", "West of House"),
    Message("assistant", "north"),
    Message("user", "North of House\n\nWhat is your next action?"),
)
CHOICES = ("north", "open mailbox", "go north")
REQUEST = Request(MESSAGES, temperature=0.7, seed=1234, choices=CHOICES)
FREE = replace(REQUEST, choices=())
QUICK = Transport(timeout=5, attempts=4, backoff=0.01, longest_backoff=0.02, patience=5)


pytestmark = pytest.mark.skipif(find_spec("aiohttp") is None, reason="the openai extra is not installed")


def complete(
    server: LoopbackServer, *requests: Request, transport: Transport = QUICK, **arguments: Any
) -> list[Completion]:
    """Start a player, ask it once with all the requests as a batch, close it."""

    async def play() -> list[Completion]:
        player = OpenAI(base_url=f"{server.url}/v1", **arguments)
        player.transport = transport
        try:
            await player.start()
            return await player.complete(requests)
        finally:
            await player.close()

    return asyncio.run(play())


def logged(call: Any, text: str, spelled: list[tuple[str, float]]) -> Answer:
    """An answer with the log-probabilities of its tokens, if it was asked for them."""
    answer = chat_answer(text)
    if call.method == "POST" and call.json.get("logprobs"):
        told = [{"token": token, "logprob": value, "bytes": list(token.encode())} for token, value in spelled]
        answer["choices"][0]["logprobs"] = {"content": told}
    return Answer(content=answer) if call.method == "POST" else chat_protocol(text)(call)


def test_what_is_sent_is_what_was_asked() -> None:
    with LoopbackServer(chat_protocol("go north")) as server:
        [completion] = complete(server, FREE, body={"top_p": 0.9})
    assert completion == Completion("go north", Usage(100, 90, 3), (), "test-model-2026")
    [call] = server.posts
    assert call.path == "/v1/chat/completions"
    assert call.json == {
        "model": "test-model",
        "messages": [{"role": message.role, "content": message.content} for message in MESSAGES],
        "temperature": 0.7,
        "seed": 1234,
        "max_tokens": 24,
        "logprobs": True,
        "top_p": 0.9,
    }


def test_a_field_that_is_null_is_left_out_and_max_tokens_can_be_set() -> None:
    with LoopbackServer(chat_protocol("go north")) as server:
        complete(server, FREE, body={"seed": None}, max_tokens=4000)
    assert "seed" not in server.posts[0].json
    assert server.posts[0].json["max_tokens"] == 4000


def test_the_log_probability_of_what_was_written_is_kept_and_that_of_its_wrapping_is_not() -> None:
    spelled = [('{"', -0.5), ("action", -0.25), ('": "', -4.0), ("go", -1.0), (" north", -2.0), ('"}', -0.125)]
    with LoopbackServer(lambda call: logged(call, '{"action": "go north"}', spelled)) as server:
        assert complete(server, REQUEST)[0].log_probabilities == (-1.5,)
    with LoopbackServer(
        lambda call: logged(call, "Go North.", [("Go", -1.0), (" North", -3.0), (".", -9.0)])
    ) as server:
        assert complete(server, REQUEST, constraint="none")[0].log_probabilities == (-2.0,)
        assert complete(server, FREE)[0].log_probabilities == (-13 / 3,)
        assert complete(server, FREE, body={"logprobs": None})[0].text == "Go North."
    assert [call.json.get("logprobs") for call in server.posts] == [True, True, None]


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {"content": None},
        {"content": [{"token": "north"}]},
        {"content": [{"token": "north", "logprob": float("nan")}]},
        {"content": [{"token": "south", "logprob": -1.0}]},
    ],
)
def test_log_probabilities_that_make_no_sense_are_left_out(told: Any) -> None:
    answer = chat_answer("north")
    answer["choices"][0]["logprobs"] = told
    with LoopbackServer(chat_protocol("north")) as server:
        server.next(Answer(content=answer))
        assert complete(server, FREE)[0] == Completion("north", Usage(100, 90, 3), (), "test-model-2026")


def test_a_server_that_refuses_log_probabilities_is_asked_without_from_then_on() -> None:
    def protocol(call: Any) -> Answer:
        if call.method == "POST" and "logprobs" in call.json:
            return Answer(400, {"error": {"message": "'logprobs' is not supported with this model"}})
        return chat_protocol('{"action": "north"}')(call)

    async def play(url: str) -> None:
        player = OpenAI(base_url=url)
        player.transport = QUICK
        await player.start()
        await player.complete([REQUEST, replace(REQUEST, seed=2)])
        await player.complete([REQUEST])
        await player.close()

    with LoopbackServer(protocol) as server:
        asyncio.run(play(f"{server.url}/v1"))
    # The two that were asked at once both had to be told.
    assert sorted(call.json.get("logprobs") is True for call in server.posts) == [False] * 3 + [True] * 2
    assert "logprobs" not in server.posts[-1].json
    assert all("response_format" in call.json for call in server.posts)


@pytest.mark.parametrize(
    ("owner", "field", "sent"),
    [
        ("vllm", "structured_outputs", {"choice": list(CHOICES)}),
        ("sglang", "regex", r"(north|open\ mailbox|go\ north)"),
        ("llamacpp", "grammar", 'root ::= "north" | "open mailbox" | "go north"'),
    ],
)
def test_each_server_is_held_to_the_choices_in_its_own_way(owner: str, field: str, sent: object) -> None:
    with LoopbackServer(chat_protocol("open mailbox", owner=owner)) as server:
        [completion] = complete(server, REQUEST, scoring="generate")
    assert completion.text == "open mailbox"
    assert server.posts[0].json[field] == sent


def test_other_servers_get_a_json_schema() -> None:
    with LoopbackServer(chat_protocol('{"action": "open mailbox"}')) as server:
        [completion] = complete(server, REQUEST)
    assert completion.text == "open mailbox"
    schema = server.posts[0].json["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["action"]["enum"] == list(CHOICES)


def test_a_vocabulary_is_held_by_schema_and_grammar() -> None:
    words = replace(FREE, vocabulary=("north", "take", "lamp"))
    with LoopbackServer(chat_protocol('{"action": ["take", "lamp"]}')) as server:
        assert complete(server, words)[0].text == "take lamp"
    with LoopbackServer(chat_protocol("take lamp", owner="llamacpp")) as server:
        assert complete(server, words, scoring="generate")[0].text == "take lamp"
    assert server.posts[0].json["grammar"] == 'root ::= word (" " word){0,7}\nword ::= "north" | "take" | "lamp"'
    with LoopbackServer(chat_protocol("take lamp", owner="vllm")) as server:
        complete(server, words)
    assert server.posts[0].json["structured_outputs"] == {"regex": "(north|take|lamp)( (north|take|lamp)){0,7}"}


def test_a_server_without_schemas_is_asked_without_from_then_on() -> None:
    unknown = {"error": {"message": "response_format is not supported", "code": None}}

    def protocol(call: Any) -> Answer:
        if call.method == "POST" and "response_format" in call.json:
            return Answer(400, unknown)
        return chat_protocol("Action: Go North.")(call)

    async def play(url: str) -> tuple[list[Completion], tuple[str, ...]]:
        player = OpenAI(base_url=url)
        player.transport = QUICK
        await player.start()
        answers = [(await player.complete([REQUEST]))[0] for _ in range(2)]
        await player.close()
        return answers, player.handicaps

    with LoopbackServer(protocol) as server:
        answers, handicaps = asyncio.run(play(f"{server.url}/v1"))
    assert [answer.text for answer in answers] == ["go north", "go north"]
    assert ["response_format" in call.json for call in server.posts] == [True, False, False]
    assert handicaps == ()


def test_new_openai_models_take_max_completion_tokens() -> None:
    complaint = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."

    def protocol(call: Any) -> Answer:
        if call.method == "POST" and "max_tokens" in call.json:
            return Answer(400, {"error": {"message": complaint}})
        return chat_protocol("north")(call)

    with LoopbackServer(protocol) as server:
        assert complete(server, FREE)[0].text == "north"
    assert server.posts[-1].json["max_completion_tokens"] == 24


def test_an_answer_that_is_no_choice_is_repaired_once() -> None:
    with LoopbackServer(chat_protocol("open mailbox")) as server:
        server.next(Answer(content=chat_answer("I would like to dance.")))
        [completion] = complete(server, REQUEST, constraint="none")
    assert completion.text == "open mailbox"
    assert completion.usage == Usage(200, 180, 6)
    first, second = (call.json["messages"] for call in server.posts)
    assert second[: len(first)] == first
    assert second[-2] == {"role": "assistant", "content": "I would like to dance."}
    assert all(choice in second[-1]["content"] for choice in CHOICES)


def test_what_is_no_choice_even_then_is_played_as_written() -> None:
    with LoopbackServer(chat_protocol("I would\x1b[31m dance.\nReally.")) as server:
        [completion] = complete(server, REQUEST, constraint="none")
    assert completion.text == "I would [31m dance"
    assert len(server.posts) == 2


@pytest.mark.parametrize(
    "failure",
    [
        Answer(429, {"error": {"message": "slow down"}}, headers={"Retry-After": "0"}),
        Answer(429, {"error": {"message": "slow down"}}),
        Answer(500, raw=b"oops"),
        Answer(503, {"detail": "loading"}),
        Answer(content=chat_answer("north"), cut=True),
        Answer(raw=b'{"choices": [{"mess'),
        Answer(raw=b"[1, 2]"),
        Answer(content={"choices": []}),
        Answer(content={"error": "none"}),
        Answer(content=chat_answer("")),
        Answer(content=chat_answer(None)),
        Answer(content={"choices": [{"message": "text"}]}),
    ],
)
def test_what_may_pass_is_tried_again(failure: Answer) -> None:
    with LoopbackServer(chat_protocol("north")) as server:
        server.next(failure, failure)
        assert complete(server, FREE)[0].text == "north"
    assert len(server.posts) == 3
    assert len({call.body for call in server.posts}) == 1


def test_a_slow_answer_is_given_up_in_time() -> None:
    with LoopbackServer(chat_protocol("north")) as server:
        server.next(Answer(content=chat_answer("south"), delay=0.6))
        [completion] = complete(server, FREE, transport=replace(QUICK, timeout=0.2))
        assert completion.text == "north"


def test_retry_after_is_obeyed() -> None:
    async def play(url: str) -> float:
        player = OpenAI(base_url=url)
        player.transport = QUICK
        await player.start()
        began = asyncio.get_running_loop().time()
        await player.complete([FREE])
        await player.close()
        return asyncio.get_running_loop().time() - began

    with LoopbackServer(chat_protocol("north")) as server:
        server.next(Answer(429, {}, headers={"Retry-After": "0.5"}))
        assert 0.5 <= asyncio.run(play(f"{server.url}/v1")) < 2


@pytest.mark.parametrize(
    ("answer", "expected", "calls"),
    [
        (Answer(500, {"error": {"message": "out of memory"}}), "HTTP 500: out of memory (4 attempts)", 4),
        (Answer(429, {}, headers={"Retry-After": "3600"}), "asks to be left alone for 3600 s", 1),
        (Answer(429, {"error": {"message": "no money", "code": "insufficient_quota"}}), "HTTP 429: no money", 1),
        (Answer(401, {"error": {"message": "bad key"}}), "does not accept a call without a key", 1),
        (Answer(404, {"error": {"message": "no such model"}}), "no such model", 1),
        (Answer(302, {}, headers={"Location": "http://elsewhere.invalid/"}), "HTTP 302", 1),
        (Answer(content=chat_answer(None, refusal="I can't\nhelp.")), "refuses: I can't help.", 1),
        (
            Answer(content={"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]}),
            "refuses: its content filter",
            1,
        ),
        (
            Answer(content={"choices": [{"finish_reason": "length", "message": {"content": None}}]}),
            "raise max_tokens",
            1,
        ),
    ],
)
def test_what_does_not_pass_is_one_clear_line(answer: Answer, expected: str, calls: int) -> None:
    with LoopbackServer(chat_protocol("north")) as server:
        server.next(*[answer] * 4)
        with pytest.raises(PlayerFailure) as failure:
            complete(server, FREE)
        assert server.url in str(failure.value)
    assert expected in str(failure.value)
    assert "\n" not in str(failure.value)
    assert len(server.posts) == calls


def test_no_server_at_all() -> None:
    with LoopbackServer(chat_protocol("north")) as server:
        pass
    with pytest.raises(PlayerFailure, match=r"the connection failed: .*\(4 attempts\)"):
        complete(server, FREE)


def test_a_batch_is_asked_at_once_and_answered_in_order() -> None:
    with LoopbackServer(chat_protocol(lambda body: f"say {body['seed']}", delay=0.3)) as server:
        completions = complete(server, *(replace(FREE, seed=seed) for seed in range(5)))
    assert [completion.text for completion in completions] == [f"say {seed}" for seed in range(5)]
    assert server.most_running == 5


def test_max_connections_is_kept() -> None:
    with LoopbackServer(chat_protocol("north", delay=0.05)) as server:
        complete(server, *(replace(FREE, seed=n) for n in range(9)), transport=replace(QUICK, max_connections=3))
    assert server.most_running == 3


def test_one_failure_in_a_batch_is_the_batchs() -> None:
    with LoopbackServer(chat_protocol(lambda body: "north")) as server:
        server.next(Answer(403, {"error": "no"}))
        with pytest.raises(PlayerFailure):
            complete(server, *(replace(FREE, seed=n) for n in range(3)))
    assert len(server.posts) == 3


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVER_KEY", "sk-very-secret")
    with LoopbackServer(chat_protocol("north")) as server:
        server.next(Answer(401, {"error": {"message": "Incorrect API key: sk-very-secret"}}))
        with pytest.raises(PlayerFailure) as failure:
            complete(server, FREE, key_env="MY_SERVER_KEY")
    assert server.posts[0].headers["Authorization"] == "Bearer sk-very-secret"
    assert "secret" not in str(failure.value) and "MY_SERVER_KEY" in str(failure.value)
    assert "secret" not in repr(OpenAI(base_url=server.url, key_env="MY_SERVER_KEY").server)


def test_openais_key_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with LoopbackServer(chat_protocol("north")) as server:
        complete(server, FREE)
        assert all("Authorization" not in call.headers for call in server.calls)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        complete(server, FREE)
    assert server.posts[-1].headers["Authorization"] == "Bearer sk-very-secret"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_url": "localhost:8000"}, "base_url must begin with http:// or https://"),
        ({"base_url": "http://user:pass@localhost"}, "must not contain a password"),
        ({"base_url": "http://localhost", "key_env": "PATH"}, "ends in KEY or TOKEN"),
        ({"base_url": "http://localhost", "key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY with the server's key is not set"),
        ({"base_url": "http://localhost", "constraint": "hope"}, "constraint is one of auto"),
        ({"base_url": "http://localhost", "scoring": "dice"}, "scoring is one of auto, generate, likelihood"),
        ({}, "OPENAI_API_KEY with the server's key is not set"),
    ],
)
def test_wrong_arguments_are_one_clear_line(
    arguments: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "NO_SUCH_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PluginError, match=message):
        OpenAI(**arguments)


def test_the_model_is_found_or_the_nearest_named() -> None:
    with LoopbackServer(chat_protocol("north", models=("qwen-7b", "qwen-14b"), owner="vllm")) as server:
        with pytest.raises(PluginError, match="did you mean 'qwen-7b'"):
            complete(server, FREE, model="qwen-7")
        with pytest.raises(PluginError, match="name the model"):
            complete(server, FREE)
        complete(server, FREE, model="qwen-14b")
    assert server.posts[0].json["model"] == "qwen-14b"


def test_a_server_without_a_list_of_models_will_do() -> None:
    def protocol(call: Any) -> Answer:
        return Answer(404, {}) if call.method == "GET" else chat_protocol('{"action": "north"}')(call)

    with LoopbackServer(protocol) as server:
        assert complete(server, REQUEST, model="any")[0].text == "north"


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("north", "north"),
        ("  NORTH. ", "north"),
        ("Action: go north", "go north"),
        ("I think we should go north now", "go north"),
        ("open the mailbox", None),
        ("north or open mailbox", None),
        ("northern lights", None),
        ("", None),
    ],
)
def test_find_choice(text: str, choice: str | None) -> None:
    assert find_choice(text, CHOICES) == choice


def test_hammering_a_server_that_fails_one_call_in_ten_loses_nothing() -> None:
    def flaky() -> Callable[[Any], Answer]:
        count = 0

        def protocol(call: Any) -> Answer:
            nonlocal count
            count += 1
            return Answer(500, {}) if count % 10 == 0 else chat_protocol(lambda body: str(body["seed"]))(call)

        return protocol

    with LoopbackServer(flaky()) as server:
        completions = complete(server, *(replace(FREE, seed=seed) for seed in range(60)))
    assert [completion.text for completion in completions] == [str(seed) for seed in range(60)]
