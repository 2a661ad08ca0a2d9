"""A run on disk.

    runs/zork-20261122-193000/
        manifest.json
        reward-models/<key>.yaml
        episodes/zork/swarm/seed-0.jsonl            finished, scored or errored
        episodes/zork/swarm/seed-1.jsonl.partial    being played, or interrupted: --resume goes on from it

A line is on disk before the next step begins, and a file gets its final name only when its last line is
written, so an interrupt at any moment leaves whole lines and a run that resumes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter, ValidationError

from lookalike_bench.errors import RecordError
from lookalike_bench.records.schema import EpisodeEnd, EpisodeHeader, Manifest, RecordLine, StepRecord

MAXIMUM_LINE = 16 * 1024 * 1024
_LINES: TypeAdapter[RecordLine] = TypeAdapter(RecordLine)


@dataclass(frozen=True)
class EpisodeRecord:
    """One episode, read back. `end` is None where it was interrupted."""

    path: Path
    header: EpisodeHeader
    steps: list[StepRecord]
    end: EpisodeEnd | None

    @property
    def key(self) -> tuple[str, str, int]:
        return self.header.task, self.header.variant, self.header.seed


class EpisodeWriter:
    """Writes one episode's lines as they happen."""

    def __init__(self, path: Path, keep: int = 0) -> None:
        """`keep`: how many lines of an interrupted episode stay; what follows them is cut off."""
        self.path = path
        self.partial = partial_path(path)
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        if keep:
            kept = self.partial.read_bytes().splitlines(keepends=True)[:keep]
            replacement = self.partial.with_suffix(".rewrite")
            replacement.write_bytes(b"".join(kept))
            replacement.replace(self.partial)
        self.file: TextIO = self.partial.open("a" if keep else "w", encoding="utf-8", newline="\n")

    def write(self, line: EpisodeHeader | StepRecord | EpisodeEnd) -> None:
        self.file.write(line.model_dump_json(by_alias=True, exclude_defaults=False) + "\n")
        self.file.flush()

    def finish(self, end: EpisodeEnd) -> None:
        """Write the last line and give the file its final name."""
        self.write(end)
        os.fsync(self.file.fileno())
        self.file.close()
        self.partial.replace(self.path)

    def abandon(self) -> None:
        """Stop writing; what is there can be resumed."""
        self.file.close()


class Run:
    """A run's directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def manifest_path(self) -> Path:
        return self.path / "manifest.json"

    def make_folder(self) -> None:
        """Make the directory, if it is not there. Raises RecordError where it cannot be."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise RecordError(f"{self.path}: a run is a folder, and there is a file of this name") from None
        except OSError as error:
            raise RecordError(f"{self.path}: no run can be written here: {error.strerror}") from None

    def write_manifest(self, manifest: Manifest) -> None:
        """Begin the run on disk. Raises RecordError where it cannot be written."""
        self.make_folder()
        partial = self.manifest_path.with_suffix(".json.partial")
        try:
            partial.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
            partial.replace(self.manifest_path)
        except OSError as error:
            raise RecordError(f"{self.path}: no run can be written here: {error.strerror}") from None

    def read_manifest(self) -> Manifest:
        """Raises RecordError if there is no run here or its manifest is not one."""
        try:
            return Manifest.model_validate_json(self.manifest_path.read_bytes())
        except FileNotFoundError:
            raise RecordError(f"{self.path}: not a run (it has no manifest.json)") from None
        except (OSError, ValidationError, ValueError) as error:
            raise RecordError(f"{self.manifest_path}: {first_line(error)}") from None

    def episode_path(self, task: str, variant: str, seed: int) -> Path:
        return self.path / "episodes" / task / variant / f"seed-{seed}.jsonl"

    def reward_model_path(self, key: str) -> Path:
        return self.path / "reward-models" / f"{key}.yaml"

    def finished(self, task: str, variant: str, seed: int) -> EpisodeEnd | None:
        """How an episode ended, without reading its steps; None if it has not."""
        path = self.episode_path(task, variant, seed)
        if not path.exists():
            return None
        line = _last_line(path)
        try:
            end = _LINES.validate_json(line)
        except ValidationError as error:
            raise RecordError(f"{path}: its last line is not the end of an episode: {first_line(error)}") from None
        if not isinstance(end, EpisodeEnd):
            raise RecordError(f"{path}: its last line is not the end of an episode")
        return end

    def episode(self, task: str, variant: str, seed: int) -> EpisodeRecord | None:
        """One episode, finished or interrupted; None if it was not begun. Raises RecordError."""
        path = self.episode_path(task, variant, seed)
        found = next((found for found in (path, partial_path(path)) if found.exists()), None)
        episode = read_episode(found) if found else None
        if episode is not None and episode.key != (task, variant, seed):
            raise RecordError(f"{found}: it says that it is {'/'.join(map(str, episode.key))[:200]}")
        return episode

    def episodes(self) -> Iterator[EpisodeRecord]:
        """Every episode with a file, interrupted ones too, in a fixed order."""
        folder = self.path / "episodes"
        paths = [*folder.glob("*/*/seed-*.jsonl"), *folder.glob("*/*/seed-*.jsonl.partial")]
        for path in sorted(paths, key=lambda path: (*path.parts[-3:-1], _seed_of(path))):
            if path.suffix == ".partial" and path.with_suffix("").exists():
                continue
            episode = read_episode(path)
            if episode is not None:
                yield episode


def partial_path(path: Path) -> Path:
    return path.with_suffix(path.suffix + ".partial")


def read_episode(path: Path) -> EpisodeRecord | None:
    """Read one episode; None if it was interrupted before its first line was whole. Raises RecordError with
    file:line. A torn last line of an interrupted episode is dropped: it was never acted on."""
    header: EpisodeHeader | None = None
    steps: list[StepRecord] = []
    end: EpisodeEnd | None = None
    interrupted = path.suffix == ".partial"
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if interrupted and not raw.endswith(b"\n"):
                break
            if len(raw) > MAXIMUM_LINE:
                raise RecordError(f"{path}:{number}: a line of more than {MAXIMUM_LINE} bytes")
            try:
                line = _LINES.validate_json(raw)
            except ValidationError as error:
                raise RecordError(f"{path}:{number}: {first_line(error)}") from None
            if (number == 1) != isinstance(line, EpisodeHeader) or end is not None:
                raise RecordError(f"{path}:{number}: a line of type {line.type!r} cannot stand here")
            if isinstance(line, EpisodeHeader):
                header = line
            elif isinstance(line, StepRecord):
                steps.append(line)
            else:
                end = line
    if header is None:
        if interrupted:
            return None
        raise RecordError(f"{path}: the file is empty")
    if end is None and not interrupted:
        raise RecordError(f"{path}: the episode has no end line")
    return EpisodeRecord(path, header, steps, end)


def _last_line(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        chunk = 4096
        while True:
            file.seek(max(0, size - chunk))
            lines = file.read().splitlines()
            if len(lines) > 1 or chunk >= size:
                return lines[-1] if lines else b""
            chunk *= 4


def _seed_of(path: Path) -> int:
    digits = path.name.removeprefix("seed-").split(".")[0]
    return int(digits) if digits.isdigit() else -1


def first_line(error: Exception) -> str:
    """What is wrong, where, in one line."""
    if isinstance(error, ValidationError):
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        return f"{where}{': ' if where else ''}{problem['msg']}"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg}"
    return str(error).splitlines()[0]
