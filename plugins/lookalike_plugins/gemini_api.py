"""Google's Gemini through `google-genai`, for the player and the critic.

`google-genai` is the successor of `google-generativeai`, which its maker has ended; the Gemini 1.5 models that the
paper used are gone with it. The SDK's own retries stay off: calls are tried again, and limited, as the
suite does for all models.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lookalike_bench.engine.limiter import Limiter, shared_limiter
from lookalike_bench.engine.remote import Transient, Transport, Unanswered, persist, retry_after_seconds
from lookalike_bench.errors import LookalikeError, PluginError
from lookalike_bench.text import without_controls
from lookalike_bench.types import Usage

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

T = TypeVar("T")

DEFAULT_MODEL = "gemini-3.8-flash"
KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")


class GeminiError(LookalikeError):
    """Gemini could not answer, or would not: one line, with nothing secret in it. `code` is HTTP's, or 0."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class GeminiModel:
    """One model of Gemini's."""

    def __init__(self, model: str, base_url: str | None, key_env: str | None) -> None:
        """The key is in the environment variable `key_env`, else in GEMINI_API_KEY or GOOGLE_API_KEY; those two are
        not sent to another `base_url`. Raises PluginError."""
        if key_env is not None and not re.fullmatch(r"[A-Z][A-Z0-9_]*(KEY|TOKEN)", key_env):
            raise PluginError(f"gemini: key_env names an environment variable that ends in KEY or TOKEN: {key_env!r}")
        names = (key_env,) if key_env else (() if base_url else KEYS)
        self._key = next((os.environ[name] for name in names if os.environ.get(name)), "")
        if not self._key and not (base_url and key_env is None):
            raise PluginError(f"gemini: the environment variable {' or '.join(names)} with the key is not set")
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise PluginError(f"gemini: base_url must begin with http:// or https://, got {base_url!r}")
        self.model = model
        self.base_url = base_url
        self.transport = Transport()
        self._client: genai.Client | None = None
        self._limiter: Limiter | None = None

    def __repr__(self) -> str:
        return f"GeminiModel({self.model!r})"

    async def open(self, transport: Transport) -> None:
        """Make the client; nothing is sent yet."""
        if self._client is not None:
            return
        try:
            from google import genai
            from google.genai import types
        except ImportError as error:
            raise PluginError(f"gemini: the extra is not installed (lookalike-bench[gemini]): {error}") from None
        self.transport = transport
        options = types.HttpOptions(base_url=self.base_url, timeout=int(transport.timeout * 1000))
        self._client = genai.Client(api_key=self._key or "none", http_options=options, vertexai=False)
        self._limiter = shared_limiter(f"gemini {self.base_url} {self.model}", transport.max_connections)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aio.aclose()
            self._client.close()
            self._client = None

    @property
    def api(self) -> Any:
        """The SDK's asynchronous interface."""
        if self._client is None:
            raise GeminiError("gemini: not connected")
        return self._client.aio

    async def call(self, send: Callable[[], Awaitable[T]]) -> T:
        """One call of the SDK's, tried again where that may help. Raises GeminiError."""

        async def translated() -> T:
            try:
                return await send()
            except Exception as error:
                raise self._failure(error) from None

        assert self._limiter is not None
        try:
            return await persist(translated, self._limiter, self.transport)
        except Unanswered as error:
            raise GeminiError(f"{self.model}: {self._clean(str(error))}") from None

    async def generate(self, contents: Any, config: types.GenerateContentConfig) -> tuple[str, Usage, str]:
        """Text, tokens and the model's full name. Raises GeminiError for a refusal or an empty answer."""

        async def send() -> tuple[str, Usage, str]:
            response = await self.api.models.generate_content(model=self.model, contents=contents, config=config)
            return self._text(response), _usage(response.usage_metadata), response.model_version or self.model

        return await self.call(send)

    def _text(self, response: Any) -> str:
        blocked = response.prompt_feedback and response.prompt_feedback.block_reason
        if blocked:
            raise GeminiError(f"{self.model} refuses: the prompt was blocked ({_name(blocked)})")
        candidate = response.candidates[0] if response.candidates else None
        if candidate is None:
            raise Transient("the answer holds no candidate")
        parts = (candidate.content.parts if candidate.content else None) or []
        text = "".join(part.text for part in parts if part.text and not part.thought)
        finish = _name(candidate.finish_reason)
        if finish in ("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION"):
            raise GeminiError(f"{self.model} refuses: {finish}")
        if not text.strip():
            if finish == "MAX_TOKENS":
                raise GeminiError(f"{self.model} used all its tokens to think: raise max_tokens")
            raise Transient("the answer is empty")
        return text

    def _failure(self, error: Exception) -> Exception:
        """What an exception of the SDK's means."""
        from google.genai import errors

        if isinstance(error, (Transient, GeminiError)):
            return error
        if isinstance(error, errors.APIError):
            code = error.code or 0
            line = self._clean(f"HTTP {code}: {error.message or error.status or 'no message'}")
            if code == 429:
                return Transient(line, rate_limited=True, retry_after=_retry_after(error))
            if code == 408 or code >= 500:
                return Transient(line, retry_after=_retry_after(error))
            return GeminiError(f"{self.model}: {line}", code)
        name = type(error).__name__
        if isinstance(error, (OSError, ValueError)) or type(error).__module__.split(".")[0] in (
            "httpx", "httpx2", "httpcore", "aiohttp",
        ):  # fmt: skip
            # The SDK lets through what its HTTP client and JSON parser raise.
            return Transient(self._clean(f"the call failed: {str(error) or name}"))
        return GeminiError(f"{self.model}: {self._clean(f'{name}: {error}')}")

    def _clean(self, text: str) -> str:
        text = text.replace(self._key, "***") if self._key else text
        text = without_controls(text).strip()
        return text if len(text) <= 300 else f"{text[:297]}..."


def _name(value: Any) -> str:
    return str(getattr(value, "name", value) or "")


def _usage(usage: Any) -> Usage:
    """Thinking is paid as output."""
    if usage is None:
        return Usage()
    written = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return Usage(usage.prompt_token_count or 0, usage.cached_content_token_count or 0, written)


def _retry_after(error: Any) -> float | None:
    """From the header, or from the RetryInfo that Google puts into the error's body."""
    headers = getattr(error.response, "headers", None)
    if headers is not None and (seconds := retry_after_seconds(headers.get("retry-after"))) is not None:
        return seconds
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error")
    details = inner.get("details") if isinstance(inner, dict) else None
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("RetryInfo"):
            return retry_after_seconds(str(detail.get("retryDelay", "")).removesuffix("s"))
    return None
