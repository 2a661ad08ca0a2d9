"""Demonstrations: recorded play as a small file, which can be checked step by step and rendered as a video.

    demonstration = read_demonstration(Path("demonstrations/procgen/maze-3.json"))
    check_demonstration(demonstration, environment)          # raises VideoError at the step where it diverges
    video = render_demonstration(demonstration, environment)

    {"environment": {"plugin": "procgen", "game": "maze", "mode": "easy", "hold": 1}, "seed": 3,
     "origin": "searched", "made": "breadth-first search over snapshots", "actions": ["up", "up", "left"],
     "digests": ["5f0c11d2", "91b4a1c0", "0c53e2aa"]}

`digests` are the beginnings of the environment's digest after each action: with them a replay is exact or fails.
An action that was held is written once: `["right", 12]` stands for twelve times "right", with one digest, after the
last of them, and one time, at the beginning of the first.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, runtime_checkable

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lookalike_bench.errors import VideoError
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.tasks.assets import cache_directory
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.text import did_you_mean, shortened
from lookalike_bench.types import Observation
from lookalike_bench.videos import pictures
from lookalike_bench.videos.video import Video

if TYPE_CHECKING:
    from lookalike_bench.types import Frame

DIGITS = 8
"""Digits of a digest that a demonstration keeps."""

Origin = Literal["human", "scripted", "searched"]

MOST_ACTIONS = 200_000
"""Actions of one demonstration: hours of play."""

Held = tuple[str, Annotated[int, Field(ge=2, le=MOST_ACTIONS)]]
"""An action, and how many times in a row it was played."""
Moment = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@runtime_checkable
class Filmed(Protocol):
    """An environment whose play can be filmed."""

    frames_per_second: int

    def film(self, seed: int, actions: Iterable[str]) -> Iterator[Frame]:
        """Play, and give every picture as a person would see it."""


class Result(BaseModel):
    """What the play came to. `complete`: the level was completed or the game won."""

    model_config = ConfigDict(extra="forbid")

    steps: int
    score: float
    complete: bool

    def __str__(self) -> str:
        return f"score {self.score:g} after {self.steps} steps, {'' if self.complete else 'not '}complete"


class Demonstration(BaseModel):
    """Recorded play. `origin` says who played, `made` how, `tool` with what; `times` are seconds since the
    beginning, where a person played. Digests and times have one value for each entry of `actions`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    environment: PluginSpec
    seed: int = Field(ge=0, lt=2**31)
    origin: Origin
    made: str = ""
    tool: str = ""
    result: Result | None = None
    actions: list[str | Held] = Field(min_length=1)
    digests: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    times: list[Moment] = Field(default_factory=list)

    @model_validator(mode="after")
    def _not_too_many(self) -> Demonstration:
        count = sum(1 if isinstance(entry, str) else entry[1] for entry in self.actions)
        if count > MOST_ACTIONS:
            raise ValueError(f"{count} actions are more than a demonstration may have ({MOST_ACTIONS})")
        return self

    @model_validator(mode="after")
    def _one_for_each_action(self) -> Demonstration:
        for name in ("digests", "times"):
            values = getattr(self, name)
            if values and len(values) != len(self.actions):
                raise ValueError(f"{len(values)} {name} for {len(self.actions)} actions")
        return self

    @property
    def played(self) -> list[str]:
        """Every action by itself, those that were held as often as they were played."""
        return [action for entry in self.actions for action in _singly(entry)]

    def walkthrough(self) -> Walkthrough:
        return Walkthrough(self.played, self.seed, self.origin, self.made)

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = self.model_dump(mode="json", exclude_defaults=True)
        partial = path.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def read_demonstration(path: Path) -> Demonstration:
    """Read a demonstration. Raises VideoError."""
    try:
        # A pipe would be waited for.
        if path.exists() and not path.is_file():
            raise VideoError(f"{path}: not a file")
        return Demonstration.model_validate_json(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise VideoError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise VideoError(
            f"{path}: {place}: {fault['msg']}: "
            "expected environment, seed, origin (human, scripted or searched) and actions"
        ) from error


def record(
    environment: Environment, spec: PluginSpec, seed: int, actions: list[str], origin: Origin, made: str
) -> Demonstration:
    """Play the actions and keep them with the digests that they lead to."""
    environment.reset(seed)
    digests = []
    for action in actions:
        environment.step(action)
        digests.append(environment.digest()[:DIGITS])
    entries: list[str | Held] = [*actions]
    return Demonstration(environment=spec, seed=seed, origin=origin, made=made, actions=entries, digests=digests)


def check_demonstration(demonstration: Demonstration, environment: Environment) -> Observation:
    """Play it again, and give what it ends with. Raises VideoError that names the step where it diverges."""
    observation = environment.reset(demonstration.seed)
    which, count = f"{environment.info.name}, seed {demonstration.seed}", len(demonstration.played)
    number = 0
    # A text game answers any command; in a game of pictures there are no others than those that are listed.
    known = environment.actions() if environment.shows_pictures else None
    for entry, digest in zip_longest(demonstration.actions, demonstration.digests):
        first = number + 1
        for action in _singly(entry):
            number += 1
            if known is not None and action not in known:
                hint = did_you_mean(action, known)
                raise VideoError(
                    f"{which}: step {number}: the game has no action {shortened(repr(action))}{hint} "
                    f"(it has: {', '.join(known)})"
                )
            if observation.terminated or observation.truncated:
                raise VideoError(f"{which}: the replay ended before step {number} of {count}")
            observation = environment.step(action)
        if digest and environment.digest()[:DIGITS] != digest:
            where = f"at step {number}" if first == number else f"between steps {first} and {number}"
            raise VideoError(
                f"{which}: the replay diverges {where} of {count} ({shortened(repr(action))}): "
                "the environment is not in the state that was recorded; is it the same game and version?"
            )
    reached = result_of(observation, number)
    if demonstration.result not in (None, reached):
        raise VideoError(f"{which}: the replay diverges at its end: {reached}; recorded was {demonstration.result}")
    return observation


def result_of(observation: Observation, steps: int) -> Result:
    """What play came to that ended with this observation."""
    return Result(steps=steps, score=observation.score, complete=observation.level_complete or observation.victory)


def _singly(entry: str | Held) -> list[str]:
    return [entry] if isinstance(entry, str) else [entry[0]] * entry[1]


def render_demonstration(
    demonstration: Demonstration,
    environment: Environment,
    start: int = 0,
    stop: int | None = None,
    mask_status_line: bool = True,
) -> Video:
    """The video of a demonstration's actions `start` to `stop` (not included), checked and rendered unless it is in
    the cache. `environment` is one made from the demonstration's own spec. Raises VideoError."""
    # Also where the video is there already: what is checked stands in the file, and the file may have changed.
    check_demonstration(demonstration, environment)
    actions = demonstration.played[:stop]
    whole = demonstration.result if len(actions) == len(demonstration.played) else None
    completes = whole.complete if whole else None
    if not isinstance(environment, Filmed):
        from lookalike_bench.videos.walkthroughs import render_walkthrough

        video = render_walkthrough(environment, demonstration.walkthrough(), start, stop, mask_status_line)
        return replace(video, completes=completes)
    if start:
        raise VideoError(f"{environment.info.name}: a demonstration of pictures is shown from its beginning, start: 0")
    identity = [environment.info.fingerprint, demonstration.seed, actions, pictures.VERSION]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    path = cache_directory() / "videos" / f"{environment.info.name}-{demonstration.seed}-{key}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            film = environment.film(demonstration.seed, actions)
            pictures.write_pictures(film, path, environment.frames_per_second)
    return Video(path, hashlib.sha256(path.read_bytes()).hexdigest(), demonstration.origin, completes=completes)
