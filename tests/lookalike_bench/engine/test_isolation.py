"""Isolated environments: what a crash, a hang, an exception and a broken contract cost, and what passes through."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from lookalike_bench.engine.isolation import IsolatedEnvironment
from lookalike_bench.errors import AssetUnavailable, EnvironmentFailure
from lookalike_bench.plugins.manager import PluginManager, Registered, load_plugins

PLUGIN = '''
"""A corridor whose doors are traps."""

import os
import sys
import time

import numpy as np
from lookalike_bench.errors import AssetUnavailable
from lookalike_bench.plugins import hookimpl
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.types import EnvironmentInfo, Observation


class Corridor(Environment):
    def __init__(self, length=3, fault=""):
        if fault == "no file":
            raise AssetUnavailable("corridor.z3 cannot be had here")
        if fault == "bad start":
            raise ValueError("no corridor")
        self.length, self.place, self.seed = length, 0, 0

    @property
    def info(self):
        words = ("east", "west")
        return EnvironmentInfo("corridor", "Walk east.", "A word.", words, (0, self.length), "c", ("listed",))

    def reset(self, seed):
        self.place, self.seed = 0, seed
        return self.look()

    def step(self, action):
        if action == "abort":
            os.abort()
        if action == "exit":
            os._exit(7)
        if action == "hang":
            time.sleep(60)
        if action == "raise":
            raise ValueError("the floor\\ngave way")
        if action == "string":
            return "a string"
        if action == "nan":
            return Observation("", score=float("nan"))
        if action == "noise":
            print("noise on stdout")
            print("noise on stderr", file=sys.stderr)
            os.write(1, b"noise of C")
        self.place += {"east": 1, "west": -1}.get(action, 0)
        return self.look()

    def look(self):
        done = self.place >= self.length
        frame = np.full((4, 6, 3), self.place + 10, dtype=np.uint8)
        return Observation(f"Place {self.place} \\ud83d\\ude00", float(self.place), done, False, done, frame=frame,
                           milestones=(f"place {self.place}",))

    def snapshot(self):
        return bytes([self.place % 256, self.seed]) + bytes(range(256))

    def restore(self, snapshot):
        self.place, self.seed = snapshot[0], snapshot[1]

    def actions(self):
        return ["east", "west"] if self.place != 2 or self.length != 4 else ["east", 5]

    def walkthrough(self):
        return Walkthrough(["east"] * 3, 7, "scripted", "here")


@hookimpl
def lookalike_environments():
    return {"corridor": Corridor}
'''


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> PluginManager:
    file = tmp_path_factory.mktemp("plugin") / "corridor.py"
    file.write_text(PLUGIN)
    return load_plugins([file])


@pytest.fixture(scope="module")
def corridor(plugins: PluginManager) -> Registered:
    return plugins.find("environment", "corridor")


@pytest.fixture
def environment(corridor: Registered) -> Iterator[IsolatedEnvironment]:
    with IsolatedEnvironment(corridor, {"length": 3}, call_timeout=5) as isolated:
        yield isolated


def test_everything_passes_through_unchanged(environment: IsolatedEnvironment) -> None:
    info = environment.info
    assert (info.name, info.vocabulary, info.score_range, info.handicaps) == (
        *("corridor", ("east", "west"), (0, 3)),
        ("listed",),
    )
    observation = environment.reset(5)
    assert observation.text == "Place 0 😀" and observation.milestones == ("place 0",)
    assert environment.step("east").score == 1
    assert environment.snapshot() == bytes([1, 5]) + bytes(range(256))
    assert environment.actions() == ["east", "west"]
    walkthrough = environment.walkthrough()
    assert walkthrough is not None and walkthrough.actions == ["east"] * 3 and walkthrough.seed == 7


def test_frames_arrive_as_they_were(environment: IsolatedEnvironment) -> None:
    environment.reset(0)
    frame = environment.step("east").frame
    assert frame is not None and frame.dtype == np.uint8
    assert np.array_equal(frame, np.full((4, 6, 3), 11))


def test_combined_calls_agree_with_single_ones(environment: IsolatedEnvironment) -> None:
    begun = environment.begin(3)
    assert begun == (environment.reset(3), environment.actions(), environment.digest())
    advanced = environment.advance("east")
    assert advanced[0].score == 1 and advanced[1:] == (environment.actions(), environment.digest())


def test_a_snapshot_is_restored_in_the_child(environment: IsolatedEnvironment) -> None:
    environment.reset(3)
    environment.step("east")
    snapshot, digest = environment.snapshot(), environment.digest()
    environment.step("east")
    assert environment.digest() != digest
    environment.restore(snapshot)
    assert environment.digest() == digest
    assert environment.step("east").score == 2


def test_a_replay_is_one_call_and_stops_at_the_end(environment: IsolatedEnvironment) -> None:
    played = environment.play(1, ["west", "east", "east", "east", "east", "east", "never played"])
    assert [observation.score for observation, _ in played] == [0, -1, 0, 1, 2, 3]
    assert played[-1][0].victory
    assert [frame.flat[0] for observation, _ in played if (frame := observation.frame) is not None][-1] == 13
    assert environment.digest() == played[-1][1]


def test_a_replay_longer_than_one_message(corridor: Registered) -> None:
    with IsolatedEnvironment(corridor, {"length": 200}) as environment:
        actions = ["east", "west"] * 600 + ["east"]
        played = environment.play(1, actions)
        assert len(played) == len(actions) + 1
        assert played[-1][0].score == 1 and played[0][0].score == 0
        assert len(environment.play(1, [])) == 1


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("abort", r"'corridor' crashed in step: it was ended by SIGABRT"),
        ("exit", r"'corridor' crashed in step: it exited with code 7"),
        ("raise", r"'corridor': step raised ValueError: the floor \(corridor\.py:\d+\)$"),
        ("string", r"'corridor': step broke its contract: expected Observation, got str"),
        ("nan", r"'corridor': step broke its contract: expected a finite score"),
    ],
)
def test_each_fault_is_one_clear_line(environment: IsolatedEnvironment, action: str, said: str) -> None:
    environment.reset(0)
    with pytest.raises(EnvironmentFailure, match=said) as caught:
        environment.step(action)
    assert "\n" not in str(caught.value)
    assert environment.alive is (action not in ("abort", "exit"))


def test_actions_must_be_strings(corridor: Registered) -> None:
    with IsolatedEnvironment(corridor, {"length": 4}) as environment:
        environment.begin(0)
        environment.advance("east")
        with pytest.raises(EnvironmentFailure, match="actions broke its contract: expected a list of strings, got int"):
            environment.advance("east")


def test_a_hang_is_ended_after_the_time_limit(corridor: Registered) -> None:
    with IsolatedEnvironment(corridor, call_timeout=0.3) as environment:
        environment.reset(0)
        started = time.monotonic()
        with pytest.raises(EnvironmentFailure, match=r"hung: step took longer than 0\.3 s"):
            environment.step("hang")
        assert time.monotonic() - started < 5
        assert not environment.alive
        with pytest.raises(EnvironmentFailure):
            environment.reset(0)


def test_errors_of_the_start_keep_their_kind(corridor: Registered) -> None:
    with pytest.raises(AssetUnavailable, match=r"^corridor\.z3 cannot be had here$"):
        IsolatedEnvironment(corridor, {"fault": "no file"})
    with pytest.raises(EnvironmentFailure, match="starting it raised ValueError: no corridor"):
        IsolatedEnvironment(corridor, {"fault": "bad start"})


def test_what_the_child_prints_stays_with_it(
    environment: IsolatedEnvironment, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.reset(0)
    assert environment.step("noise").text.startswith("Place 0")
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_is_left_to_the_parent(environment: IsolatedEnvironment) -> None:
    environment.reset(0)
    os.kill(environment._process.pid, signal.SIGINT)
    assert environment.step("east").score == 1


def test_closing_interrupts_a_call_in_another_thread(corridor: Registered) -> None:
    environment = IsolatedEnvironment(corridor, call_timeout=30)
    environment.reset(0)
    failures: list[EnvironmentFailure] = []

    def hang() -> None:
        try:
            environment.step("hang")
        except EnvironmentFailure as failure:
            failures.append(failure)

    thread = threading.Thread(target=hang)
    thread.start()
    time.sleep(0.2)
    environment.close()
    environment.close()
    thread.join(5)
    assert len(failures) == 1 and not environment.alive
    with pytest.raises(EnvironmentFailure, match="after it was closed"):
        environment.reset(0)


def test_the_child_ends_with_its_parent_even_in_the_middle_of_a_call(tmp_path: Path, corridor: Registered) -> None:
    script = textwrap.dedent(
        f"""
        import os, threading, time
        from lookalike_bench.engine.isolation import IsolatedEnvironment
        from lookalike_bench.plugins.manager import load_plugins

        registered = load_plugins([{str(corridor.file)!r}]).find("environment", "corridor")
        environment = IsolatedEnvironment(registered, call_timeout=60)
        environment.reset(0)
        threading.Thread(target=environment.step, args=("hang",)).start()
        time.sleep(0.2)
        print(environment._process.pid, flush=True)
        os.kill(os.getpid(), 9)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    child = int(done.stdout)
    for _ in range(50):
        if not _runs(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return False
    return "State:\tZ" not in status.read_text()  # a zombie waits for whoever adopted it
