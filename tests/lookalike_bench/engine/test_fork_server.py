"""Environments in forked processes: what a new interpreter for each gives, sooner and in less memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lookalike_bench.engine import fork_server
from lookalike_bench.engine.fork_server import Forked
from lookalike_bench.engine.isolation import IsolatedEnvironment
from lookalike_bench.errors import EnvironmentFailure
from lookalike_bench.plugins.manager import Registered

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems get a new interpreter each time")

MODULE = """
import os, time
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.types import EnvironmentInfo, Observation

IMPORTED_BY = os.getpid()


class Traps(Environment):
    info = EnvironmentInfo("traps", "", "", (), (0, 1), "traps")

    def reset(self, seed):
        self.count = seed
        return Observation("begun")

    def step(self, action):
        if action == "abort":
            os.abort()
        if action == "exit":
            os._exit(7)
        if action == "hang":
            time.sleep(60)
        self.count += 1
        return Observation(f"{self.count} {IMPORTED_BY} {os.getpid()} {os.environ.get('TRAP')} {os.getcwd()}")

    def actions(self): return []
    def snapshot(self): return b""
    def restore(self, snapshot): pass
"""


@pytest.fixture
def traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registered]:
    (tmp_path / "trap_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registered("environment", "traps", "trap_module:Traps", "test", "0")
    fork_server._forget("trap_module")


def test_the_module_is_imported_once_and_the_environments_are_apart(traps: Registered) -> None:
    with IsolatedEnvironment(traps) as one, IsolatedEnvironment(traps) as other:
        one.reset(0)
        other.reset(10)
        first, second = one.step("go").text.split(), other.step("go").text.split()
    assert isinstance(one._process, Forked)
    assert (first[0], second[0]) == ("1", "11")
    assert first[1] == second[1], "imported by the server"
    assert len({first[1], first[2], second[2], str(os.getpid())}) == 4


def test_a_child_lives_in_todays_variables_and_directory(
    traps: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("monday", "tuesday"):
        (tmp_path / day).mkdir()
        monkeypatch.setenv("TRAP", day)
        monkeypatch.chdir(tmp_path / day)
        with IsolatedEnvironment(traps) as environment:
            environment.reset(0)
            assert environment.step("go").text.split()[3:] == [day, str(tmp_path / day)]


@pytest.mark.parametrize(
    ("trap", "message"), [("abort", "ended by SIGABRT"), ("exit", "exited with code 7"), ("hang", "hung")]
)
def test_a_death_costs_one_environment_and_says_how(traps: Registered, trap: str, message: str) -> None:
    with IsolatedEnvironment(traps, call_timeout=0.5) as other, IsolatedEnvironment(traps, call_timeout=0.5) as dying:
        other.reset(0)
        dying.reset(0)
        with pytest.raises(EnvironmentFailure, match=message):
            dying.step(trap)
        assert not dying.alive
        assert other.step("go").text.startswith("1 ")


def test_no_process_is_left_behind(traps: Registered) -> None:
    environment = IsolatedEnvironment(traps)
    assert environment.alive
    environment.close()
    assert not environment.alive and not Path(f"/proc/{environment._process.pid}").exists()


def test_a_module_that_cannot_be_imported_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_module.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EnvironmentFailure, match="no_such_package"):
        IsolatedEnvironment(Registered("environment", "broken", "broken_module:Broken", "test", "0"))
    fork_server._forget("broken_module")


def test_a_module_that_kills_its_interpreter_is_an_error_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly_module.py").write_text("import os; os.abort()")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EnvironmentFailure, match="ended by SIGABRT"):
        IsolatedEnvironment(Registered("environment", "deadly", "deadly_module:Deadly", "test", "0"))


THREADED = """
import threading, time
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.types import EnvironmentInfo, Observation

threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


class Threaded(Environment):
    info = EnvironmentInfo("threaded", "", "", (), (0, 1), "threaded")

    def reset(self, seed): return Observation("begun")
    def step(self, action): return Observation("on")
    def actions(self): return []
    def snapshot(self): return b""
    def restore(self, snapshot): pass
"""


def test_a_module_that_runs_threads_is_not_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "threaded_module.py").write_text(THREADED)
    monkeypatch.syspath_prepend(str(tmp_path))
    with IsolatedEnvironment(Registered("environment", "t", "threaded_module:Threaded", "test", "0")) as environment:
        assert isinstance(environment._process, subprocess.Popen)
        assert environment.reset(0).text == "begun"
    fork_server._forget("threaded_module")


LAZY = MODULE.replace(
    "    def reset(self, seed):",
    "    def __init__(self):\n"
    "        import sys\n"
    "        self.found = 'wave' in sys.modules\n"
    "        import wave\n\n"
    "    def reset(self, seed):",
).replace("{IMPORTED_BY}", "{self.found}")


def test_what_the_first_environment_imported_the_next_finds_imported(
    traps: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trap_module.py").write_text(LAZY)
    found = []
    for _ in range(2):
        with IsolatedEnvironment(traps) as environment:
            environment.reset(0)
            found.append(environment.step("go").text.split()[1])
    assert found == ["False", "True"]


PARENT = """
import sys, time
sys.path[:] = {path!r}
from lookalike_bench.engine.isolation import IsolatedEnvironment
from lookalike_bench.plugins.manager import Registered
environment = IsolatedEnvironment(Registered("environment", "traps", "trap_module:Traps", "test", "0"))
print(environment._process.pid, flush=True)
time.sleep(60)
"""


def test_children_end_with_their_parent(traps: Registered) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(path=sys.path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
