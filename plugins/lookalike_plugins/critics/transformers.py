"""A critic on torch and transformers: any model of a hub, or in a folder on this machine, that reads pictures.

    critic: {plugin: transformers, model: HuggingFaceTB/SmolVLM2-2.2B-Instruct, device: cuda, frames: 16}

It is shown the frames where the picture changed, in windows of as many as `frames` says, since small models lose
the thread of long videos. Its answers are held to the schema token by token (llguidance), where a small model would
not keep to it by itself. Weights are read as safetensors only, and no code of a checkpoint is run.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from lookalike_bench.errors import CriticFailure, PluginError
from lookalike_bench.types import Usage
from lookalike_bench.videos.frames import VideoFrame
from lookalike_bench.videos.video import Video

from lookalike_plugins.critics.model_critic import Answered, ModelCritic, Part
from lookalike_plugins.players.control_tokens import harmless


class Transformers(ModelCritic):
    """Asks `model`, a hub's name or a folder.

    `device`: auto, cpu, cuda, cuda:1, mps. `dtype`: auto (the checkpoint's), or float32, bfloat16, float16.
    `max_tokens` bounds an answer, `longest_text` the characters of each text in it and `most_steps` the length of
    each list, since small models repeat themselves without end. `revision`: the hub's commit. The others are those of
    every critic that asks a model.
    """

    def __init__(
        self,
        model: str = "HuggingFaceTB/SmolVLM2-2.2B-Instruct",
        device: str = "auto",
        dtype: str = "auto",
        max_tokens: int = 4000,
        longest_text: int = 400,
        most_steps: int = 40,
        revision: str | None = None,
        judge: str = "outline",
        fps: float = 1.0,
        frames: int = 16,
        prompts: str | None = None,
    ) -> None:
        super().__init__(judge, "frames", fps, frames, prompts=prompts)
        if dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise PluginError(f"critic transformers: dtype is auto, float32, bfloat16 or float16, got {dtype!r}")
        self._name = model
        self._device, self._dtype, self._revision = device, dtype, revision
        self._limits = {"max_tokens": max_tokens, "longest_text": longest_text, "most_steps": most_steps}
        self._lock = threading.Lock()
        self._model: Any = None
        self._processor: Any = None

    @property
    def model(self) -> str:
        return f"{self._name}@{self._revision}" if self._revision else self._name

    @property
    def identity(self) -> dict[str, object]:
        return {**super().identity, "dtype": self._dtype, **self._limits}

    async def open(self) -> None:
        if self._model is None:
            await asyncio.to_thread(self._load)

    async def close(self) -> None:
        with self._lock:
            self._model = self._processor = None

    async def answer(self, system: str, parts: Sequence[Part], schema: dict[str, Any]) -> Answered:
        return await asyncio.to_thread(self._answer, system, parts, schema)

    def _load(self) -> None:
        try:
            import transformers

            from lookalike_plugins.players.torch_model import find_device
        except ImportError as error:
            raise PluginError(f"critic transformers: {error}: pip install 'lookalike-bench[transformers]'") from None
        with self._lock:
            if self._model is not None:
                return
            found = find_device(self._device)
            try:
                self._processor = transformers.AutoProcessor.from_pretrained(self._name, revision=self._revision)
                model = transformers.AutoModelForImageTextToText.from_pretrained(
                    self._name, revision=self._revision, dtype=self._dtype, use_safetensors=True
                )
            except (OSError, ValueError, ImportError) as error:
                line = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise PluginError(f"the model {self._name!r} cannot be loaded: {line[:300]}") from None
            self._model = model.to(found).eval()

    def _answer(self, system: str, parts: Sequence[Part], schema: dict[str, Any]) -> Answered:
        import torch

        with self._lock:
            try:
                inputs = self._inputs(system, parts).to(self._model.device, dtype=self._model.dtype)
                length = inputs["input_ids"].shape[1]
                with torch.inference_mode():
                    output = self._model.generate(
                        **inputs,
                        max_new_tokens=self._limits["max_tokens"],
                        do_sample=False,
                        logits_processor=[self._held(schema, length)],
                    )
            except (RuntimeError, ValueError) as error:
                line = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise CriticFailure(f"critic transformers: {self._name}: {line[:300]}") from error
        written = output[0, length:]
        text = self._processor.tokenizer.decode(written, skip_special_tokens=True)
        return Answered(text, Usage(length, 0, len(written)))

    def _inputs(self, system: str, parts: Sequence[Part]) -> Any:
        """The question as the model's processor wants it."""
        from PIL import Image

        content: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, VideoFrame):
                content.append({"type": "image", "image": Image.fromarray(part.image)})
            elif isinstance(part, Video):
                raise CriticFailure("critic transformers: videos are shown as frames")
            else:
                content.append({"type": "text", "text": _plain(part)})
        # Not every template knows a system: the instructions stand at the beginning of the one message.
        content.insert(0, {"type": "text", "text": f"{_plain(system)}\n\n"})
        return self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )

    def _held(self, schema: dict[str, Any], start: int) -> Any:
        from lookalike_plugins.critics.held_to_schema import HeldToSchema

        limited = limit(schema, self._limits["longest_text"], self._limits["most_steps"])
        return HeldToSchema(self._processor.tokenizer, limited, start)


def limit(schema: Any, longest_text: int, most_items: int) -> Any:
    """A JSON schema whose texts and lists have an end."""
    if isinstance(schema, list):
        return [limit(part, longest_text, most_items) for part in schema]
    if not isinstance(schema, dict):
        return schema
    limited = {key: limit(value, longest_text, most_items) for key, value in schema.items()}
    if schema.get("type") == "string" and "enum" not in schema:
        limited["maxLength"] = longest_text
    if schema.get("type") == "array":
        limited["maxItems"] = most_items
    return limited


def _plain(text: str) -> str:
    """Text in which nothing is read as a control token or as the place of a picture."""
    return harmless(text).replace("<image", "< image").replace("<video", "< video")
