"""A server that speaks OpenAI's chat protocol: OpenAI itself, vLLM, SGLang, llama.cpp, Ollama, LM Studio, ...

    server = ChatServer("http://127.0.0.1:8000/v1", model="qwen2.5-7b-instruct")
    await server.open()                   # learns which server it is, and that it has the model
    reply = await server.chat(encode_messages(messages), {"temperature": 0.7, "seed": 1, "max_tokens": 24})
    reply.text, reply.usage

The protocol is https://platform.openai.com/docs/api-reference/chat. Requests are put together from bytes that
were encoded once for each message: a conversation of hundreds of messages only grows at its end, and the
official client took 28 ms to send 200 messages where this takes 1.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from lookalike_bench.engine.limiter import Limiter, shared_limiter
from lookalike_bench.engine.remembered import Remembered
from lookalike_bench.engine.remote import Transient, Transport, Unanswered, persist, retry_after_seconds
from lookalike_bench.errors import LookalikeError, PluginError
from lookalike_bench.text import did_you_mean, without_controls
from lookalike_bench.types import Message, Usage

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

OPENAI = "https://api.openai.com/v1"
LARGEST_ANSWER = 16 * 2**20
"""Bytes; no chat answer is longer, and a hostile one must not fill the memory."""

KNOWN_SERVERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp", "llama.cpp": "llama.cpp"}
"""What a server's list of models says in `owned_by`, by the name that is used here."""


class ServerError(LookalikeError):
    """The server could not answer, or would not: one line, with nothing secret in it."""


class Refusal(ServerError):
    """The model declined to answer."""


class BadRequest(ServerError):
    """The server does not accept something that it was sent (400, 422): some do not know every field."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer; `raw` is all that the server sent."""

    text: str
    usage: Usage
    model: str
    raw: Mapping[str, Any]


_encoded = Remembered(lambda message: json.dumps({"role": message.role, "content": message.content}).encode())


def encode_messages(messages: Iterable[Message]) -> bytes:
    """The messages as a JSON array."""
    return b"[" + b",".join(_encoded.of(messages)) + b"]"


class ChatServer:
    """One model of one server."""

    def __init__(self, base_url: str | None, model: str | None, key_env: str | None = None) -> None:
        """`key_env` names the environment variable with the key. Without it, OPENAI_API_KEY is used, but only
        for OpenAI itself or the server that OPENAI_BASE_URL names: a task file that somebody else wrote
        must not send the key to a server of its own. Raises PluginError."""
        named = os.environ.get("OPENAI_BASE_URL")
        self.base_url = (base_url or named or OPENAI).rstrip("/")
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PluginError(f"openai: base_url must begin with http:// or https://, got {self.base_url!r}")
        if parts.username or parts.password:
            raise PluginError("openai: base_url must not contain a password; name its variable with key_env")
        if key_env is not None and not re.fullmatch(r"[A-Z][A-Z0-9_]*(KEY|TOKEN)", key_env):
            raise PluginError(f"openai: key_env names an environment variable that ends in KEY or TOKEN: {key_env!r}")
        own = self.base_url in (OPENAI, (named or OPENAI).rstrip("/"))
        self.key_env = key_env or ("OPENAI_API_KEY" if own else "")
        self._key = os.environ.get(self.key_env, "") if self.key_env else ""
        if not self._key and (key_env or self.base_url == OPENAI):
            raise PluginError(f"openai: the environment variable {self.key_env} with the server's key is not set")
        self.model = model or ""
        self.kind = ""
        self.transport = Transport()
        self._session: aiohttp.ClientSession | None = None
        self._limiter: Limiter | None = None
        self._tokens: dict[str, list[int]] = {}

    def __repr__(self) -> str:
        return f"ChatServer({self.base_url!r}, {self.model!r})"

    async def open(self, transport: Transport) -> None:
        """Connect, and learn from the list of models which server it is. Raises ServerError."""
        import aiohttp

        self.transport = transport
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=True,
            trust_env=True,
        )
        self._limiter = Limiter(transport.max_connections)
        try:
            listed = await self._call("GET", f"{self.base_url}/models", None)
        except BadRequest:
            listed = {}
        models = listed.get("data")
        known = [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
        names = [str(model.get("id", "")) for model in known]
        if not self.model and len(names) == 1:
            self.model = names[0]
        if not self.model:
            raise PluginError(f"openai: name the model: {self.base_url} has {', '.join(names[:8]) or 'an empty list'}")
        owners = {str(model.get("owned_by", "")).lower() for model in known}
        self.kind = next((KNOWN_SERVERS[owner] for owner in owners if owner in KNOWN_SERVERS), "")
        # llama.cpp serves its one model under any name; others say 404 for a name that they do not have.
        if names and self.model not in names and self.kind not in ("llama.cpp", ""):
            hint = did_you_mean(self.model, names)
            raise PluginError(f"openai: {self.base_url} has no {self.model!r}{hint} (it has {', '.join(names[:8])})")
        self._limiter = shared_limiter(f"{self.base_url} {self.model}", transport.max_connections)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def chat(self, messages: bytes, options: Mapping[str, Any]) -> Reply:
        """One answer to a conversation that `encode_messages` encoded; `options` are the body's other fields.
        Raises BadRequest for what the server does not accept, Refusal, or ServerError."""
        body = self._body(messages, options)

        async def send() -> Reply:
            return self._reply(await self._exchange("POST", f"{self.base_url}/chat/completions", body))

        return await self._persist(send)

    async def ask(self, messages: bytes, options: Mapping[str, Any]) -> dict[str, Any]:
        """As `chat`, but whatever was answered, its text or not: for who wants to know something else."""
        return await self._call("POST", f"{self.base_url}/chat/completions", self._body(messages, options))

    async def tokens(self, text: str) -> list[int]:
        """The ids that the model reads a text as; from llama.cpp, which tells them beside the protocol.
        Raises BadRequest where the server does not."""
        if text not in self._tokens:
            body = json.dumps({"content": text}).encode()
            told = (await self._call("POST", f"{self.base_url.removesuffix('/v1')}/tokenize", body)).get("tokens")
            if not isinstance(told, list) or not told or not all(isinstance(token, int) for token in told):
                raise BadRequest(f"{self.base_url} does not tell the tokens of a text")
            self._tokens[text] = told
        return self._tokens[text]

    def _body(self, messages: bytes, options: Mapping[str, Any]) -> bytes:
        rest = json.dumps({name: value for name, value in options.items() if value is not None})
        model = json.dumps(self.model).encode()
        return b'{"model":%s,"messages":%s%s' % (model, messages, b"," + rest[1:].encode() if len(rest) > 2 else b"}")

    async def _call(self, method: str, url: str, body: bytes | None) -> dict[str, Any]:
        async def send() -> dict[str, Any]:
            return await self._exchange(method, url, body)

        return await self._persist(send)

    async def _persist(self, send: Callable[[], Awaitable[T]]) -> T:
        if self._limiter is None:
            raise ServerError(f"{self.base_url}: not connected")
        try:
            return await persist(send, self._limiter, self.transport)
        except Unanswered as error:
            raise ServerError(f"{self.base_url}: {self._clean(str(error))}") from None

    async def _exchange(self, method: str, url: str, body: bytes | None) -> dict[str, Any]:
        """One request and its answer. Raises Transient for what may pass."""
        import aiohttp

        assert self._session is not None
        try:
            async with self._session.request(method, url, data=body, allow_redirects=False) as response:
                content = b""
                async for chunk in response.content.iter_any():
                    content = content + chunk if content else chunk
                    if len(content) > LARGEST_ANSWER:
                        raise ServerError(f"{self.base_url}: the answer is longer than {LARGEST_ANSWER >> 20} MB")
                status, headers = response.status, response.headers
        except (aiohttp.ClientError, OSError) as error:
            raise Transient(f"the connection failed: {str(error) or type(error).__name__}") from None
        if status == 200:
            return _json_object(content)
        raise self._failure(status, content, retry_after_seconds(headers.get("Retry-After")))

    def _failure(self, status: int, content: bytes, retry_after: float | None) -> Exception:
        """What a status other than 200 means."""
        said, code = _error_message(content)
        line = self._clean(f"HTTP {status}{': ' + said if said else ''}")
        if status == 429 and code != "insufficient_quota":
            return Transient(line, rate_limited=True, retry_after=retry_after)
        if status in (408, 409, 425) or status >= 500:
            return Transient(line, retry_after=retry_after)
        if status in (400, 404, 405, 422):
            return BadRequest(f"{self.base_url}: {line}")
        if status in (401, 403):
            sent = f"the key in {self.key_env}" if self._key else "a call without a key (name its variable in key_env)"
            return ServerError(f"{self.base_url} does not accept {sent}: {line}")
        return ServerError(f"{self.base_url}: {line}")

    def _reply(self, answer: Mapping[str, Any]) -> Reply:
        """The answer's text and what it took. Raises Refusal, or Transient for an answer that is none."""
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
        if choice is None:
            raise Transient("the answer holds no choice")
        message = choice.get("message")
        message = message if isinstance(message, dict) else {}
        finish = str(choice.get("finish_reason") or "")
        if message.get("refusal") or finish == "content_filter":
            said = str(message.get("refusal") or "its content filter")
            raise Refusal(f"{self.base_url}: {self.model} refuses: {self._clean(said)}")
        text = message.get("content")
        if not isinstance(text, str) or not text.strip():
            if finish == "length":
                raise ServerError(
                    f"{self.base_url}: {self.model} used all its tokens before it answered: raise max_tokens "
                    "(a model that reasons needs thousands)"
                )
            raise Transient("the answer is empty")
        return Reply(text, read_usage(answer.get("usage")), str(answer.get("model") or self.model), answer)

    def _clean(self, text: str) -> str:
        """One short line without control characters, and without the key should a server repeat it."""
        text = text.replace(self._key, "***") if self._key else text
        text = without_controls(text).strip()
        return text if len(text) <= 300 else f"{text[:297]}..."


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        raise Transient("the answer is not JSON") from None
    if not isinstance(answer, dict):
        raise Transient("the answer is not a JSON object")
    return answer


def _error_message(content: bytes) -> tuple[str, str]:
    """What a server says of an error, and its code; the forms of the servers differ."""
    try:
        answer = json.loads(content)
    except ValueError:
        return content[:200].decode("utf-8", "replace"), ""
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    if isinstance(error, dict):
        return str(error.get("message") or error.get("detail") or ""), str(error.get("code") or "")
    return str(error), ""


def read_usage(usage: Any) -> Usage:
    """What a call took, as the server tells it."""
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(_count(usage.get("prompt_tokens")), _count(cached), _count(usage.get("completion_tokens")))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
