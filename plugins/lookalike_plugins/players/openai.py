"""A player behind any server that speaks OpenAI's chat protocol.

    lookalike-bench run tasks/zork.yaml --player openai:base_url=http://127.0.0.1:8000/v1,model=qwen2.5-7b-instruct

A choice among actions is held to the list by the server where it can do that: vLLM and SGLang by structured
outputs, llama.cpp by a grammar, others by a JSON schema. Where it cannot, the answer is read as text, and asked
for once more if it is not in the list; what is then still not in it is played as it was written.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal, get_args

from lookalike_bench.engine.remote import RemoteModel
from lookalike_bench.episodes.prompts import read_action
from lookalike_bench.errors import PlayerFailure, PluginError
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Message, Request

from lookalike_plugins.openai_server import BadRequest, ChatServer, Reply, ServerError, encode_messages
from lookalike_plugins.players.choices import WORDS, action_schema, action_text, find_choice

Constraint = Literal["structured_outputs", "regex", "grammar", "json_schema", "none"]
CONSTRAINT_OF_SERVER: dict[str, Constraint] = {
    "vllm": "structured_outputs",
    "sglang": "regex",
    "llama.cpp": "grammar",
}
JSON_TOKENS = 16
"""What the braces and quotes of a JSON answer take on top of the action."""


class OpenAI(RemoteModel, Player):
    """Asks `model` at `base_url` (by default OpenAI, or OPENAI_BASE_URL).

    `key_env` names the environment variable with the key. `constraint` says how an answer is held to a list:
    `auto`, or one of structured_outputs, regex, grammar, json_schema, none. `max_tokens` replaces the suite's
    24 (reasoning models need thousands). `body` adds fields to every request: `{reasoning_effort: low}`; a
    field that is null is left out: `{seed: null}`.
    """

    # The same seed gives the same answer on most servers, but only some promise it.
    deterministic = False
    concurrency = 64

    def __init__(
        self,
        model: str | None = None,
        base_url: str | None = None,
        key_env: str | None = None,
        constraint: str = "auto",
        max_tokens: int | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        if constraint not in ("auto", *get_args(Constraint)):
            raise PluginError(
                f"player openai: constraint is one of auto, {', '.join(get_args(Constraint))}, got {constraint!r}"
            )
        self.server = ChatServer(base_url, model, key_env)
        self.constraint = constraint
        self.max_tokens = max_tokens
        self.body = dict(body or {})
        self._constraint: Constraint = "none"
        self._tokens_field = "max_tokens"

    @property
    def model(self) -> str:
        # llama.cpp calls a model by its file: where that lies is nobody's business.
        return PurePath(self.server.model).name if self.server.model.startswith("/") else self.server.model

    @property
    def identity(self) -> dict[str, object]:
        return {
            "player": "openai",
            "base_url": self.server.base_url,
            "model": self.server.model,
            "constraint": self.constraint,
            "max_tokens": self.max_tokens,
            "body": self.body,
        }

    @property
    def handicaps(self) -> tuple[str, ...]:
        return () if self._constraint == "none" else (f"the server holds answers to the list: {self._constraint}",)

    async def start(self) -> None:
        try:
            await self.server.open(self.transport)
        except ServerError as error:
            raise PlayerFailure(str(error)) from None
        self._constraint = (
            CONSTRAINT_OF_SERVER.get(self.server.kind, "json_schema") if self.constraint == "auto" else self.constraint  # type: ignore[assignment]
        )

    async def close(self) -> None:
        await self.server.close()

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        if len(requests) == 1:
            return [await self._complete(requests[0])]
        completions = await asyncio.gather(*map(self._complete, requests), return_exceptions=True)
        # All have ended, one way or the other, before the first failure is told.
        for completion in completions:
            if isinstance(completion, BaseException):
                raise completion
        return [completion for completion in completions if isinstance(completion, Completion)]

    async def _complete(self, request: Request) -> Completion:
        try:
            reply = await self._ask(request, request.messages)
            text = action_text(reply.text)
            if not request.choices:
                return Completion(text.strip(), reply.usage, model=reply.model)
            usage = reply.usage
            choice = find_choice(text, request.choices)
            if choice is None:
                # One repair: it sees what it wrote, and what it may write.
                correction = Message("user", "Answer with exactly one of these:\n" + "\n".join(request.choices))
                reply = await self._ask(request, (*request.messages, Message("assistant", text), correction))
                usage += reply.usage
                text = action_text(reply.text)
                choice = find_choice(text, request.choices) or read_action(text)
            return Completion(choice, usage, model=reply.model)
        except ServerError as error:
            raise PlayerFailure(str(error)) from None

    async def _ask(self, request: Request, messages: Sequence[Message]) -> Reply:
        """Ask, and if the server does not know one of the fields, ask in the next best way. What worked is kept."""
        encoded = encode_messages(messages)
        constraint, tokens_field = self._constraint, self._tokens_field
        while True:
            try:
                reply = await self.server.chat(encoded, self._options(request, constraint, tokens_field))
            except BadRequest as error:
                if tokens_field == "max_tokens" and "max_completion_tokens" in str(error):
                    tokens_field = "max_completion_tokens"
                elif self.constraint == "auto" and constraint != "none" and (request.choices or request.vocabulary):
                    constraint = "none" if constraint == "json_schema" else "json_schema"
                else:
                    raise
            else:
                self._constraint, self._tokens_field = constraint, tokens_field
                return reply

    def _options(self, request: Request, constraint: Constraint, tokens_field: str) -> dict[str, Any]:
        """The fields of the body besides model and messages."""
        held = hold(constraint, request.choices, request.vocabulary)
        tokens = self.max_tokens or request.max_tokens + (JSON_TOKENS if "response_format" in held else 0)
        return {"temperature": request.temperature, "seed": request.seed, tokens_field: tokens, **held, **self.body}


def hold(constraint: Constraint, choices: Sequence[str], vocabulary: Sequence[str]) -> dict[str, Any]:
    """The fields that hold an answer to a list of choices, or to a few words of a vocabulary."""
    if constraint == "none" or not (choices or vocabulary):
        return {}
    if constraint == "structured_outputs":
        return {"structured_outputs": {"choice": list(choices)} if choices else {"regex": _regex((), vocabulary)}}
    if constraint == "regex":
        return {"regex": _regex(choices, vocabulary)}
    if constraint == "grammar":
        return {"grammar": _grammar(choices, vocabulary)}
    schema = action_schema(choices, vocabulary)
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "action", "strict": True, "schema": schema}}
    }


def _regex(choices: Sequence[str], vocabulary: Sequence[str]) -> str:
    words = "|".join(map(re.escape, choices or vocabulary))
    return f"({words})" if choices else f"({words})( ({words})){{0,{WORDS - 1}}}"


def _grammar(choices: Sequence[str], vocabulary: Sequence[str]) -> str:
    """GBNF, the grammar format of llama.cpp."""
    words = " | ".join(json.dumps(word, ensure_ascii=False) for word in choices or vocabulary)
    return f"root ::= {words}" if choices else f'root ::= word (" " word){{0,{WORDS - 1}}}\nword ::= {words}'
