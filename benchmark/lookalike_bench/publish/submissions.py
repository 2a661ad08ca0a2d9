"""What a leaderboard accepts: a bundle that is complete, plausible, and comes out the same when it is replayed.

    tasks, suites = load_folder(Path("tasks"))      # tasks/suite.py: their current versions
    problems = check(run, tasks, suites)            # from the data alone; [] where there is nothing to object to
    mark_verified(path, replayed_steps)             # written beside the bundle after a replay without divergence

No model and no secret is needed: the bundle holds every action, and a replay shows what they lead to.
"""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lookalike_bench import __version__
from lookalike_bench.errors import RecordError
from lookalike_bench.records.bundles import SUFFIX, Submission, unpack
from lookalike_bench.records.schema import EpisodeEnd, EpisodeHeader, TaskEntry
from lookalike_bench.records.store import EpisodeRecord, Run, first_line
from lookalike_bench.tasks.suite import Suite
from lookalike_bench.tasks.task import Task
from lookalike_bench.tasks.variants import BUILT_IN_VARIANTS

MARK_SUFFIX = ".verified.json"
_SETTINGS = ("variants", "player", "critic")


class VerifiedMark(BaseModel):
    """That a bundle was replayed without divergence: which one, when, with what, and how many steps."""

    model_config = ConfigDict(extra="forbid")

    sha256: str
    date: str
    commit: str | None
    version: str
    steps: int


@dataclass(frozen=True)
class Accepted:
    """A submission of a leaderboard, unpacked. `verified` is None where no replay has been recorded."""

    path: Path
    submission: Submission
    run: Run
    verified: VerifiedMark | None

    @property
    def slug(self) -> str:
        """The file's name, which is the submission's address."""
        return self.path.name.removesuffix(SUFFIX)


def load_submissions(folder: Path, into: Path) -> list[Accepted]:
    """Every submission in a folder, unpacked each into a folder of its own below `into`."""
    accepted = []
    for number, path in enumerate(sorted(folder.glob(f"*{SUFFIX}"))):
        submission, run = unpack(path, into / str(number))
        accepted.append(Accepted(path, submission, run, read_mark(path)))
    return accepted


def check(run: Run, tasks: Mapping[str, Task], suites: Mapping[str, Suite]) -> Iterator[str]:
    """Everything that keeps a run off the leaderboard, a line each."""
    manifest = run.read_manifest()
    if not manifest.tasks:
        yield "it plays no task"
    for asked in manifest.suites:
        suite = suites.get(asked.suite)
        if suite is None:
            yield f"{asked.suite}: there is no such suite (suites: {', '.join(sorted(suites))})"
        elif asked.tasks != suite.task_names:
            yield f"{asked.suite}: it is another version of the suite, whose tasks are {', '.join(suite.task_names)}"
    for entry in manifest.tasks:
        task = tasks.get(entry.task)
        if task is None:
            yield f"{entry.task}: there is no such task (tasks: {', '.join(sorted(tasks))})"
            continue
        objections = list(_check_entry(entry, task))
        yield from objections
        if objections:
            continue
        for variant in entry.variants:
            for seed in entry.seeds:
                episode = run.episode(entry.task, variant, seed)
                if episode is None:
                    yield f"{entry.task}/{variant}/seed-{seed}: the episode is missing"
                else:
                    where = f"{entry.task}/{variant}/seed-{seed}"
                    yield from (f"{where}: {objection}" for objection in _check_episode(episode, entry, task))


def _check_entry(entry: TaskEntry, task: Task) -> Iterator[str]:
    """Completeness: the task's current version, and all of its seeds."""
    played = {key: value for key, value in entry.definition.items() if key not in _SETTINGS}
    current = {key: value for key, value in task.definition.items() if key not in _SETTINGS}
    if entry.hash != task.hash or played != current:
        differ = sorted(key for key in {**played, **current} if played.get(key) != current.get(key))
        yield f"{entry.task}: it plays another version of the task ({entry.hash}, current {task.hash}): " + (
            f"{', '.join(differ)[:200]}" if differ else "the hash differs"
        )
    missing = sorted(set(task.published_seeds) - set(entry.seeds))
    if missing:
        yield f"{entry.task}: seeds are missing: {', '.join(map(str, missing))}"
    more = sorted(set(entry.seeds) - set(task.published_seeds))
    if more:
        yield f"{entry.task}: seeds that the task does not have: {', '.join(map(str, more[:10]))}"
    if not entry.variants:
        yield f"{entry.task}: it plays no variant"
    defined = entry.definition.get("variants")
    for variant in entry.variants:
        settings = defined.get(variant) if isinstance(defined, dict) else None
        if not isinstance(settings, dict) or not isinstance(settings.get("method"), str):
            yield f"{entry.task}: variant {variant!r} is not defined in the manifest"
        elif variant in BUILT_IN_VARIANTS and settings["method"] != BUILT_IN_VARIANTS[variant][1].method:
            yield f"{entry.task}: variant {variant!r} is played by the method {settings['method'][:40]!r}: rename it"


def _check_episode(episode: EpisodeRecord, entry: TaskEntry, task: Task) -> Iterator[str]:
    """Plausibility: an episode that could have been played by the method that it names."""
    header, end = episode.header, episode.end
    settings = entry.definition["variants"][header.variant]
    yield from _check_header(header, settings, entry, task)
    if end is None:
        yield "it is not finished"
    elif end.status == "errored":
        yield "it errored; play it again (run --resume): an error is not a result"
    else:
        yield from _check_end(episode, end)
    members = len(header.temperatures)
    per_copy: dict[int, int] = {}
    for step in episode.steps:
        per_copy[step.copy_index] = per_copy.get(step.copy_index, 0) + 1
        if step.step != per_copy[step.copy_index]:
            yield f"step {step.step} of copy {step.copy_index} is out of order"
            return
        if not step.proposals or len(step.proposals) > members:
            yield f"step {step.step} has {len(step.proposals)} proposals of {members} members"
            return
        if len({proposal.member for proposal in step.proposals}) < len(step.proposals):
            yield f"step {step.step} has two proposals of one member"
            return
    if len(per_copy) > members:
        yield f"{len(per_copy)} copies of the environment for {members} members"
    if max(per_copy.values(), default=0) > task.file.max_steps:
        yield f"it has more than the {task.file.max_steps} steps that the task allows"


def _check_header(header: EpisodeHeader, settings: dict[str, object], entry: TaskEntry, task: Task) -> Iterator[str]:
    expected = (
        ("task_hash", header.task_hash, entry.hash),
        ("environment", header.environment, task.file.environment.model_dump(mode="json")),
        ("method", header.method, settings.get("method")),
        ("temperatures", header.temperatures, settings.get("temperatures")),
        ("reveal", header.reveal, settings.get("reveal")),
        ("critic", header.critic is None, settings.get("critic") is None),
    )
    for name, said, known in expected:
        if said != known:
            yield f"{name} is {said!r}"[:120] + f", but the manifest says {known!r}"[:120]


def _check_end(episode: EpisodeRecord, end: EpisodeEnd) -> Iterator[str]:
    if end.success is None or end.progress is None or end.score is None:
        yield "it is scored, but success, progress or score is missing"
    used = [usage for step in episode.steps for usage in step.usages]
    for name in ("prompt_tokens", "cached_tokens", "completion_tokens"):
        claimed, found = getattr(end.usage, name), sum(getattr(usage, name) for usage in used)
        if claimed != found:
            yield f"{name}: the end says {claimed}, the steps add up to {found}"
    if end.seconds < 0 or (end.cost_usd is not None and end.cost_usd < 0):
        yield "time and cost cannot be negative"


def mark_verified(path: Path, steps: int) -> VerifiedMark:
    """Write the mark beside a bundle that was replayed without divergence."""
    mark = VerifiedMark(
        sha256=_sha256(path),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        commit=_commit(path.parent),
        version=__version__,
        steps=steps,
    )
    _mark_path(path).write_text(mark.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return mark


def read_mark(path: Path) -> VerifiedMark | None:
    """The mark of a bundle, if it has one and it is this bundle's. Raises RecordError."""
    if not _mark_path(path).exists():
        return None
    try:
        mark = VerifiedMark.model_validate_json(_mark_path(path).read_bytes())
    except ValidationError as error:
        raise RecordError(f"{_mark_path(path)}: {first_line(error)}") from None
    return mark if mark.sha256 == _sha256(path) else None


def _mark_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(SUFFIX) + MARK_SUFFIX)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _commit(folder: Path) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None
