"""Choices scored by the likelihoods that a server tells: how vLLM and llama.cpp are asked, and what becomes of
servers that do not tell."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
from lookalike_bench.engine.remote import Transport
from lookalike_bench.errors import PlayerFailure
from lookalike_bench.types import Completion, Message, Request, Usage
from lookalike_plugins.players.openai import OpenAI

from tests.loopback_server import Answer, Call, LoopbackServer, chat_answer, chat_protocol

pytestmark = pytest.mark.skipif(find_spec("aiohttp") is None, reason="the openai extra is not installed")

CHOICES = ("go north", "north", "open the mailbox")
REQUEST = Request((Message("system", "You play Zork."), Message("user", "West of House")), 0.0, 7, choices=CHOICES)
QUICK = Transport(timeout=5, attempts=2, backoff=0.01, longest_backoff=0.02)
LIKELIHOOD = {"go": -1.0, " north": -0.5, "north": -2.0, "open": -3.0, " the": -0.5, " mailbox": -0.25, "yes": -1.0}
MEANS = (-0.75, -2.0, -1.25)


def tokens(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]


def vllm(call: Call) -> Answer:
    """Tells the log-probabilities of the prompt's tokens, of which the first has none."""
    if call.method == "GET":
        return chat_protocol("", owner="vllm")(call)
    body = call.json
    spelled = ["<|im_start|>", "...", *tokens(body["messages"][-1]["content"])]
    told = [
        {str(at): {"logprob": LIKELIHOOD.get(token, -9.0), "rank": 1, "decoded_token": token}}
        for at, token in enumerate(spelled)
    ]
    assert (body["prompt_logprobs"], body["continue_final_message"], body["add_generation_prompt"]) == (0, True, False)
    return Answer(content={**chat_answer(""), "prompt_logprobs": [None, *told[1:]]})


IDS = {token: 100 + at for at, token in enumerate(LIKELIHOOD)}


def llama_cpp(call: Call) -> Answer:
    """Writes the only tokens that the grammar leaves, and tells how likely they were without it."""
    if call.method == "GET":
        return chat_protocol("", owner="llamacpp")(call)
    if call.path == "/tokenize":
        return Answer(content={"tokens": [IDS[token] for token in tokens(call.json["content"])]})
    assert call.path == "/v1/chat/completions"
    spelled = {f"<[{number}]>": token for token, number in IDS.items()}
    written = [spelled[name] for name in call.json["grammar"].removeprefix("root ::= ").split()]
    assert call.json["max_tokens"] == len(written) and call.json["logprobs"] is True
    answer = chat_answer("".join(written))
    answer["choices"][0]["logprobs"] = {
        "content": [{"token": token, "logprob": LIKELIHOOD[token], "bytes": list(token.encode())} for token in written]
    }
    return Answer(content=answer)


def play(server: LoopbackServer, *requests: Request, **arguments: Any) -> tuple[list[Completion], OpenAI]:
    async def asked() -> tuple[list[Completion], OpenAI]:
        player = OpenAI(base_url=f"{server.url}/v1", **arguments)
        player.transport = QUICK
        try:
            await player.start()
            return await player.complete(requests), player
        finally:
            await player.close()

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("protocol", "scoring"), [(vllm, "likelihood"), (llama_cpp, "likelihood"), (llama_cpp, "auto")]
)
def test_every_choice_is_scored_and_the_likeliest_taken(protocol: Callable[[Call], Answer], scoring: str) -> None:
    with LoopbackServer(protocol) as server:
        [completion], player = play(server, REQUEST, scoring=scoring)
    assert completion.text == "go north"
    assert completion.log_probabilities == MEANS
    assert completion.usage == Usage(300, 270, 9)
    assert player.identity["scoring"] == "likelihood"
    assert "scored by the server's likelihoods" in player.handicaps[0]


def test_a_temperature_draws_from_the_scores() -> None:
    with LoopbackServer(llama_cpp) as server:
        hot = [replace(REQUEST, temperature=2.0, seed=seed) for seed in range(200)]
        completions, _ = play(server, *hot)
    weights = [math.exp(mean / 2.0) for mean in MEANS]
    for choice, weight in zip(CHOICES, weights, strict=True):
        share = sum(completion.text == choice for completion in completions) / len(completions)
        assert share == pytest.approx(weight / sum(weights), abs=0.1)


def test_what_llama_cpp_is_sent() -> None:
    with LoopbackServer(llama_cpp) as server:
        play(server, replace(REQUEST, choices=("go north",)), body={"cache_prompt": True, "temperature": 3})
    assert [call.path for call in server.posts] == ["/tokenize", "/v1/chat/completions"] * 2
    assert server.posts[-1].json == {
        "model": "test-model",
        "messages": [{"role": message.role, "content": message.content} for message in REQUEST.messages],
        "cache_prompt": True,
        "grammar": f"root ::= <[{IDS['go']}]> <[{IDS[' north']}]>",
        "logprobs": True,
        "top_logprobs": 1,
        "max_tokens": 2,
        "temperature": 0,
    }


def test_vllm_is_asked_with_the_choice_at_the_end_and_only_on_demand() -> None:
    with LoopbackServer(vllm) as server:
        play(server, REQUEST, scoring="likelihood")
    assert [call.json["messages"][-1] for call in server.posts[1:]] == [
        {"role": "assistant", "content": choice} for choice in CHOICES
    ]
    with LoopbackServer(chat_protocol("north", owner="vllm")) as server:
        [completion], player = play(server, REQUEST)
    assert (completion.text, len(server.posts)) == ("north", 1)
    assert player.identity["scoring"] == "generate"


def untold_prompt(call: Call) -> Answer:
    return chat_protocol("north", owner="vllm")(call)


def refused(call: Call) -> Answer:
    if call.method == "POST" and "prompt_logprobs" in call.json:
        return Answer(400, {"error": {"message": "extra fields: prompt_logprobs"}})
    return chat_protocol("north", owner="vllm")(call)


def without_tokenize(call: Call) -> Answer:
    return Answer(404, {}) if call.path == "/tokenize" else chat_protocol("north", owner="llamacpp")(call)


def without_token_grammars(call: Call) -> Answer:
    if call.method == "POST" and "<[" in call.json.get("grammar", ""):
        return Answer(400, {"error": {"message": "failed to parse grammar"}})
    answer = llama_cpp(call) if call.path == "/tokenize" else chat_protocol("north", owner="llamacpp")(call)
    return answer


@pytest.mark.parametrize("protocol", [untold_prompt, refused, without_tokenize, without_token_grammars])
def test_a_server_that_tells_none_is_found_out_once_and_said_so(protocol: Callable[[Call], Answer]) -> None:
    with LoopbackServer(protocol) as server:
        completions, player = play(server, REQUEST, replace(REQUEST, seed=8), scoring="likelihood")
    assert [completion.text for completion in completions] == ["north", "north"]
    assert sum("prompt_logprobs" in call.json or "<[" in call.json.get("grammar", "") for call in server.posts) <= 1
    assert player.handicaps[-1] == "choices are written, not scored: the server tells no likelihoods"
    assert player.identity["scoring"] == "generate"


def test_one_that_stops_telling_is_an_error_and_no_score() -> None:
    with LoopbackServer(vllm) as server, pytest.raises(PlayerFailure, match="tells no prompt_logprobs"):

        async def asked() -> None:
            player = OpenAI(base_url=f"{server.url}/v1", scoring="likelihood")
            player.transport = QUICK
            await player.start()
            server.next(Answer(content=chat_answer("north")))
            try:
                await player.complete([REQUEST])
            finally:
                await player.close()

        asyncio.run(asked())
