"""`lookalike-bench run`: wrong use is one line and exit code 2, before anything is made; and how it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lookalike_bench.records.store import Run

from tests.conftest import FAKE_PLUGINS, playing, write_suite, write_task

pytestmark = pytest.mark.usefixtures("own_cache")

COMMAND = [sys.executable, "-m", "lookalike_bench.cli.main", "run", "--plugin", str(FAKE_PLUGINS)]
LINGERING_PLAYER = f"""
import asyncio
import sys
sys.path.insert(0, {str(FAKE_PLUGINS.parents[1])!r})
from lookalike_bench.plugins import hookimpl
from tests.fake_plugins import Believer

class Lingering(Believer):
    async def close(self):
        print("closing", file=sys.stderr, flush=True)
        await asyncio.sleep(2)
        print("closed", file=sys.stderr, flush=True)

@hookimpl
def lookalike_players():
    return {{"lingering": Lingering}}
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def refused(folder: Path, *arguments: str) -> str:
    """The one line that wrong use gets. Nothing else is printed, and no run is made."""
    told = run(folder, *arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert not (folder / "runs").exists()
    [line] = told.stderr.splitlines()
    return line.removeprefix("lookalike-bench: ")


@pytest.mark.parametrize(
    "option", ["variants", "seeds", "player", "critic", "out", "budget", "prices", "max-connections", "timeout"]
)
def test_an_empty_value_is_not_the_tasks_own(tmp_path: Path, option: str) -> None:
    write_task(tmp_path)
    assert refused(tmp_path, "corridor.yaml", f"--{option}", "").startswith(f"--{option} is empty")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--budget", "x"), "--budget is a number above 0, got 'x'"),
        (("--timeout", "0"), "--timeout is a number above 0, got '0'"),
        (("--prices", "nofile"), "nofile: no such file"),
        (("--seeds", "4-1"), "--seeds 4-1: the range 4-1 runs backwards"),
        (("--plugin", "nope.py", "--player", "random"), "--plugin nope.py: no such file"),
        (("--player", "random:decode=chose"), "--player random:decode=chose: decode: input should be 'choose', "),
        (("--variants", "singel"), "--variants: no variant is called 'singel'; did you mean 'single'?"),
        (("--out", "play.mp4"), "play.mp4: a run is a folder, and there is a file of this name"),
        (("--out", "play.mp4/run"), "play.mp4/run: no run can be written here: Not a directory"),
        (("--out", "x" * 300), "x" * 300 + ": no run can be written here: File name too long"),
    ],
)
def test_a_wrong_option_is_told_once_for_all_tasks(tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    write_suite(tmp_path)
    assert refused(tmp_path, "corridors.yaml", *arguments).startswith(expected)


def test_a_wrong_value_names_the_nearest_right_one(tmp_path: Path) -> None:
    write_task(tmp_path)
    assert refused(tmp_path, "corridor.yaml", "--player", "random:decode=chose").endswith("did you mean 'choose'?")


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("key", "change", "expected"),
    [
        ("environment", "{plugin: corridor, lenght: 3}", "environment 'corridor' has no argument 'lenght'; did you"),
        ("environment", "{plugin: corridro}", "no environment is called 'corridro'; did you mean 'corridor'?"),
        ("critic", "{plugin: east, prais: 1.0}", "variant 'single': critic 'east' has no argument 'prais'; did you"),
    ],
)
def test_a_wrong_argument_is_found_before_a_run_is_made(
    tmp_path: Path, key: str, change: str, expected: str, more: tuple[str, ...]
) -> None:
    write_task(tmp_path, f"{key}: {change}", without=(key,))
    assert refused(tmp_path, "corridor.yaml", *more).startswith(f"corridor.yaml: {expected}")


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ("corridors.yaml::shrot", "no task is called 'shrot'; did you mean 'short'?"),
        ("corridors.yaml::short::singel", "no variant is called 'singel'; did you mean 'single'?"),
        ("short.yaml::singel", "no variant is called 'singel'; did you mean 'single'?"),
        ("short.yaml::single::seed7", "no seed is called 'seed7'"),
        ("short.yaml::single::seed0::step1", "nothing is selected below a seed"),
        ("play.mp4", "not a task file"),
        ("shrot.yaml", "no such task file; did you mean short.yaml?"),
    ],
)
def test_what_is_selected_and_not_there_is_named(tmp_path: Path, selected: str, expected: str) -> None:
    write_suite(tmp_path)
    assert refused(tmp_path, selected).startswith(f"{selected}: {expected}")


def test_a_selection_is_played(tmp_path: Path) -> None:
    write_suite(tmp_path)
    told = run(tmp_path, "corridors.yaml::short::single::seed1", "long.yaml::single::seed2", "--json", "--out", "run")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)
    assert [episode.key for episode in Run(tmp_path / "run").episodes()] == [
        ("long", "single", 2),
        ("short", "single", 1),
    ]


def test_wrong_use_that_shows_when_a_run_begins_is_told_once(tmp_path: Path) -> None:
    write_task(tmp_path, "videos: [{file: other.mp4}]", without=("videos",))
    told = run(tmp_path, "corridor.yaml::single", "corridor.yaml::swarm")
    lines = [line for line in told.stderr.splitlines() if "other.mp4: no such file" in line]
    assert (told.returncode, told.stdout, len(lines)) == (2, "", 1)


def test_an_episode_of_a_task_elsewhere_is_named_with_its_path(tmp_path: Path) -> None:
    write_task(tmp_path, "player: {plugin: believer, broken: true}", without=("player",))
    (tmp_path / "here").mkdir()
    told = run(tmp_path / "here", "../corridor.yaml::baseline::seed0")
    assert told.returncode == 1
    assert "lookalike-bench: ../corridor.yaml::baseline::seed0: PlayerFailure" in told.stderr


def test_a_run_that_is_there_is_gone_on_with_by_resume_only(tmp_path: Path) -> None:
    write_task(tmp_path)
    call = ("corridor.yaml", "--variants", "single", "--out", "run")
    begun = run(tmp_path, *call, "--resume")
    assert begun.returncode == 0 and "--resume: there was no run in run; a new one begins" in begun.stderr
    assert refused(tmp_path, *call) == "run holds a run already; go on with it by --resume, or name another --out"
    assert refused(tmp_path, *call, "--resume", "--seeds", "9").startswith("--resume run: task 'corridor' has other")
    again = run(tmp_path, *call, "--resume")
    assert again.returncode == 0 and "a new one begins" not in again.stderr


def test_a_second_interrupt_ends_in_one_line(tmp_path: Path) -> None:
    changes = "environment: {plugin: corridor, length: 20}\nmax_steps: 30\nplayer: {plugin: lingering, wait: 0.2}"
    write_task(tmp_path, changes, without=("player", "environment", "max_steps"))
    (tmp_path / "lingering.py").write_text(LINGERING_PLAYER)
    process = playing([*COMMAND, "corridor.yaml::baseline", "--plugin", "lingering.py", "--out", "run"], tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "closing" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    closed, line = errors.splitlines()
    assert closed == "closed" and line.startswith("lookalike-bench: interrupted; go on with: lookalike-bench run")
