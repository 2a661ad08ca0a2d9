"""A suite: tasks that are played in one run and make one row, each weighing the same.

name: procgen
description: Five Procgen games, unseen levels
suite: [procgen-coinrun.yaml, procgen-maze.yaml]

load(Path("tasks/procgen.yaml"))        # a Suite; of any other file a Task
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lookalike_bench.errors import LookalikeError, TaskError
from lookalike_bench.tasks.schema import SuiteFile
from lookalike_bench.tasks.task import Task, is_suite, read_task
from lookalike_bench.tasks.yaml_file import Document, read_yaml


@dataclass(frozen=True)
class Suite:
    """One suite file, its tasks read."""

    path: Path
    file: SuiteFile
    tasks: tuple[Task, ...]

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def task_names(self) -> list[str]:
        return [task.name for task in self.tasks]


def load(path: Path) -> Task | Suite:
    """Read a file that is either. Raises TaskError with file:line, and touches no network, video or model."""
    document = read_yaml(path)
    return _read_suite(document) if is_suite(document) else read_task(document)


def load_folder(folder: Path) -> tuple[dict[str, Task], dict[str, Suite]]:
    """The current version of every task and every suite in a folder, by name. Raises TaskError."""
    found = [load(path) for path in sorted(folder.glob("*.yaml"))]
    tasks = {each.name: each for each in found if isinstance(each, Task)}
    return tasks, {each.name: each for each in found if isinstance(each, Suite)}


def _read_suite(document: Document) -> Suite:
    file = document.validate(SuiteFile)
    tasks: dict[str, Task] = {}
    for index, member in enumerate(file.suite):
        task = _read_member(document, index, member)
        if task.name in tasks:
            first = tasks[task.name].path
            same = first.resolve() == task.path.resolve()
            told = "stands here twice" if same else f"is {first.name} too; a run tells tasks apart by name"
            raise document.fail(("suite", index), f"{member}: the task {task.name!r} {told}")
        tasks[task.name] = task
    if file.name in tasks:
        raise document.fail(("name",), f"{file.name!r} is the name of one of its tasks")
    return Suite(document.path, file, tuple(tasks.values()))


def _read_member(document: Document, index: int, member: str) -> Task:
    """A task that a suite names. A file that is not there, or is a suite, is a mistake of this line."""
    path = document.path.parent / member
    wrong: LookalikeError
    try:
        found = read_yaml(path)
        if not is_suite(found):
            return read_task(found)
        wrong = document.fail(("suite", index), f"{member} is a suite itself; a suite names tasks")
    except TaskError as error:
        if os.path.exists(path):  # Path.exists() raises for a name that no file can have.
            raise
        wrong = document.fail(("suite", index), str(error))
    raise wrong
