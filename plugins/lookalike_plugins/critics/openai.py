"""A critic behind any server that speaks OpenAI's chat protocol and whose model can see.

    critic: {plugin: openai, base_url: http://127.0.0.1:8000/v1, model: qwen3-vl-8b}

vLLM takes videos whole (`video_url`); other servers are shown the frames where the picture changed. The outline is
asked for by a JSON schema, and where a server knows none, by words.
"""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookalike_bench.errors import CriticFailure
from lookalike_bench.videos.frames import VideoFrame
from lookalike_bench.videos.video import Video

from lookalike_plugins.critics.clips import encode_picture, is_whole, write_clip
from lookalike_plugins.critics.model_critic import Answered, ModelCritic, Part
from lookalike_plugins.openai_server import BadRequest, ChatServer, ServerError


class OpenAI(ModelCritic):
    """Asks `model` at `base_url` (by default OpenAI, or OPENAI_BASE_URL).

    `key_env` names the environment variable with the key, `max_tokens` bounds an answer, `body` adds fields to
    every request; the others are those of every critic that asks a model.
    """

    def __init__(
        self,
        model: str | None = None,
        base_url: str | None = None,
        key_env: str | None = None,
        max_tokens: int = 8000,
        body: Mapping[str, Any] | None = None,
        judge: str = "outline",
        see: str = "auto",
        fps: float = 1.0,
        frames: int = 40,
        window: float = 600.0,
        prompts: str | None = None,
    ) -> None:
        super().__init__(judge, see, fps, frames, window, prompts)
        self.server = ChatServer(base_url, model, key_env)
        self.max_tokens = max_tokens
        self.body = dict(body or {})
        self._opening: asyncio.Task[None] | None = None
        self._tokens_field = "max_tokens"
        self._knows_schemas = True

    @property
    def model(self) -> str:
        return self.server.model

    @property
    def identity(self) -> dict[str, object]:
        return {**super().identity, "base_url": self.server.base_url, "max_tokens": self.max_tokens, "body": self.body}

    @property
    def shows_video(self) -> bool:  # type: ignore[override]
        return self.server.kind == "vllm"

    async def open(self) -> None:
        if self._opening is None:
            self._opening = asyncio.ensure_future(self.server.open(self.transport))
        try:
            await asyncio.shield(self._opening)
        except ServerError as error:
            raise CriticFailure(str(error)) from None

    async def close(self) -> None:
        await self.server.close()
        self._opening = None

    async def answer(self, system: str, parts: Sequence[Part], schema: dict[str, Any]) -> Answered:
        content = await asyncio.to_thread(_content, parts)
        while True:
            options = self._options(schema)
            # What differs between questions stands at the end, for the sake of the server's prompt cache.
            words = [] if "response_format" in options else [{"type": "text", "text": _in_words(schema)}]
            messages = [{"role": "system", "content": system}, {"role": "user", "content": [*content, *words]}]
            try:
                reply = await self.server.chat(json.dumps(messages).encode(), options)
                return Answered(reply.text, reply.usage)
            except BadRequest as error:
                # A server that does not know one of the fields is asked in the next best way, from then on.
                if self._tokens_field == "max_tokens" and "max_completion_tokens" in str(error):
                    self._tokens_field = "max_completion_tokens"
                elif self._knows_schemas and any(word in str(error) for word in ("response_format", "schema")):
                    self._knows_schemas = False
                else:
                    raise CriticFailure(str(error)) from None
            except ServerError as error:
                raise CriticFailure(str(error)) from None

    def _options(self, schema: dict[str, Any]) -> dict[str, Any]:
        held: dict[str, Any] = {}
        if self._knows_schemas:
            named = {"name": str(schema.get("title", "answer")), "strict": True, "schema": schema}
            held = {"response_format": {"type": "json_schema", "json_schema": named}}
        return {"temperature": 0, "seed": 0, self._tokens_field: self.max_tokens, **held, **self.body}


def _content(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The parts of a question in the protocol's form; texts that follow each other are one."""
    content: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, VideoFrame):
            kind, picture = encode_picture(part.image)
            content.append({"type": "image_url", "image_url": {"url": _data_url(kind, picture), "detail": "high"}})
        elif isinstance(part, Video):
            content.append({"type": "video_url", "video_url": {"url": _data_url("video/mp4", _clip(part))}})
        elif content and content[-1]["type"] == "text":
            content[-1] = {"type": "text", "text": f"{content[-1]['text']}\n\n{part}"}
        else:
            content.append({"type": "text", "text": part})
    return content


def _clip(video: Video) -> bytes:
    """The bytes of a video that may be seen."""
    if is_whole(video):
        return video.path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(video, path)
        return path.read_bytes()


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _in_words(schema: dict[str, Any]) -> str:
    return f"Answer with JSON of this schema, and nothing else: {json.dumps(schema)}"
