"""The core that all critics share that ask a vision model: how to watch, what to ask, and how to read the answer.

    class MyCritic(ModelCritic):
        async def answer(self, system, parts, schema):
            ...                          # one call to a model: text, videos and pictures in, JSON text out

`watch` writes the outline down once, and the suite's own judge follows it from then on for nothing. With
`judge: model` the model itself is asked at each step; see model_judge.py. What the model says is checked against a
schema, and asked for once more if it does not fit.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from lookalike_bench.engine.remote import RemoteModel
from lookalike_bench.errors import CriticFailure, PluginError
from lookalike_bench.plugins.critic import Critic, Judge
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.types import Brief, Description, Message, Usage
from lookalike_bench.videos.frames import VideoFrame
from lookalike_bench.videos.video import Video
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lookalike_plugins.critics.clips import duration, frame_windows, is_whole
from lookalike_plugins.critics.prompts import Prompts

if TYPE_CHECKING:
    from lookalike_bench.types import Frame

T = TypeVar("T", bound=BaseModel)
Part = str | Video | VideoFrame
"""What a question is made of: text, a video (with its start, end and mask), or a picture."""


class Strict(BaseModel):
    """An answer's form: every key is required and no other is allowed, as servers want their schemas."""

    model_config = ConfigDict(extra="forbid")


class WrittenStep(Strict):
    """A step as a model writes it down."""

    time: float = Field(description="seconds into the recording")
    cue: str
    action: str
    outcome: str
    milestone: str = Field(description="what was achieved, or an empty text")
    weight: float = Field(description="0 detour, 1 ordinary, up to 3 for what matters most")


class WrittenOutline(Strict):
    """What a model writes down of a recording."""

    steps: list[WrittenStep]
    rules: list[str]
    vocabulary: list[str]


class WrittenDescription(Strict):
    """What a model writes of a picture."""

    description: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A model's answer as text, and what it took."""

    text: str
    usage: Usage


class ModelCritic(RemoteModel, Critic):
    """Asks a vision model.

    `judge`: who judges play by the outline, `outline` (the suite's own judge, free) or `model` (the model, at each
    step). `see`: how a video is shown, as `video`, as `frames`, or `auto`: as the model takes it. `fps`: how often
    frames are sampled; only those where the picture changed are shown, `frames` of them in one question, and a
    video is shown `window` seconds at a time. `prompts`: a folder with prompts of one's own.
    """

    version = "1"
    shows_video = False
    """Whether `auto` shows a video whole."""

    def __init__(
        self,
        judge: str = "outline",
        see: str = "auto",
        fps: float = 1.0,
        frames: int = 40,
        window: float = 600.0,
        prompts: str | None = None,
    ) -> None:
        _one_of("judge", judge, ("outline", "model"))
        _one_of("see", see, ("auto", "video", "frames"))
        for name, value in (("fps", fps), ("frames", frames), ("window", window)):
            if not value > 0:
                raise PluginError(f"critic: {name} must be above 0, got {value}")
        self.judged_by = judge
        self.see = see
        self.fps = fps
        self.frames = int(frames)
        self.window = window
        self.prompts = Prompts(prompts)

    @property
    @abstractmethod
    def model(self) -> str:
        """The model's name."""

    def counts_from_zero(self, video: Video) -> bool:
        """Whether the model sees a window of a video as a video of its own, so that its times begin at 0."""
        return not is_whole(video)

    @abstractmethod
    async def answer(self, system: str, parts: Sequence[Part], schema: dict[str, Any]) -> Answered:
        """Ask the model once, for JSON of this schema if it can be held to one. Raises CriticFailure."""

    async def open(self) -> None:
        """Connect or load, at the first question. Called often: must know when it is done."""

    @property
    def identity(self) -> dict[str, object]:
        return {
            "model": self.model,
            "see": self.see,
            "fps": self.fps,
            "frames": self.frames,
            "window": self.window,
            "prompts": self.prompts.versions,
        }

    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        """Show the videos window by window, each with the last steps already written down."""
        steps: list[OutlineStep] = []
        rules: list[str] = []
        vocabulary: list[str] = []
        used = Usage()
        await self.open()
        for number, video in enumerate(videos):
            written: list[OutlineStep] = []
            async for start, parts in self._windows(video):
                system = self.prompts.fill(
                    "watch",
                    task=brief.task,
                    instructions=brief.instructions.strip(),
                    goal=brief.goal,
                    continuation=_continuation(written),
                )
                outline, took = await self.ask(system, parts, WrittenOutline)
                used += took
                written += _steps(outline, number, start, video)
                rules += outline.rules
                vocabulary += outline.vocabulary
            steps += written
        if not steps:
            raise CriticFailure(f"{self.model} saw no action in {', '.join(str(video.path) for video in videos)}")
        return RewardModel(
            provenance={
                "critic": type(self).__name__.lower(),
                "version": self.version,
                **self.identity,
                "videos": [video.provenance for video in videos],
                "prompt_tokens": used.prompt_tokens,
                "completion_tokens": used.completion_tokens,
                "brief": {"task": brief.task, "goal": brief.goal},
            },
            outline=steps,
            rules=list(dict.fromkeys(rules)),
            vocabulary=list(dict.fromkeys(vocabulary)),
        )

    def judge(self, reward_model: RewardModel) -> Judge:
        if self.judged_by == "outline":
            return super().judge(reward_model)
        from lookalike_plugins.critics.model_judge import ModelJudge

        return ModelJudge(self, reward_model)

    async def describe(self, frame: Frame) -> Description:
        written, took = await self.ask(self.prompts.fill("describe"), [VideoFrame(0.0, 0, frame)], WrittenDescription)
        return Description(written.description, took)

    async def ask(self, system: str, parts: Sequence[Part], form: type[T]) -> tuple[T, Usage]:
        """Ask for an answer of a form, from the cache if the same was asked before; once more if it does not fit.
        With it comes what it took, now or when it was asked. Raises CriticFailure."""
        await self.open()
        question, kept = self._kept(system, parts, form)
        if kept is not None:
            return form.model_validate(kept["answer"]), Usage(*kept["usage"])
        used = Usage()
        schema = form.model_json_schema()
        attempt = list(parts)
        for repair in (False, True):
            if self.budget is not None:
                self.budget.check()
            answered = await self.answer(system, attempt, schema)
            used += answered.usage
            if self.budget is not None:
                self.budget.charge(self.model, answered.usage)
            try:
                answer = form.model_validate_json(json_text(answered.text))
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]
                wrong = f"{'.'.join(map(str, problem['loc'])) or 'the answer'}: {problem['msg']}"
                if repair:
                    raise CriticFailure(f"{self.model} does not answer in the form asked for: {wrong}") from None
                attempt.append(
                    f"You answered:\n{answered.text[:4000]}\n\nThat is not right: {wrong}. "
                    f"Answer again, with JSON of this schema and nothing else: {json.dumps(schema)}"
                )
            else:
                if self.cache is not None and question is not None:
                    self.cache.put(question, {"answer": answer.model_dump(mode="json"), "usage": astuple(used)})
                return answer, used
        raise AssertionError("unreachable")

    def _kept(self, system: str, parts: Sequence[Part], form: type[T]) -> tuple[Any, Any]:
        """The question's place in the cache, and the answer if it is there."""
        if self.cache is None:
            return None, None
        from lookalike_bench.engine.cache import Question

        told = [Message("system", system), *(Message("user", _fingerprint(part)) for part in parts)]
        asked = {"critic": type(self).__name__, "version": self.version, **self.identity}
        question = Question.of(asked, {"form": form.__name__}, told)
        return question, self.cache.get(question)

    async def _windows(self, video: Video) -> AsyncIterator[tuple[float, list[Part]]]:
        """What to show, a question at a time, each with the second of the file that the model takes for 0."""
        if self.see == "video" or (self.see == "auto" and self.shows_video):
            length = await asyncio.to_thread(duration, video.path)
            end = min(video.end, length) if video.end is not None else length
            start = video.start
            while start < end:
                stop = min(start + self.window, end)
                # A last bit of a few seconds joins the window before it.
                stop = end if end - stop < 0.1 * self.window else stop
                whole = start == video.start and stop == end
                shown = video if whole else replace(video, start=start, end=stop)
                yield start if self.counts_from_zero(shown) else 0.0, [shown]
                start = stop
            return
        windows = frame_windows(video, self.fps, self.frames)
        while window := await asyncio.to_thread(next, windows, None):
            parts: list[Part] = []
            for frame in window:
                parts += [f"At {frame.time:.1f} s:", frame]
            yield 0.0, parts


def json_text(text: str) -> str:
    """The JSON in an answer: without the fences and the words around it that models like to add."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _steps(outline: WrittenOutline, number: int, start: float, video: Video) -> list[OutlineStep]:
    """The written steps in the form of a reward model; `start` is the second of the file that the model took for 0."""
    steps = []
    for step in outline.steps:
        if not step.action.strip():
            continue
        # Not a number, or before the beginning: models write such times too.
        time = start + step.time if step.time > 0 else start
        steps.append(
            OutlineStep(
                cue=step.cue.strip(),
                action=" ".join(step.action.split())[:200],
                outcome=step.outcome.strip(),
                milestone=step.milestone.strip(),
                weight=min(3.0, max(0.0, step.weight)),
                time=round(min(max(video.start, time), video.end or 1e6), 2),
                video=number,
            )
        )
    return steps


def _continuation(written: Sequence[OutlineStep]) -> str:
    if not written:
        return ""
    last = "; ".join(f"{step.action} ({step.time:.0f} s)" for step in written[-8:])
    return f"This is a later part of the recording. Already written down, so not to be repeated: {last}."


def _fingerprint(part: Part) -> str:
    """What stands for a part in a question's key."""
    if isinstance(part, Video):
        return f"video {part.sha256} {part.start} {part.end} {part.mask_top}"
    if isinstance(part, VideoFrame):
        return f"frame {part.image.shape} {hashlib.sha256(part.image.tobytes()).hexdigest()}"
    return part


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise PluginError(f"critic: {name} is one of {', '.join(allowed)}, got {value!r}")
