"""The manifest of a run: everything that changes a result, and nothing that does not."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lookalike_bench.errors import RecordError
from lookalike_bench.plugins.manager import PluginManager
from lookalike_bench.records.schema import Manifest, SuiteEntry, TaskEntry
from lookalike_bench.records.store import Run
from lookalike_bench.tasks.suite import Suite
from lookalike_bench.tasks.task import Task


def make_manifest(tasks: Sequence[Task], plugins: PluginManager, suites: Sequence[Suite] = ()) -> Manifest:
    """The manifest of a run of these tasks, here and now. `suites` are those that the tasks were named by."""
    return Manifest(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tasks=[
            TaskEntry(
                task=task.name,
                hash=task.hash,
                stand_in_for=task.stand_in_for,
                definition=task.definition,
                seeds=task.file.seeds,
                variants=[variant.name for variant in task.variants],
                expect=task.file.expect,
            )
            for task in tasks
        ],
        suites=[SuiteEntry(suite=suite.name, tasks=suite.task_names) for suite in suites],
        plugins=plugins.versions(),
        packages=_package_versions(),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        git_commit=_git_commit(tasks[0].folder) if tasks else None,
        command=["lookalike-bench", *sys.argv[1:]],
    )


def check_same_run(run: Run, new: Manifest) -> Manifest:
    """The manifest of a run that is resumed, if it is the same run. Raises RecordError naming what differs."""
    old = run.read_manifest()
    if [entry.task for entry in old.tasks] != [entry.task for entry in new.tasks]:
        raise RecordError(f"--resume {run.path}: it plays {_names(old)}, not {_names(new)}")
    if old.suites != new.suites:
        raise RecordError(f"--resume {run.path}: it plays {_suites(old)}, not {_suites(new)}")
    for before, now in zip(old.tasks, new.tasks, strict=True):
        if before.definition != now.definition:
            changed = sorted(
                key
                for key in {**before.definition, **now.definition}
                if before.definition.get(key) != now.definition.get(key)
            )
            raise RecordError(f"--resume {run.path}: task {now.task!r} has changed since: {', '.join(changed)}")
        if before.seeds != now.seeds:
            raise RecordError(
                f"--resume {run.path}: task {now.task!r} has other seeds: {before.seeds}, now {now.seeds}"
            )
    for kind, before_versions, now_versions in (
        ("plugin", old.plugins, new.plugins),
        ("package", old.packages, new.packages),
    ):
        for name, version in before_versions.items():
            if now_versions.get(name) != version:
                now_version = now_versions.get(name, "missing")
                raise RecordError(f"--resume {run.path}: {kind} {name} was {version}, is {now_version}")
    return old


def _names(manifest: Manifest) -> str:
    return ", ".join(entry.task for entry in manifest.tasks)


def _suites(manifest: Manifest) -> str:
    named = [f"the suite {entry.suite} of {', '.join(entry.tasks)}" for entry in manifest.suites]
    return " and ".join(named) or "its tasks as no suite"


def _package_versions() -> dict[str, str]:
    """The versions of this package and of whatever of its dependencies, optional ones too, is installed."""
    versions = {"lookalike-bench": importlib.metadata.version("lookalike-bench")}
    for requirement in importlib.metadata.requires("lookalike-bench") or []:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def _git_commit(folder: Path) -> str | None:
    """The commit that the task files are at; None outside a repository. A changed tree is marked."""
    try:
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None if described.returncode == 0 else None
