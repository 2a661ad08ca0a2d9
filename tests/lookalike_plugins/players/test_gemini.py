"""The gemini player against a loopback server that speaks Gemini's protocol."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
from lookalike_bench.engine.remote import Transport
from lookalike_bench.errors import PlayerFailure, PluginError
from lookalike_bench.types import Completion, Message, Request, Usage
from lookalike_plugins.players.gemini import Gemini

from tests.gemini_protocol import GeminiProtocol, gemini_answer, plain_path, questions
from tests.loopback_server import Answer, LoopbackServer

MESSAGES = (
    Message("system", "You play Zork."),
    Message("user", "West of House"),
    Message("assistant", "north"),
    Message("user", "North of House"),
)
REQUEST = Request(MESSAGES, temperature=0.7, seed=1234, choices=("north", "open mailbox"))
FREE = replace(REQUEST, choices=())
QUICK = Transport(timeout=5, attempts=3, backoff=0.01, longest_backoff=0.02, patience=5)

pytestmark = pytest.mark.skipif(find_spec("google.genai") is None, reason="the gemini extra is not installed")


def complete(
    server: LoopbackServer, *requests: Request, transport: Transport = QUICK, **arguments: Any
) -> list[Completion]:
    async def play() -> list[Completion]:
        player = Gemini(model="gemini-test", base_url=server.url, **arguments)
        player.transport = transport
        try:
            await player.start()
            return await player.complete(requests)
        finally:
            await player.close()

    return asyncio.run(play())


def test_what_is_sent_is_what_was_asked() -> None:
    with LoopbackServer(GeminiProtocol("go north")) as server:
        [completion] = complete(server, FREE, thinking=0)
    assert completion == Completion("go north", Usage(100, 90, 7), (), "gemini-test-001")
    [call] = server.posts
    assert plain_path(call) == "/models/gemini-test:generateContent"
    [body] = questions(server.calls)
    assert body["systemInstruction"]["parts"] == [{"text": "You play Zork."}]
    assert [(content["role"], content["parts"]) for content in body["contents"]] == [
        ("user", [{"text": "West of House"}]),
        ("model", [{"text": "north"}]),
        ("user", [{"text": "North of House"}]),
    ]
    config = body["generationConfig"]
    assert (config["temperature"], config["seed"], config["maxOutputTokens"]) == (0.7, 1234, 2000)
    assert config["thinkingConfig"] == {"thinkingBudget": 0}
    assert "responseJsonSchema" not in config


def test_a_choice_is_held_by_a_schema_and_repaired_once() -> None:
    with LoopbackServer(GeminiProtocol('{"action": "open mailbox"}')) as server:
        server.next(Answer(content=gemini_answer('{"action": "dance"}')))
        [completion] = complete(server, REQUEST)
    assert completion.text == "open mailbox" and completion.usage == Usage(200, 180, 14)
    schema = server.posts[0].json["generationConfig"]["responseJsonSchema"]
    assert schema["properties"]["action"]["enum"] == ["north", "open mailbox"]
    assert "north\nopen mailbox" in server.posts[1].json["contents"][-1]["parts"][0]["text"]


def test_a_vocabulary_is_held_by_a_schema() -> None:
    with LoopbackServer(GeminiProtocol('{"action": ["take", "lamp"]}')) as server:
        [completion] = complete(server, replace(FREE, vocabulary=("take", "lamp")))
    assert completion.text == "take lamp"


RATE_LIMITED = {
    "error": {
        "code": 429,
        "message": "slow down",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}],
    }
}


@pytest.mark.parametrize(
    "failure",
    [
        Answer(429, {"error": {"code": 429, "message": "slow down"}}, headers={"Retry-After": "0"}),
        Answer(500, {"error": {"code": 500, "message": "oops"}}),
        Answer(503, raw=b"<html>unavailable</html>"),
        Answer(content=gemini_answer("north"), cut=True),
        Answer(raw=b'{"candidates": [{"cont'),
        Answer(content={"candidates": []}),
        Answer(content=gemini_answer("")),
    ],
)
def test_what_may_pass_is_tried_again(failure: Answer) -> None:
    with LoopbackServer(GeminiProtocol("north")) as server:
        server.next(failure)
        assert complete(server, FREE)[0].text == "north"
    assert len(questions(server.posts)) == 2


def test_the_retry_delay_in_the_errors_body_is_obeyed() -> None:
    async def play(url: str) -> float:
        player = Gemini(base_url=url)
        player.transport = QUICK
        await player.start()
        began = asyncio.get_running_loop().time()
        await player.complete([FREE])
        await player.close()
        return asyncio.get_running_loop().time() - began

    with LoopbackServer(GeminiProtocol("north")) as server:
        server.next(Answer(429, RATE_LIMITED))
        assert 0.3 <= asyncio.run(play(server.url)) < 3


def test_a_slow_answer_is_given_up_in_time() -> None:
    with LoopbackServer(GeminiProtocol("north")) as server:
        server.next(Answer(content=gemini_answer("south"), delay=0.8))
        assert complete(server, FREE, transport=replace(QUICK, timeout=0.3))[0].text == "north"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(500, {"error": {"message": "out of memory"}}), r"HTTP 500: out of memory \(3 attempts\)"),
        (Answer(400, {"error": {"message": "API key not valid"}}), "HTTP 400: API key not valid"),
        (Answer(content={"promptFeedback": {"blockReason": "SAFETY"}}), r"the prompt was blocked \(SAFETY\)"),
        (Answer(content=gemini_answer("", "PROHIBITED_CONTENT")), "refuses: PROHIBITED_CONTENT"),
        (Answer(content=gemini_answer("", "MAX_TOKENS")), "raise max_tokens"),
    ],
)
def test_what_does_not_pass_is_one_clear_line(answer: Answer, message: str) -> None:
    with LoopbackServer(GeminiProtocol("north")) as server:
        server.next(*[answer] * 3)
        with pytest.raises(PlayerFailure, match=message) as failure:
            complete(server, FREE)
    assert "\n" not in str(failure.value)


def test_the_key_is_sent_to_google_or_where_it_is_told_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "very-secret")
    monkeypatch.setenv("MY_KEY", "another-secret")
    with LoopbackServer(GeminiProtocol("north")) as server:
        complete(server, FREE)
        assert "very-secret" not in str(server.calls[0].headers)
        server.next(Answer(403, {"error": {"message": "another-secret is wrong"}}))
        with pytest.raises(PlayerFailure, match=r"HTTP 403: \*\*\* is wrong"):
            complete(server, FREE, key_env="MY_KEY")
    assert "another-secret" in str(server.calls[1].headers)
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(PluginError, match="GEMINI_API_KEY or GOOGLE_API_KEY with the key is not set"):
        Gemini()
