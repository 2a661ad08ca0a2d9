"""A task, ready to be played: read from its file, `extends:` followed, variants complete."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from lookalike_bench.errors import TaskError, UsageError
from lookalike_bench.tasks.schema import Expectation, LocalPath, PlayerSpec, PluginSpec, TaskFile, local_path
from lookalike_bench.tasks.variants import Variant, resolve_variants
from lookalike_bench.tasks.yaml_file import Document, merged, read_yaml, wrong_value
from lookalike_bench.text import did_you_mean, shortened

__all__ = ["LocalPath", "Task", "load_task"]

SPEC = TypeVar("SPEC", bound=PluginSpec)


@dataclass(frozen=True)
class Task:
    """One task file, complete. `stand_in_for` names the task whose place this one takes."""

    path: Path
    file: TaskFile
    variants: tuple[Variant, ...]
    stand_in_for: str | None = None

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def folder(self) -> Path:
        """Where the task's relative paths start."""
        return self.path.parent

    @property
    def published_seeds(self) -> list[int]:
        """The seeds of a row on a leaderboard."""
        return self.file.published_seeds or self.file.seeds

    @property
    def expectations(self) -> list[Expectation]:
        return [Expectation.parse(subject, condition) for subject, condition in self.file.expect.items()]

    @property
    def variant_names(self) -> list[str]:
        return [variant.name for variant in self.variants]

    def variant(self, name: str) -> Variant:
        return next(variant for variant in self.variants if variant.name == name)

    @property
    def definition(self) -> dict[str, Any]:
        """Everything in the task that can change a result, as plain data."""
        aside = {"description", "expect", "stand_in", "variants", "seeds", "published_seeds"}
        kept = self.file.model_dump(mode="json", exclude=aside)
        return {**kept, "variants": {variant.name: variant.model_dump(mode="json") for variant in self.variants}}

    @cached_property
    def hash(self) -> str:
        """The task's version: two tasks that agree in it ask the same. Independent of which seeds are played
        and which variants are listed, since results are keyed by both."""
        common = {key: value for key, value in self.definition.items() if key not in ("variants", "player", "critic")}
        return hashlib.sha256(json.dumps(common, sort_keys=True).encode()).hexdigest()[:16]

    def with_options(
        self,
        *,
        variants: list[str] | None = None,
        seeds: list[int] | None = None,
        player: PluginSpec | None = None,
        critic: PluginSpec | None = None,
    ) -> Task:
        """This task as the command line changes it. A player or critic given there replaces the task's own,
        not those that a variant (a control) names for itself."""
        from lookalike_bench.tasks.schema import CriticSpec, VariantSpec
        from lookalike_bench.tasks.variants import BUILT_IN_VARIANTS

        changes: dict[str, Any] = {}
        if variants is not None:
            known = {**{name: VariantSpec() for name in BUILT_IN_VARIANTS}, **self.file.variants}
            for name in variants:
                if name not in known:
                    raise UsageError(f"--variants: {no_such('variant', name, list(known))}")
            changes["variants"] = {name: known[name] for name in variants}
        if seeds is not None:
            changes["seeds"] = seeds
        if player is not None:
            named = {"decode": self.file.player.decode, "plugin": player.plugin, **player.arguments}
            changes["player"] = _named("--player", player, PlayerSpec, named)
        if critic is not None:
            named = {"plugin": critic.plugin, **critic.arguments}
            changes["critic"] = _named("--critic", critic, CriticSpec, named)
        file = self.file.model_copy(update=changes)
        try:
            return replace(self, file=file, variants=tuple(resolve_variants(file)))
        except ValueError as error:
            raise UsageError(f"{self.path}: {error}") from None


def load_task(path: Path) -> Task:
    """Read a task file. Raises TaskError with file:line, and touches no network, video or model."""
    return read_task(read_yaml(path))


def read_task(document: Document) -> Task:
    """A task file's data as a task. Raises TaskError with file:line."""
    path = document.path
    document = _with_bases(document, seen=())
    file = document.validate(TaskFile)
    try:
        task = Task(path, file, tuple(resolve_variants(file)))
    except ValueError as error:
        raise document.fail(("variants",), str(error)) from None
    for subject, expectation in zip(file.expect, task.expectations, strict=True):
        if expectation.variant not in task.variant_names:
            raise document.fail(("expect", subject), no_such("variant", expectation.variant, task.variant_names))
    return task


def is_suite(document: Document) -> bool:
    """Whether a file names tasks, or is meant to, rather than being one."""
    data = document.data
    if not isinstance(data, dict):
        return False
    # A misspelt key is one too where nothing else speaks for a task: the error can then name the right one.
    of_tasks = {"extends", *TaskFile.model_fields} - {"name", "description"}
    misspelt = data.keys().isdisjoint(of_tasks) and difflib.get_close_matches("suite", data, 1, 0.8)
    return "suite" in data or bool(misspelt)


def load_stand_in(task: Task) -> Task | None:
    """The task that is played where this one's files cannot be had, under its own name."""
    if task.file.stand_in is None:
        return None
    return replace(load_task(task.folder / task.file.stand_in), stand_in_for=task.name)


def _with_bases(document: Document, seen: tuple[Path, ...]) -> Document:
    """Lay the document on the file that it extends."""
    if not isinstance(document.data, dict):
        raise document.fail((), "a task file is a mapping of keys to values")
    if is_suite(document):
        listed = document.data.get("suite")
        members = f", such as {', '.join(map(str, listed))}" if isinstance(listed, list) else ""
        raise document.fail(("suite",), f"this file is a suite, and one task is expected here{members}")
    base_name = document.data.pop("extends", None)
    if base_name is None:
        return document
    if not isinstance(base_name, str):
        raise document.fail(("extends",), "expected the path of another task file")
    try:
        base_path = document.path.parent / local_path(base_name)
    except ValueError as error:
        raise document.fail(("extends",), str(error)) from None
    if base_path in (*seen, document.path):
        raise document.fail(("extends",), f"{base_name} extends this file in turn")
    try:
        base = read_yaml(base_path)
    except TaskError as error:
        if os.path.exists(base_path):  # Path.exists() raises for a name that no file can have.
            raise
        raise document.fail(("extends",), str(error)) from None
    return merged(_with_bases(base, (*seen, document.path)), document)


def no_such(kind: str, name: str, known: list[str]) -> str:
    """What is said of a name that is not there, with the nearest that is."""
    name = shortened(name)
    hint = did_you_mean(name, known)
    return f"no {kind} is called {name!r}{hint} (known: {', '.join(known)})"


def _named(option: str, given: PluginSpec, model: type[SPEC], values: dict[str, Any]) -> SPEC:
    """A plugin that was named on the command line, as a task file would name it. Raises UsageError."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = "".join(f"{part}: " for part in problem["loc"])
        raise UsageError(f"{option} {shortened(str(given))}: {where}{wrong_value(problem)}") from None
