"""A critic behind Google's Gemini, which takes videos whole.

    critic: {plugin: gemini, model: gemini-3.8-flash, fps: 1, resolution: high}

A video is uploaded once, and waited for until it is ready; windows of it are clip offsets. One with a masked part
is uploaded without that part. What it takes is counted before it is spent. `judge: model` keeps the outline in
Gemini's explicit context cache, where it costs a tenth.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from lookalike_bench.errors import CriticFailure, PluginError
from lookalike_bench.videos.frames import VideoFrame
from lookalike_bench.videos.video import Video

from lookalike_plugins.critics.clips import encode_picture, write_clip
from lookalike_plugins.critics.model_critic import Answered, ModelCritic, Part
from lookalike_plugins.gemini_api import DEFAULT_MODEL, GeminiError, GeminiModel

RESOLUTIONS = ("low", "medium", "high")
WORTH_CACHING = 16_000
"""Characters of instructions from which an explicit cache pays; Gemini takes none below about 4,000 tokens."""
CACHE_SECONDS = 3600
READY_SECONDS = 600
"""How long an uploaded video may take to be processed."""


class Gemini(ModelCritic):
    """Asks `model`.

    `resolution`: low, medium or high; text in a video wants high. `max_tokens` bounds an answer, thinking included.
    `key_env` names the environment variable with the key (by default GEMINI_API_KEY or GOOGLE_API_KEY). The others
    are those of every critic that asks a model.
    """

    shows_video = True

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        resolution: str = "high",
        max_tokens: int = 32_000,
        base_url: str | None = None,
        key_env: str | None = None,
        judge: str = "outline",
        see: str = "auto",
        fps: float = 1.0,
        frames: int = 40,
        window: float = 600.0,
        prompts: str | None = None,
    ) -> None:
        super().__init__(judge, see, fps, frames, window, prompts)
        if resolution not in RESOLUTIONS:
            raise PluginError(f"critic gemini: resolution is one of {', '.join(RESOLUTIONS)}, got {resolution!r}")
        self.gemini = GeminiModel(model, base_url, key_env)
        self.resolution = resolution
        self.max_tokens = max_tokens
        self.poll_seconds = 2.0
        self._uploads: dict[str, Any] = {}
        self._contexts: dict[str, str | None] = {}
        self._making = asyncio.Lock()

    @property
    def model(self) -> str:
        return self.gemini.model

    @property
    def identity(self) -> dict[str, object]:
        return {
            **super().identity,
            "base_url": self.gemini.base_url,
            "resolution": self.resolution,
            "max_tokens": self.max_tokens,
        }

    def counts_from_zero(self, video: Video) -> bool:
        # Offsets of an uploaded file leave its clock as it is; a masked copy has a clock of its own.
        return video.mask_top > 0

    async def open(self) -> None:
        await self.gemini.open(self.transport)

    async def close(self) -> None:
        """Delete what was left with Gemini, and let go of the connection."""
        for name in filter(None, self._contexts.values()):
            await _quietly(self.gemini.api.caches.delete(name=name))
        for file in self._uploads.values():
            await _quietly(self.gemini.api.files.delete(name=file.name))
        self._contexts.clear()
        self._uploads.clear()
        await self.gemini.close()

    async def answer(self, system: str, parts: Sequence[Part], schema: dict[str, Any]) -> Answered:
        from google.genai import types

        try:
            contents = types.Content(role="user", parts=[await self._part(part) for part in parts])
            if any(isinstance(part, Video) for part in parts):
                await self._check_budget(contents)
            try:
                return await self._generate(system, contents, schema)
            except GeminiError as error:
                if error.code not in (403, 404) or not self._contexts.pop(_key(system), None):
                    raise
                # The kept instructions have run out of their time: keep them anew.
                return await self._generate(system, contents, schema)
        except GeminiError as error:
            raise CriticFailure(str(error)) from None

    async def _generate(self, system: str, contents: Any, schema: dict[str, Any]) -> Answered:
        from google.genai import types

        context = await self._context(system)
        text, usage, _ = await self.gemini.generate(
            contents,
            types.GenerateContentConfig(
                system_instruction=None if context else system,
                cached_content=context,
                temperature=0.0,
                seed=0,
                max_output_tokens=self.max_tokens,
                response_mime_type="application/json",
                response_json_schema=schema,
            ),
        )
        return Answered(text, usage)

    async def count_tokens(self, contents: Any) -> int:
        """The tokens of a question, for nothing."""

        async def send() -> int:
            counted = await self.gemini.api.models.count_tokens(model=self.model, contents=contents)
            return int(counted.total_tokens or 0)

        return await self.gemini.call(send)

    async def _check_budget(self, contents: Any) -> None:
        """A video costs more than all that is said about it: count before it is spent."""
        if self.budget is None or self.budget.limit is None:
            return
        price = self.budget.prices.price(self.model)
        if price is None:
            return
        tokens = await self.count_tokens(contents)
        cost, left = tokens * price.input / 1e6, self.budget.limit - self.budget.spent
        if cost > left:
            raise CriticFailure(
                f"{self.model}: to watch takes {tokens:,} tokens, ${cost:.2f}, and of the budget ${left:.2f} is left"
            )

    async def _part(self, part: Part) -> Any:
        from google.genai import types

        if isinstance(part, VideoFrame):
            kind, picture = await asyncio.to_thread(encode_picture, part.image)
            return types.Part.from_bytes(data=picture, mime_type=kind)
        if isinstance(part, Video):
            file = await self._uploaded(part)
            masked = part.mask_top > 0
            return types.Part(
                file_data=types.FileData(file_uri=file.uri, mime_type=file.mime_type or "video/mp4"),
                video_metadata=types.VideoMetadata(
                    fps=self.fps,
                    start_offset=None if masked or part.start == 0 else f"{part.start:g}s",
                    end_offset=None if masked or part.end is None else f"{part.end:g}s",
                ),
                media_resolution=types.PartMediaResolution(
                    level=types.PartMediaResolutionLevel(f"MEDIA_RESOLUTION_{self.resolution.upper()}")
                ),
            )
        return types.Part(text=part)

    async def _uploaded(self, video: Video) -> Any:
        """The video at Gemini, ready to be asked about. A masked window is a file of its own."""
        key = video.sha256 if video.mask_top == 0 else f"{video.sha256} {video.start} {video.end} {video.mask_top}"
        async with self._making:
            if key not in self._uploads:
                if video.mask_top == 0:
                    self._uploads[key] = await self._upload(video.path)
                else:
                    with tempfile.TemporaryDirectory() as folder:
                        path = Path(folder) / "clip.mp4"
                        await asyncio.to_thread(write_clip, video, path)
                        self._uploads[key] = await self._upload(path)
            return self._uploads[key]

    async def _upload(self, path: Path) -> Any:
        from google.genai import types

        config = types.UploadFileConfig(mime_type="video/mp4")
        file = await self.gemini.call(partial(self.gemini.api.files.upload, file=str(path), config=config))
        waited = 0.0
        while file.state == types.FileState.PROCESSING:
            if waited >= READY_SECONDS:
                raise GeminiError(f"{self.model}: the uploaded video was not ready after {READY_SECONDS} s")
            await asyncio.sleep(self.poll_seconds)
            waited += self.poll_seconds
            file = await self.gemini.call(partial(self.gemini.api.files.get, name=file.name))
        if file.state == types.FileState.FAILED:
            raise GeminiError(f"{self.model}: the uploaded video could not be processed")
        return file

    async def _context(self, system: str) -> str | None:
        """Long instructions (the outline, when the model judges) are kept at Gemini, to be paid in full once."""
        if len(system) < WORTH_CACHING:
            return None
        from google.genai import types

        key = _key(system)
        async with self._making:
            if key not in self._contexts:
                config = types.CreateCachedContentConfig(system_instruction=system, ttl=f"{CACHE_SECONDS}s")
                try:
                    kept = await self.gemini.call(
                        partial(self.gemini.api.caches.create, model=self.model, config=config)
                    )
                    self._contexts[key] = kept.name
                except GeminiError as error:
                    if error.code != 400:
                        raise
                    # Too short for this model, or it has no cache: the instructions go with each call.
                    self._contexts[key] = None
            return self._contexts[key]


async def _quietly(deletion: Awaitable[object]) -> None:
    """What cannot be deleted goes by itself, a file in two days and a context in an hour."""
    with suppress(Exception):
        await asyncio.wait_for(deletion, 10)


def _key(system: str) -> str:
    return hashlib.sha256(system.encode()).hexdigest()
