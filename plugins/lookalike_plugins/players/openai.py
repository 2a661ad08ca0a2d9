"""A player behind any server that speaks OpenAI's chat protocol.

    lookalike-bench run tasks/zork.yaml --player openai:base_url=http://127.0.0.1:8000/v1,model=qwen2.5-7b-instruct

A choice among actions is held to the list by the server where it can do that: vLLM and SGLang by structured
outputs, llama.cpp by a grammar, others by a JSON schema. Where it cannot, the answer is read as text, and asked
for once more if it is not in the list; what is then still not in it is played as it was written. The answer's
log-probability is recorded where the server tells it.

Or every choice is scored by its likelihood, as the players on this machine do (likelihoods.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal, get_args

from lookalike_bench.engine.remote import RemoteModel, together
from lookalike_bench.episodes.prompts import read_action
from lookalike_bench.errors import PlayerFailure, PluginError
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Message, Request, Usage

from lookalike_plugins.openai_server import BadRequest, ChatServer, Reply, ServerError, encode_messages
from lookalike_plugins.players.choices import WORDS, action_schema, action_text, find_choice
from lookalike_plugins.players.likelihoods import SCORERS, Scorer, Untold, held, written

Scoring = Literal["auto", "generate", "likelihood"]
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

    `key_env` names the environment variable with the key. `scoring` says how a choice is made: `likelihood` scores
    each, `generate` has the answer written, and `auto` scores where the server does not read the prompt anew for it
    (llama.cpp). `constraint` says how a written answer is held to a list: `auto`, or one of structured_outputs,
    regex, grammar, json_schema, none. `max_tokens` replaces the suite's
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
        scoring: str = "auto",
        constraint: str = "auto",
        max_tokens: int | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        for name, value, known in (
            ("scoring", scoring, get_args(Scoring)),
            ("constraint", constraint, ("auto", *get_args(Constraint))),
        ):
            if value not in known:
                raise PluginError(f"player openai: {name} is one of {', '.join(known)}, got {value!r}")
        self.server = ChatServer(base_url, model, key_env)
        self.scoring = scoring
        self.constraint = constraint
        self.max_tokens = max_tokens
        self.body = dict(body or {})
        self._constraint: Constraint = "none"
        self._tokens_field = "max_tokens"
        self._logprobs = True
        self._scorer: Scorer | None = None

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
            "scoring": "likelihood" if self._scorer else "generate",
            "constraint": self.constraint,
            "max_tokens": self.max_tokens,
            "body": self.body,
        }

    @property
    def handicaps(self) -> tuple[str, ...]:
        if self._scorer:
            return (f"choices are scored by the server's likelihoods; it holds a vocabulary by: {self._constraint}",)
        held_by = () if self._constraint == "none" else (f"the server holds answers to the list: {self._constraint}",)
        untold = ("choices are written, not scored: the server tells no likelihoods",)
        return (*held_by, *(untold if self.scoring == "likelihood" else ()))

    async def start(self) -> None:
        try:
            await self.server.open(self.transport)
            self._scorer = await self._find_scorer()
        except ServerError as error:
            raise PlayerFailure(str(error)) from None
        self._constraint = (
            CONSTRAINT_OF_SERVER.get(self.server.kind, "json_schema") if self.constraint == "auto" else self.constraint  # type: ignore[assignment]
        )

    async def _find_scorer(self) -> Scorer | None:
        """How choices are scored; None where they are not, or where a first question shows that they cannot be."""
        scorer = SCORERS.get(self.server.kind)
        if scorer is None or self.scoring == "generate" or (self.scoring == "auto" and scorer is not held):
            return None
        try:
            await scorer(self.server, [Message("user", "Shall we begin?")], "yes", self.body)
        except Untold:
            return None
        return scorer

    async def close(self) -> None:
        await self.server.close()

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await together([self._complete(request) for request in requests])

    async def _complete(self, request: Request) -> Completion:
        try:
            if request.choices and self._scorer:
                return await self._choose(request, self._scorer)
            reply = await self._ask(request, request.messages)
            text = action_text(reply.text)
            if not request.choices:
                return Completion(text.strip(), reply.usage, _likelihood(reply, text.strip()), reply.model)
            usage = reply.usage
            choice = find_choice(text, request.choices)
            if choice is None:
                # One repair: it sees what it wrote, and what it may write.
                correction = Message("user", "Answer with exactly one of these:\n" + "\n".join(request.choices))
                reply = await self._ask(request, (*request.messages, Message("assistant", text), correction))
                usage += reply.usage
                text = action_text(reply.text)
                choice = find_choice(text, request.choices) or read_action(text)
            return Completion(choice, usage, _likelihood(reply, choice), reply.model)
        except ServerError as error:
            raise PlayerFailure(str(error)) from None

    async def _choose(self, request: Request, scorer: Scorer) -> Completion:
        """One of the choices, drawn by the mean log-likelihood of each as the assistant's next turn."""
        import numpy as np

        from lookalike_plugins.players.decoding import draw

        # One after the other: a server that keeps what it has read of a prompt is then sure to use it.
        scores = [await scorer(self.server, request.messages, choice, self.body) for choice in request.choices]
        likelihoods = [score.likelihood for score in scores]
        chosen = draw(np.array(likelihoods), request.temperature, np.random.default_rng(request.seed))
        usage = sum((score.usage for score in scores), Usage())
        return Completion(request.choices[chosen], usage, tuple(likelihoods), self.model)

    async def _ask(self, request: Request, messages: Sequence[Message]) -> Reply:
        """Ask, and if the server does not know one of the fields, ask in the next best way. What worked is kept."""
        encoded = encode_messages(messages)
        constraint, tokens_field, logprobs = self._constraint, self._tokens_field, self._logprobs
        while True:
            try:
                reply = await self.server.chat(encoded, self._options(request, constraint, tokens_field, logprobs))
            except BadRequest as error:
                if tokens_field == "max_tokens" and "max_completion_tokens" in str(error):
                    tokens_field = "max_completion_tokens"
                elif logprobs and "logprobs" in str(error):
                    logprobs = False
                elif self.constraint == "auto" and constraint != "none" and (request.choices or request.vocabulary):
                    constraint = "none" if constraint == "json_schema" else "json_schema"
                else:
                    raise
            else:
                self._constraint, self._tokens_field, self._logprobs = constraint, tokens_field, logprobs
                return reply

    def _options(self, request: Request, constraint: Constraint, tokens_field: str, logprobs: bool) -> dict[str, Any]:
        """The fields of the body besides model and messages."""
        held_to = hold(constraint, request.choices, request.vocabulary)
        tokens = self.max_tokens or request.max_tokens + (JSON_TOKENS if "response_format" in held_to else 0)
        sampling = {"temperature": request.temperature, "seed": request.seed, tokens_field: tokens}
        return {**sampling, "logprobs": logprobs or None, **held_to, **self.body}


def _likelihood(reply: Reply, text: str) -> tuple[float, ...]:
    """The mean log-probability of what was written, alone; nothing where the server does not tell it."""
    told = written(reply.raw, text)
    return () if told is None else (told,)


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
