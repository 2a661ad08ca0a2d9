"""What many tests need: the corridor task, a cache of their own, and pytester for the runner."""

from __future__ import annotations

import signal
import subprocess
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from lookalike_bench.errors import EnvironmentFailure
from lookalike_plugins.environments.procgen import open_machine

from tests.browser import CHROMIUM, Browser

pytest_plugins = ["pytester"]

FAKE_PLUGINS = Path(__file__).parent / "fake_plugins.py"

CORRIDOR_TASK = """
name: corridor
environment: {plugin: corridor}
videos: [{file: play.mp4}]
goal: {victory: true}
max_steps: 6
seeds: 0-2
player: {plugin: believer}
critic: {plugin: east}
variants:
  baseline: {}
  single: {}
  swarm: {members: 3}
"""


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory that nobody else uses."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("LOOKALIKE_CACHE", str(cache))
    return cache


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, shared by the tests of a module."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def procgen() -> None:
    """Skips where neither of the packages that have Procgen can be loaded."""
    try:
        open_machine("maze", "easy", 0).close()
    except EnvironmentFailure as missing:
        pytest.skip(str(missing))


def write_task(folder: Path, changes: str = "", *, without: tuple[str, ...] = (), name: str = "corridor.yaml") -> Path:
    """The corridor task in a file, with top-level keys left out and others added."""
    lines = []
    dropping = False
    for line in CORRIDOR_TASK.strip().splitlines():
        if not line.startswith(" "):
            dropping = line.split(":")[0] in without
        if not dropping:
            lines.append(line)
    # The fake critic does not look: any file will do.
    (folder / "play.mp4").write_bytes(b"a video")
    path = folder / name
    path.write_text("\n".join([*lines, textwrap.dedent(changes).strip(), ""]))
    return path


def playing(command: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    """A process that plays into `run`, once it is in the middle of an episode."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What is started in the background of a shell ignores interrupts, and so would everything that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not list((folder / "run").glob("episodes/*/*/*.partial")):
        time.sleep(0.05)
    return process


def write_suite(folder: Path) -> Path:
    """A suite of two corridors in files, `short.yaml` and `long.yaml`, of which the long one is harder."""
    for name, length in (("short", 3), ("long", 5)):
        changes = f"name: {name}\nenvironment: {{plugin: corridor, length: {length}}}"
        write_task(folder, changes, without=("name", "environment"), name=f"{name}.yaml")
    path = folder / "corridors.yaml"
    path.write_text("name: corridors\nsuite: [short.yaml, long.yaml]\n")
    return path
