"""What a task file may say.

    name: zork
    environment: {plugin: zork, story: zork1-r119}
    videos:
      - {walkthrough: jericho, start: 0, stop: 60}
    goal: {score: 40}
    max_steps: 60
    seeds: 0-4
    player: {plugin: local, model: qwen2.5-coder-1.5b, decode: choose}
    critic: {plugin: transcript}
    variants:
      baseline: {}
      swarm: {members: 5, aggregator: best-reward}

`lookalike-bench schema` prints the JSON Schema of these models, with which editors complete task files.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from lookalike_bench.types import Decode, Reveal

Method = Literal["baseline", "single", "swarm", "independent", "retry", "replay"]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def local_path(path: Any) -> str:
    """A path that stays below the task file's folder."""
    if not isinstance(path, str):
        raise ValueError("expected the path of a file")
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ":" in parts[0] or ".." in parts:
        raise ValueError("a path in a task file is relative and stays below the file's own folder")
    return path


LocalPath = Annotated[str, BeforeValidator(local_path), Field(min_length=1)]


class PluginSpec(BaseModel):
    """A plugin by name, with its arguments: `{plugin: zork, story: zork1-r119}`, or just its name."""

    model_config = ConfigDict(extra="allow", frozen=True)

    plugin: str

    _other_forms: ClassVar[list[dict[str, Any]]] = []

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"plugin": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Editors take all the forms that the validators take."""
        schema = handler.resolve_ref_schema(handler(core))
        inside = dict(schema)
        schema.clear()
        schema["anyOf"] = [{"type": "string"}, *cls._other_forms, inside]
        return schema

    @property
    def arguments(self) -> dict[str, Any]:
        """What the plugin's class is made with."""
        return dict(self.model_extra or {})

    def __str__(self) -> str:
        shown = ",".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.plugin}:{shown}" if shown else self.plugin


class PlayerSpec(PluginSpec):
    """A player, and how it is asked: `choose` among listed actions by likelihood, `generate` text, or
    `grammar`: generate within the environment's vocabulary."""

    decode: Decode = "choose"


class CriticSpec(PluginSpec):
    """A critic; `{outline: file.yaml}` is one that reads an edited reward model instead of watching."""

    _other_forms: ClassVar[list[dict[str, Any]]] = [
        {
            "type": "object",
            "properties": {"outline": {"type": "string"}},
            "required": ["outline"],
            "additionalProperties": False,
        }
    ]

    @model_validator(mode="before")
    @classmethod
    def _outline(cls, value: Any) -> Any:
        if isinstance(value, dict) and set(value) == {"outline"}:
            return {"plugin": "outline", "path": local_path(value["outline"])}
        if isinstance(value, dict) and value.get("plugin") == "outline" and "path" in value:
            return {**value, "path": local_path(value["path"])}
        return value


Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class VideoSpec(Strict):
    """A video of human play: exactly one of a file, the walkthrough that a package carries, or a recorded
    demonstration. `start` and `stop` cut it: seconds of a file, commands of the other two."""

    file: LocalPath | None = None
    walkthrough: str | None = Field(default=None, description="the package that carries it: jericho, adventure")
    demonstration: LocalPath | None = None
    start: Seconds = Field(default=0, ge=0)
    stop: Seconds | None = Field(default=None, gt=0)
    environment: PluginSpec | None = Field(default=None, description="where it was played, if not in the task's")

    @model_validator(mode="after")
    def _one_source(self) -> VideoSpec:
        if sum(source is not None for source in (self.file, self.walkthrough, self.demonstration)) != 1:
            raise ValueError("a video names exactly one of: file, walkthrough, demonstration")
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f"stop must be greater than start ({self.start:g})")
        if self.file is None and not all(float(place).is_integer() for place in (self.start, self.stop or 0)):
            raise ValueError("start and stop of recorded play are whole numbers: of commands, not of seconds")
        return self


class Goal(Strict):
    """What counts as success: everything that is named here, reached within the task's limit of steps."""

    score: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None
    milestone: Annotated[str, Field(min_length=1)] | None = None
    level_complete: Literal[True] | None = None
    victory: Literal[True] | None = None

    @model_validator(mode="after")
    def _something(self) -> Goal:
        if all(value is None for _, value in self):
            raise ValueError("a goal names at least one of: score, milestone, level_complete, victory")
        return self

    def __str__(self) -> str:
        parts = []
        if self.score is not None:
            parts.append(f"reach a score of {self.score:g}")
        if self.milestone:
            parts.append(f"reach {self.milestone}")
        if self.level_complete:
            parts.append("complete the level")
        if self.victory:
            parts.append("win the game")
        return " and ".join(parts)


class VariantSpec(Strict):
    """How a variant departs from the built-in one of its name, or a new one with its `method`."""

    method: Method | None = None
    members: int | None = Field(default=None, ge=1, le=64)
    temperatures: list[Annotated[float, Field(ge=0, le=5)]] | None = Field(default=None, min_length=1)
    roles: list[str] | None = Field(default=None, min_length=1)
    aggregator: PluginSpec | None = None
    memory: int | None = Field(default=None, ge=0, description="proposals remembered at each step; 0: none")
    mode: Literal["together", "parallel"] | None = None
    reveal: Reveal | None = None
    player: PlayerSpec | None = None
    critic: CriticSpec | None = None
    videos: list[VideoSpec] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _as_many(self) -> VariantSpec:
        if self.members and self.temperatures and self.members != len(self.temperatures):
            raise ValueError(f"{self.members} members but {len(self.temperatures)} temperatures")
        return self


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
EXPECTED_METRICS = ("success", "progress", "steps")


class Expectation(BaseModel):
    """`swarm.success: ">= 0.8"`, taken apart."""

    model_config = ConfigDict(frozen=True)

    variant: str
    metric: str
    comparison: str
    threshold: float

    @classmethod
    def parse(cls, subject: str, condition: str) -> Expectation:
        variant, _, metric = subject.rpartition(".")
        if not variant or metric not in EXPECTED_METRICS:
            raise ValueError(f"{subject!r} is not VARIANT.METRIC with a metric of {', '.join(EXPECTED_METRICS)}")
        matched = re.fullmatch(r"\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*", condition)
        if not matched:
            raise ValueError(f'{condition!r} is not a comparison such as ">= 0.8"')
        return cls(variant=variant, metric=metric, comparison=matched[1], threshold=float(matched[2]))

    def met_by(self, value: float) -> bool:
        return COMPARISONS[self.comparison](value, self.threshold)

    def __str__(self) -> str:
        return f"{self.variant}.{self.metric} {self.comparison} {self.threshold:g}"


def parse_seeds(value: Any) -> list[int]:
    """Seeds from `0-4`, `0-2,7`, `3` or a list of numbers."""
    if isinstance(value, bool):
        raise ValueError('seeds are numbers, a list of numbers, or a range such as "0-4"')
    if isinstance(value, int):
        value = [value]
    if isinstance(value, str):
        seeds: list[int] = []
        for part in value.split(","):
            matched = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
            if not matched:
                raise ValueError('seeds are numbers, a list of numbers, or a range such as "0-4"')
            first, last = int(matched[1]), int(matched[2] or matched[1])
            if last < first or last - first >= 100_000:
                raise ValueError(f"the range {part.strip()} runs backwards or is too long")
            seeds += range(first, last + 1)
        value = seeds
    if not isinstance(value, list) or not value or not all(type(seed) is int and 0 <= seed < 2**31 for seed in value):
        raise ValueError('seeds are numbers from 0, a list of numbers, or a range such as "0-4"')
    if len(set(value)) != len(value):
        raise ValueError("a seed is named twice")
    return value


Seeds = Annotated[list[int], BeforeValidator(parse_seeds, json_schema_input_type=int | str | list[int])]


class TaskFile(Strict):
    """A task file as it is written."""

    name: str = Field(pattern=NAME, max_length=64)
    description: str = ""
    environment: PluginSpec
    videos: list[VideoSpec] = Field(default_factory=list)
    mask_status_line: bool = Field(default=True, description="paint over the terminal's status line in videos")
    goal: Goal
    max_steps: int = Field(ge=1, le=100_000, strict=True)
    seeds: Seeds = Field(description='a range such as "0-4", or a list')
    published_seeds: Seeds | None = Field(
        default=None, description="seeds of a row on a leaderboard, where they are more than those of a quick run"
    )
    reveal: Reveal = "recommendation"
    temperature: float = Field(default=0.7, ge=0, le=5, description="of the player when it is alone")
    history: int = Field(default=200, ge=2, description="steps kept in the prompt; a longer history is cut by half")
    player: PlayerSpec
    critic: CriticSpec
    variants: dict[str, VariantSpec] = Field(min_length=1)
    expect: dict[str, str] = Field(default_factory=dict)
    stand_in: LocalPath | None = None

    @field_validator("variants", mode="before")
    @classmethod
    def _empty_variants(cls, value: Any) -> Any:
        # `baseline:` with nothing behind it is how people write `baseline: {}`.
        if isinstance(value, dict):
            return {name: {} if spec is None else spec for name, spec in value.items()}
        return value

    @field_validator("variants")
    @classmethod
    def _variant_names(cls, value: dict[str, VariantSpec]) -> dict[str, VariantSpec]:
        for name in value:
            if not re.match(NAME, name):
                raise ValueError(f"a variant's name has letters, digits, '.', '_' and '-' only, got {name!r}")
        return value

    @model_validator(mode="after")
    def _published_are_more(self) -> TaskFile:
        missing = set(self.seeds) - set(self.published_seeds or self.seeds)
        if missing:
            raise ValueError(f"published_seeds lacks {', '.join(map(str, sorted(missing)))}, which seeds has")
        return self

    @field_validator("expect")
    @classmethod
    def _expectations(cls, value: dict[str, str]) -> dict[str, str]:
        for subject, condition in value.items():
            Expectation.parse(subject, condition)
        return value


class SuiteFile(Strict):
    """A suite file as it is written: task files that are played together and make one row, each weighing the same."""

    name: str = Field(pattern=NAME, max_length=64)
    description: str = ""
    suite: list[LocalPath] = Field(min_length=1, max_length=64, description="task files, relative to this one")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of task and suite files, for editors: what names a `suite` is one, all else is a task."""
    task = _task_schema()
    suite = SuiteFile.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lookalike-bench task or suite",
        "type": "object",
        "$defs": task.pop("$defs"),
        "if": {"required": ["suite"]},
        "then": suite,
        "else": task,
    }


def _task_schema() -> dict[str, Any]:
    """`extends` makes every other key of a task optional."""
    schema = TaskFile.model_json_schema(mode="validation")
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "another task file, relative to this one, whose top-level keys this one replaces",
    }
    required = schema.pop("required")
    schema["anyOf"] = [{"required": ["extends"]}, {"required": required}]
    return schema
