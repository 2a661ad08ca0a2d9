"""How likely a server's model finds an answer, from the log-probabilities of tokens that the server tells.

    written(reply.raw, "go north")                        # of an answer that the model wrote
    await SCORERS["llama.cpp"](server, messages, "go north", {})    # of one that it need not have written

The second is what a choice is scored by. No server takes a list of answers to score, so each has its way:

- vLLM tells the log-probabilities of a prompt, and so of a choice that ends it (`prompt_logprobs`, with
  `continue_final_message`). It reads the whole prompt anew for each choice.
- llama.cpp tells how likely a token was before a grammar held it. A grammar of a choice's tokens, in its own
  spelling, thus has the choice written and its likelihood told; the prompt is read once.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike_bench.types import Message, Usage
from pydantic import BaseModel, Field, ValidationError

from lookalike_plugins.openai_server import BadRequest, ChatServer, ServerError, encode_messages, read_usage


class Untold(ServerError):
    """The server does not tell likelihoods: it refuses what asks for them, or answers without them."""


@dataclass(frozen=True, slots=True)
class Score:
    """A choice's mean log-likelihood, and what it took to know it."""

    likelihood: float
    usage: Usage


Scorer = Callable[[ChatServer, Sequence[Message], str, Mapping[str, Any]], Awaitable[Score]]
"""(server, messages, choice, further fields of the body) -> score. Raises Untold, or ServerError."""


class WrittenToken(BaseModel):
    """A token of an answer, as OpenAI's protocol has it in `logprobs.content`."""

    token: str
    logprob: float = Field(allow_inf_nan=False)
    code: list[int] | None = Field(default=None, alias="bytes")

    @property
    def spelled(self) -> bytes:
        # A token may be a part of a letter, which only its bytes can say.
        return bytes(byte & 255 for byte in self.code) if self.code is not None else self.token.encode()


class WrittenTokens(BaseModel):
    content: list[WrittenToken]


class PromptToken(BaseModel):
    logprob: float = Field(allow_inf_nan=False)
    decoded_token: str


class PromptTokens(BaseModel):
    """What vLLM tells of a prompt: for each token but the first, its log-probability by its id."""

    prompt_logprobs: list[dict[str, PromptToken] | None]


def written(answer: Mapping[str, Any], text: str) -> float | None:
    """The mean log-probability of the tokens that spell `text` in an answer; None where the server does not tell."""
    tokens = _tokens(answer)
    sought = text.encode("utf-8", "replace").lower()
    begin = b"".join(token.spelled for token in tokens).lower().rfind(sought)
    if not sought or begin < 0:
        return None
    found, at = [], 0
    for token in tokens:
        after = at + len(token.spelled)
        if at < begin + len(sought) and after > max(begin, at):
            found.append(token.logprob)
        at = after
    return math.fsum(found) / len(found)


async def in_prompt(server: ChatServer, messages: Sequence[Message], choice: str, body: Mapping[str, Any]) -> Score:
    """vLLM: the choice is the end of the prompt. https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"""
    fields = {"prompt_logprobs": 0, "add_generation_prompt": False, "continue_final_message": True, "max_tokens": 1}
    answer = await _asked(server, [*messages, Message("assistant", choice)], {"temperature": 0, **body, **fields})
    try:
        prompt = PromptTokens.model_validate(answer).prompt_logprobs
    except ValidationError:
        raise Untold(f"{server.base_url} tells no prompt_logprobs") from None
    spelled, found = "", []
    for told in reversed(prompt):
        token = next(iter((told or {}).values()), None)
        if token is None or len(spelled.strip()) > len(choice):
            break
        spelled = token.decoded_token + spelled
        found.append(token.logprob)
        if spelled.strip() == choice.strip():
            return Score(math.fsum(found) / len(found), read_usage(answer.get("usage")))
    raise Untold(f"{server.base_url}: the prompt whose likelihood is told does not end with {choice!r}")


async def held(server: ChatServer, messages: Sequence[Message], choice: str, body: Mapping[str, Any]) -> Score:
    """llama.cpp: the choice is all that may be written. https://github.com/ggml-org/llama.cpp/blob/master/grammars"""
    try:
        tokens = await server.tokens(choice)
    except BadRequest as error:
        raise Untold(str(error)) from None
    grammar = "root ::= " + " ".join(f"<[{token}]>" for token in tokens)
    fields = {"grammar": grammar, "logprobs": True, "top_logprobs": 1, "max_tokens": len(tokens)}
    answer = await _asked(server, messages, {**body, **fields, "temperature": 0})
    told = _tokens(answer)
    if b"".join(token.spelled for token in told) != choice.encode():
        raise Untold(f"{server.base_url} does not tell how likely {choice!r} is")
    return Score(math.fsum(token.logprob for token in told) / len(told), read_usage(answer.get("usage")))


SCORERS: dict[str, Scorer] = {"vllm": in_prompt, "llama.cpp": held}
"""By the kind of the server."""


async def _asked(server: ChatServer, messages: Sequence[Message], fields: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return await server.ask(encode_messages(messages), fields)
    except BadRequest as error:
        raise Untold(str(error)) from None


def _tokens(answer: Mapping[str, Any]) -> list[WrittenToken]:
    """The tokens of an answer's first choice; none where the server does not tell them."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    try:
        return WrittenTokens.model_validate(choice.get("logprobs") if isinstance(choice, dict) else None).content
    except ValidationError:
        return []
