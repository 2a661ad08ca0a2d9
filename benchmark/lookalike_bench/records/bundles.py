"""A run in one compressed file, to be sent to a leaderboard: JSON lines, in this order.

    {"type": "submission", "name": "Our swarm", "method": "...", "manifest": {...}, ...}     Submission
    {"type": "reward-model", "key": "transcript-zork-1f...", "reward_model": {...}}          for each that was used
    {"type": "episode", ...} {"type": "step", ...} ... {"type": "end", ...}                  for each episode

A bundle may come from anybody. It is only ever read as data, within limits on its size, its lines, their depth
and the compression ratio; the names in it are checked before one becomes part of a path. What is unpacked is a run
like any other, so that replay, report, compare and the leaderboard know only runs.
"""

from __future__ import annotations

import datetime
import gzip
import json
import math
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from lookalike_bench.errors import RecordError
from lookalike_bench.records.schema import EpisodeEnd, EpisodeHeader, Line, Manifest, StepRecord
from lookalike_bench.records.store import EpisodeWriter, Run, first_line
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.tasks.schema import NAME
from lookalike_bench.text import UNPRINTABLE

SUFFIX = ".jsonl.gz"
MAXIMUM_COMPRESSED = 8 * 1024**2
MAXIMUM_LINE = 4 * 1024**2
MAXIMUM_SIZE = 256 * 1024**2
MAXIMUM_RATIO = 200
MAXIMUM_DEPTH = 12
MAXIMUM_SEED = 2**31
MAXIMUM_REWARD_MODELS = 64
MAXIMUM_NUMBER = 1e15

Include = Literal["actions", "judgements", "prompts"]
"""How much of a run goes along: every action; what the critic said of them; what was asked and answered."""

_PATH = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?(?:[/\\][\w.@+-]+)+[/\\]([\w.@+-]+)")


def _one_line(text: str) -> str:
    if UNPRINTABLE.search(text):
        raise ValueError("control characters, line breaks and direction marks are not allowed here")
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]


class Submission(Line):
    """Who submits what: a bundle's first line."""

    type: Literal["submission"] = "submission"
    schema_version: Literal[1] = 1
    name: Annotated[OneLine, Field(min_length=1, max_length=80)]
    method: Annotated[OneLine, Field(min_length=1, max_length=400)]
    url: Annotated[OneLine, Field(pattern=r"^https://[^\s\"'<>]+$", max_length=200)] | None = None
    created: Annotated[OneLine, Field(max_length=40)]
    include: Include
    manifest: Manifest


class RewardModelLine(Line):
    type: Literal["reward-model"] = "reward-model"
    key: str = Field(pattern=NAME, max_length=160)
    reward_model: RewardModel


BundleLine = Annotated[
    Submission | RewardModelLine | EpisodeHeader | StepRecord | EpisodeEnd, Field(discriminator="type")
]
_LINES: TypeAdapter[BundleLine] = TypeAdapter(BundleLine)


def pack(run: Run, path: Path, *, name: str, method: str, url: str | None, include: Include) -> Submission:
    """Write a run's finished episodes as a bundle. Raises RecordError for names that cannot be, a run that is not
    complete, or a bundle that would be too large."""
    manifest = run.read_manifest()
    try:
        submission = Submission(
            name=name,
            method=method,
            url=url,
            created=datetime.datetime.now(datetime.UTC).date().isoformat(),
            include=include,
            manifest=Manifest.model_validate(_without_paths(manifest.model_dump(mode="json"))),
        )
    except ValidationError as error:
        raise RecordError(f"submission: {first_line(error)}") from None
    partial = path.with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Without a time in its head, the same run gives the same file.
        with partial.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:

            def write(line: BundleLine) -> None:
                data = line.model_dump(mode="json", by_alias=True, exclude_defaults=True)
                file.write(json.dumps({"type": line.type, **data}, separators=(",", ":")).encode() + b"\n")

            _write_all(run, submission, write)
        size = partial.stat().st_size
        if size > MAXIMUM_COMPRESSED:
            raise RecordError(
                f"{path}: {size} bytes are more than a bundle may have ({MAXIMUM_COMPRESSED}); include less"
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return submission


def _write_all(run: Run, submission: Submission, write: Callable[[BundleLine], None]) -> None:
    keys: set[str] = set()
    write(submission)
    for entry in submission.manifest.tasks:
        for variant in entry.variants:
            for seed in entry.seeds:
                episode = run.episode(entry.task, variant, seed)
                if episode is None or episode.end is None:
                    unfinished = f"{entry.task}/{variant}/seed-{seed}"
                    raise RecordError(f"{run.path}: {unfinished} is not finished; go on with run --resume")
                key = episode.header.reward_model
                if key is not None and key not in keys:
                    if not run.reward_model_path(key).exists():
                        raise RecordError(f"{run.path}: what the critic learned is missing: reward-models/{key}.yaml")
                    write(RewardModelLine(key=key, reward_model=RewardModel.load(run.reward_model_path(key))))
                    keys.add(key)
                header = EpisodeHeader.model_validate(_without_paths(episode.header.model_dump(mode="json")))
                write(_unjudged(header) if submission.include == "actions" else header)
                for step in episode.steps:
                    write(_reduced(step, submission.include))
                write(EpisodeEnd.model_validate(_without_paths(episode.end.model_dump(mode="json"))))


def _reduced(step: StepRecord, include: Include) -> StepRecord:
    """A step with no more than what is to be included."""
    if include == "prompts":
        return step
    left_out: dict[str, Any] = {"text": "", "tail": "", "log_probabilities": []}
    change: dict[str, Any] = {"conversation": None}
    if include == "actions":
        left_out["judgement"] = None
        step = _unjudged(step)
        change["choices"] = []
    proposals = [proposal.model_copy(update=left_out) for proposal in step.proposals]
    return step.model_copy(update={**change, "proposals": proposals})


Judged = TypeVar("Judged", EpisodeHeader, StepRecord)


def _unjudged(line: Judged) -> Judged:
    """The line without what the critic saw and said."""
    observation = line.observation and line.observation.model_copy(update={"description": ""})
    return line.model_copy(update={"review": None, "observation": observation})


@contextmanager
def opened(path: Path) -> Iterator[Run]:
    """A run's directory as it is, or a bundle unpacked for as long as it is looked at. Raises RecordError."""
    if path.is_dir():
        yield Run(path)
        return
    with tempfile.TemporaryDirectory(prefix="lookalike-bundle-") as folder:
        _, run = unpack(path, Path(folder))
        yield run


def read_submission(path: Path) -> Submission:
    """A bundle's first line alone."""
    line = next(_lines(path))[1]
    assert isinstance(line, Submission)
    return line


def unpack(path: Path, folder: Path) -> tuple[Submission, Run]:
    """Write a bundle out as a run in an empty folder. Raises RecordError with file:line."""
    run = Run(folder)
    submission: Submission | None = None
    writer: EpisodeWriter | None = None
    planned: set[tuple[str, str, int]] = set()
    reward_models: set[str] = set()
    try:
        for number, line in _lines(path):
            if isinstance(line, Submission):
                submission = line
                planned = _planned(line.manifest, f"{path}:{number}")
                run.write_manifest(line.manifest)
            elif isinstance(line, RewardModelLine):
                if line.key in reward_models or len(reward_models) == MAXIMUM_REWARD_MODELS:
                    raise RecordError(
                        f"{path}:{number}: reward model {line.key!r} stands here twice, or is one too many"
                    )
                reward_models.add(line.key)
                line.reward_model.save(run.reward_model_path(line.key))
            elif isinstance(line, EpisodeHeader):
                key = (line.task, line.variant, line.seed)
                if writer is not None:
                    raise RecordError(f"{path}:{number}: an episode begins before the one before it has ended")
                if key not in planned:
                    name = "/".join(map(str, key))[:200]
                    raise RecordError(f"{path}:{number}: {name!r} is not planned, or stands here twice")
                planned.remove(key)
                if line.reward_model is not None and not re.match(NAME, line.reward_model):
                    raise RecordError(f"{path}:{number}: reward_model: not a name")
                writer = EpisodeWriter(run.episode_path(*key))
                writer.write(line)
            elif writer is None:
                raise RecordError(f"{path}:{number}: a line of type {line.type!r} outside an episode")
            elif isinstance(line, StepRecord):
                writer.write(line)
            else:
                writer.finish(line)
                writer = None
    finally:
        if writer is not None:
            writer.abandon()
    if submission is None or writer is not None:
        raise RecordError(f"{path}: the bundle ends in the middle of an episode")
    return submission, run


def _planned(manifest: Manifest, where: str) -> set[tuple[str, str, int]]:
    """Every episode that a manifest plans, its names fit to be parts of a path."""
    planned: set[tuple[str, str, int]] = set()
    for entry in manifest.tasks:
        for name in (entry.task, *entry.variants):
            if not re.match(NAME, name) or len(name) > 64:
                raise RecordError(f"{where}: {name[:40]!r} is not a name")
        if len(entry.variants) * len(entry.seeds) > 100_000:
            raise RecordError(f"{where}: task {entry.task!r} plans too many episodes")
        for seed in entry.seeds:
            if not 0 <= seed < MAXIMUM_SEED:
                raise RecordError(f"{where}: task {entry.task!r}: a seed is a number from 0 to {MAXIMUM_SEED - 1}")
        keys = [(entry.task, variant, seed) for variant in entry.variants for seed in entry.seeds]
        if len(set(keys)) < len(keys) or planned & set(keys):
            raise RecordError(f"{where}: task {entry.task!r} plans an episode twice")
        planned |= set(keys)
    return planned


def _lines(path: Path) -> Iterator[tuple[int, BundleLine]]:
    """The lines of a bundle, checked one by one. The first is the Submission, and no other is."""
    if path.is_symlink() or not path.is_file():
        raise RecordError(f"{path}: not a run's directory and not a submission's file")
    compressed = path.stat().st_size
    if compressed > MAXIMUM_COMPRESSED:
        raise RecordError(f"{path}: {compressed} bytes are more than a bundle may have ({MAXIMUM_COMPRESSED})")
    largest = min(MAXIMUM_SIZE, max(1024**2, MAXIMUM_RATIO * compressed))
    size = number = 0
    try:
        with gzip.open(path, "rb") as file:
            while raw := file.readline(MAXIMUM_LINE + 1):
                number += 1
                size += len(raw)
                if size > largest:
                    raise RecordError(f"{path}:{number}: it unpacks to more than {largest} bytes")
                if len(raw) > MAXIMUM_LINE:
                    raise RecordError(f"{path}:{number}: a line of more than {MAXIMUM_LINE} bytes")
                line = _LINES.validate_json(raw)
                if (number == 1) != isinstance(line, Submission):
                    raise RecordError(f"{path}:{number}: a line of type {line.type!r} cannot stand here")
                _check_values(line.model_dump(), f"{path}:{number}")
                yield number, line
    except ValidationError as error:
        raise RecordError(f"{path}:{number}: {first_line(error)[:300]}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise RecordError(f"{path}: not a whole gzip file: {error}") from None
    if not number:
        raise RecordError(f"{path}: the bundle is empty")


def _check_values(value: Any, where: str, depth: int = 0) -> None:
    """No nesting without end, and no number that is none or beyond use."""
    if depth > MAXIMUM_DEPTH:
        raise RecordError(f"{where}: nested more than {MAXIMUM_DEPTH} deep")
    if isinstance(value, dict):
        for inner in value.values():
            _check_values(inner, where, depth + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _check_values(inner, where, depth + 1)
    elif isinstance(value, (int, float)) and (not math.isfinite(value) or abs(value) > MAXIMUM_NUMBER):
        raise RecordError(f"{where}: {str(value)[:40]} is not a number that a record has")


def _without_paths(value: Any) -> Any:
    """Plain data without the folders of the machine that it comes from: /home/me/model.gguf is model.gguf."""
    if isinstance(value, dict):
        return {key: _without_paths(inner) if key not in ("text", "observation") else inner
                for key, inner in value.items()}  # fmt: skip
    if isinstance(value, list):
        return [_without_paths(inner) for inner in value]
    return _PATH.sub(r"\1", value) if isinstance(value, str) else value
