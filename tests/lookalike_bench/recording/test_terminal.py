"""The recorder in a terminal of its own (a pseudo-terminal) and at the end of a pipe, as a user starts it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from lookalike_bench.errors import AssetUnavailable
from lookalike_bench.videos.demonstrations import read_demonstration

from tests.conftest import FAKE_PLUGINS, write_task

TASKS = Path(__file__).parents[3] / "tasks"
CORRIDOR = "environment: {plugin: corridor, length: 9}"


def command(task: Path, *more: str | Path) -> list[str]:
    start = [sys.executable, "-m", "lookalike_bench.cli.main", "record", str(task)]
    return [*start, "--plugin", str(FAKE_PLUGINS), *map(str, more)]


class Terminal:
    """A process with a terminal, and a person who reads before writing."""

    def __init__(self, arguments: list[str], folder: Path, columns: int = 80) -> None:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(ours, (24, columns))
        # A width in the environment would count for more than the terminal's own.
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            arguments, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, close_fds=True, start_new_session=True,
            env={**inherited, "TERM": "xterm", "INPUTRC": os.devnull},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C comes through it
        )  # fmt: skip
        os.close(theirs)
        self.ours, self.seen, self._read = ours, "", 0

    def wait_for(self, text: str) -> None:
        """Read on until this is shown."""
        end = time.monotonic() + 30
        while (found := self.seen.find(text, self._read)) < 0:
            assert time.monotonic() < end, f"{text!r} was not shown: {self.seen!r}"
            if select.select([self.ours], [], [], 0.5)[0]:
                self.seen += os.read(self.ours, 4096).decode()
        self._read = found + len(text)

    def write(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def close(self) -> int:
        """Close its window; the exit code."""
        os.close(self.ours)
        return self.process.wait(30)

    def end(self) -> int:
        """The exit code, when it has ended by itself."""
        end = time.monotonic() + 30
        try:
            while time.monotonic() < end:
                if select.select([self.ours], [], [], 0.5)[0]:
                    self.seen += os.read(self.ours, 4096).decode()
        except OSError:  # the other side of the terminal is closed
            pass
        finally:
            os.close(self.ours)
            if self.process.poll() is None and time.monotonic() >= end:
                self.process.kill()
        return self.process.wait(30)


def test_a_person_plays_edits_a_line_takes_back_and_quits(tmp_path: Path) -> None:
    terminal = Terminal(command(write_task(tmp_path, CORRIDOR, without=("environment",))), tmp_path)
    terminal.wait_for("> ")
    terminal.write("est\x1b[D\x1b[Da\n")  # two steps to the left, and the missing letter
    terminal.wait_for("You are 1 steps in.")
    terminal.write("west\n")
    terminal.wait_for("You are 0 steps in.")
    terminal.write("/undo\n")
    terminal.wait_for("You are 1 steps in.")
    terminal.write("/save\n")
    terminal.wait_for("no command /save")
    terminal.write("/quit\n")
    assert terminal.end() == 0
    written = read_demonstration(tmp_path / "demonstrations" / "corridor-3.json")
    assert (written.actions, written.origin, written.seed) == (["east"], "human", 3)
    assert len(written.times) == 1
    assert "the same came out" in terminal.seen
    assert "- {demonstration: demonstrations/corridor-3.json}" in terminal.seen


@pytest.mark.parametrize("ending", ["\x03", "\x04", signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_end_loses_what_was_played(tmp_path: Path, ending: str | signal.Signals) -> None:
    task = write_task(tmp_path, CORRIDOR, without=("environment",))
    terminal = Terminal(command(task, "--out", "mine.json"), tmp_path)
    terminal.wait_for("> ")
    terminal.write("east\n")
    terminal.wait_for("You are 1 steps in.")
    terminal.wait_for("> ")
    terminal.write("east\n")
    terminal.wait_for("You are 2 steps in.")
    terminal.wait_for("> ")
    # The prompt is shown a moment before the line is waited for; a signal in between is noticed with the next key only.
    time.sleep(0.5)
    if isinstance(ending, str):
        terminal.write(ending)
    else:
        terminal.process.send_signal(ending)
    assert terminal.end() == (-signal.SIGKILL if ending == signal.SIGKILL else 0)
    assert read_demonstration(tmp_path / "mine.json").actions == ["east", "east"]
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_a_terminal_that_is_closed_ends_the_play_in_order(tmp_path: Path) -> None:
    terminal = Terminal(command(write_task(tmp_path, CORRIDOR, without=("environment",))), tmp_path)
    terminal.wait_for("> ")
    terminal.write("east\n")
    terminal.wait_for("You are 1 steps in.")
    terminal.wait_for("> ")
    assert terminal.close() == 0
    assert read_demonstration(tmp_path / "demonstrations" / "corridor-3.json").actions == ["east"]


def test_a_narrow_terminal_breaks_lines_between_words(tmp_path: Path) -> None:
    task = write_task(tmp_path, CORRIDOR, without=("environment",))
    terminal = Terminal(command(task), tmp_path, columns=24)
    terminal.wait_for("> ")
    terminal.write("/quit\n")
    terminal.end()
    assert "You are in a corridor.\r\nThe exit is in the east.\r\nOne direction. /undo" in terminal.seen


def test_a_file_that_cannot_be_written_is_told_at_once_and_saved_elsewhere(tmp_path: Path) -> None:
    task = write_task(tmp_path, CORRIDOR, without=("environment",))
    for folder in ("temporary", "work"):
        (tmp_path / folder).mkdir()
    terminal = Terminal(
        ["env", f"TMPDIR={tmp_path / 'temporary'}", *command(task, "--out", "mine/play.json")], tmp_path
    )
    terminal.wait_for("> ")
    (tmp_path / "mine").write_text("not a folder")
    terminal.write("east\n")
    terminal.wait_for("mine/play.json: cannot be written")
    terminal.write("east\n")
    terminal.wait_for("You are 2 steps in.")
    (tmp_path / "mine").unlink()
    terminal.write("east\n")
    terminal.wait_for("(mine/play.json is written again.)")
    assert terminal.seen.count("cannot be written") == 1
    (tmp_path / "mine").rename(tmp_path / "work" / "mine")
    (tmp_path / "mine").write_text("not a folder")
    terminal.write("east\n")
    terminal.wait_for("cannot be written")
    terminal.write("/quit\n")
    assert terminal.end() == 1
    [rescued] = (tmp_path / "temporary").glob("*/play.json")
    assert read_demonstration(rescued).actions == ["east"] * 4
    assert f"the play is in {rescued} instead" in terminal.seen.replace("\r\n", "")
    assert "the same came out" in terminal.seen


def test_piped_commands_are_scripted(tmp_path: Path) -> None:
    task = write_task(tmp_path, CORRIDOR, without=("environment",))
    commands = b"east\n\n \neast\x1b[31m\n\xff\xfe\n/undo\nwest\n"
    done = subprocess.run(command(task, "--seed", "7"), input=commands, capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    written = read_demonstration(tmp_path / "demonstrations" / "corridor-7.json")
    assert (written.origin, written.times, written.seed) == ("scripted", [], 7)
    assert written.actions == ["east", "east [31m", "west"]
    shown = done.stdout.decode()
    assert "origin is `scripted`" in shown and "\x1b" not in shown


def test_the_end_of_the_game_ends_the_play(tmp_path: Path) -> None:
    done = subprocess.run(
        command(write_task(tmp_path)), input="east\n" * 9, capture_output=True, cwd=tmp_path, text=True
    )
    assert done.returncode == 0
    written = read_demonstration(tmp_path / "demonstrations" / "corridor-3.json")
    assert len(written.actions) == 4 and written.result.complete
    assert "The game has ended with a score of 4." in done.stdout


def test_a_game_that_crashes_leaves_what_was_played_before(tmp_path: Path) -> None:
    task = write_task(tmp_path, "environment: {plugin: corridor, crash_at: 2}", without=("environment",))
    done = subprocess.run(command(task), input="east\neast\neast\n", capture_output=True, cwd=tmp_path, text=True)
    assert done.returncode == 2
    assert "crashed" in done.stderr and len(done.stderr.splitlines()) == 1
    assert "What was played before is in demonstrations/corridor-3.json." in done.stdout
    assert read_demonstration(tmp_path / "demonstrations" / "corridor-3.json").actions == ["east"]


def test_real_zork_becomes_a_video(tmp_path: Path) -> None:
    pytest.importorskip("jericho", reason="the zork extra is not installed")
    from lookalike_bench.tasks.assets import resolve
    from lookalike_plugins.environments.stories import STORIES

    try:
        resolve(STORIES["zork1-r119"].asset, progress=False)
    except AssetUnavailable as unavailable:
        pytest.skip(f"no story file: {str(unavailable).splitlines()[0]}")
    commands = "open mailbox\nread leaflet\nnorth\n"
    done = subprocess.run(
        command(TASKS / "zork.yaml", "--video", "zork.mp4"),
        input=commands,
        capture_output=True,
        cwd=tmp_path,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written = read_demonstration(tmp_path / "demonstrations" / "zork-5.json")
    assert written.actions == ["open mailbox", "read leaflet", "north"]
    assert "Opening the small mailbox reveals a leaflet." in done.stdout
    assert (tmp_path / "demonstrations" / "zork-5.json").stat().st_size < 1000

    import av

    with av.open(str(tmp_path / "zork.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) > 20
