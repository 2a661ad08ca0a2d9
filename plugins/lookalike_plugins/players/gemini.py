"""A player behind Google's Gemini.

    lookalike-bench run tasks/zork.yaml --player gemini:model=gemini-3.8-flash

A choice among actions, or an action made of a vocabulary, is held to it by a response schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lookalike_bench.engine.remote import RemoteModel, together
from lookalike_bench.episodes.prompts import read_action
from lookalike_bench.errors import PlayerFailure
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Message, Request

from lookalike_plugins.gemini_api import DEFAULT_MODEL, GeminiError, GeminiModel
from lookalike_plugins.players.choices import action_schema, action_text, find_choice


class Gemini(RemoteModel, Player):
    """Asks `model`. `max_tokens` bounds an answer, thinking included; `thinking` is how many tokens it may think
    (0: none, where the model allows that), else the model's own default. `key_env` names the environment variable
    with the key (by default GEMINI_API_KEY or GOOGLE_API_KEY)."""

    deterministic = False
    concurrency = 64
    handicaps = ("the server holds answers to the list: response schema",)

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        max_tokens: int = 2000,
        thinking: int | None = None,
        base_url: str | None = None,
        key_env: str | None = None,
    ) -> None:
        self.gemini = GeminiModel(model, base_url, key_env)
        self.max_tokens = max_tokens
        self.thinking = thinking

    @property
    def model(self) -> str:
        return self.gemini.model

    @property
    def identity(self) -> dict[str, object]:
        return {
            "player": "gemini",
            "base_url": self.gemini.base_url,
            "model": self.model,
            "max_tokens": self.max_tokens,
            "thinking": self.thinking,
        }

    async def start(self) -> None:
        await self.gemini.open(self.transport)

    async def close(self) -> None:
        await self.gemini.close()

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await together([self._complete(request) for request in requests])

    async def _complete(self, request: Request) -> Completion:
        try:
            text, usage, model = await self.gemini.generate(*self._question(request, request.messages))
            action = action_text(text)
            if request.choices:
                choice = find_choice(action, request.choices)
                if choice is None:
                    correction = Message("user", "Answer with exactly one of these:\n" + "\n".join(request.choices))
                    messages = (*request.messages, Message("assistant", text), correction)
                    text, more, model = await self.gemini.generate(*self._question(request, messages))
                    usage += more
                    choice = find_choice(action_text(text), request.choices) or read_action(action_text(text))
                action = choice
            return Completion(action, usage, model=model)
        except GeminiError as error:
            raise PlayerFailure(str(error)) from None

    def _question(self, request: Request, messages: Sequence[Message]) -> tuple[Any, Any]:
        """Contents and configuration in the SDK's form."""
        from google.genai import types

        held = request.choices or request.vocabulary
        schema = action_schema(request.choices, request.vocabulary) if held else None
        config = types.GenerateContentConfig(
            system_instruction="\n\n".join(message.content for message in messages if message.role == "system") or None,
            temperature=min(request.temperature, 2.0),
            seed=request.seed,
            max_output_tokens=self.max_tokens,
            response_mime_type="application/json" if schema else None,
            response_json_schema=schema,
            thinking_config=None if self.thinking is None else types.ThinkingConfig(thinking_budget=self.thinking),
        )
        contents = [
            types.Content(
                role="model" if message.role == "assistant" else "user", parts=[types.Part(text=message.content)]
            )
            for message in messages
            if message.role != "system"
        ]
        return contents, config
