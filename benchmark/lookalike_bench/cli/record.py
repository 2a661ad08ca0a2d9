"""`lookalike-bench record TASK`: a person plays, in the terminal or in a page of this machine, and a demonstration
of a few kB comes out."""

from __future__ import annotations

import argparse
import contextlib
import errno
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.cli.options import add_plugin_options, plugins_of
from lookalike_bench.errors import EpisodeError, UsageError, VideoError

if TYPE_CHECKING:
    from lookalike_bench.plugins.manager import PluginManager
    from lookalike_bench.recording.recording import Recording
    from lookalike_bench.tasks.task import Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", type=Path, help="a task file")
    parser.add_argument(
        "--seed", metavar="N", type=_seed, help="seed or level (default: the lowest not evaluated on nor demonstrated)"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="the file (default: demonstrations/TASK-SEED.json)")
    parser.add_argument("--video", metavar="FILE", type=Path, help="render the play as an MP4, too")
    parser.add_argument("--force", action="store_true", help="overwrite --out and --video")
    parser.add_argument("--port", metavar="N", type=_port, default=0, help="port of the page (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")
    add_plugin_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from lookalike_bench.recording.recording import Recording, free_path, open_for_play
    from lookalike_bench.tasks.task import load_task

    plugins = plugins_of(arguments)
    task = load_task(arguments.task)
    seed = _new_seed(task) if arguments.seed is None else arguments.seed
    path = arguments.out or free_path(Path("demonstrations") / f"{task.name}-{seed}.json")
    for given in filter(None, (path, arguments.video)):
        _check_place(given, arguments.force)
    if path.suffix != ".json":
        raise UsageError(f"--out {path}: a demonstration is JSON; name it {path.stem}.json")
    if arguments.video and arguments.video.suffix != ".mp4":
        raise UsageError(f"--video {arguments.video}: the video is an MP4; name it {arguments.video.stem}.mp4")

    environment, spec = open_for_play(plugins, task.file.environment)
    try:
        recording = Recording(environment, spec, seed, path, made="")
        print(f"{task.name}: environment {spec}, seed {seed}")
        if seed in task.published_seeds:
            print(f"The task evaluates on seed {seed}: a critic that watches this play has seen it.")
        with _interrupts_end_the_play(recording):
            _play(recording, task, arguments)
    finally:
        environment.close()
    return _tell(recording, task, arguments, plugins)


def _play(recording: Recording, task: Task, arguments: argparse.Namespace) -> None:
    environment = recording.environment
    from lookalike_bench.recording.page import Pictured, PlayedGame

    if not isinstance(environment, Pictured):
        from lookalike_bench.recording.terminal import play_in_terminal

        recording.made = "played in the terminal"
        if not sys.stdin.isatty():
            recording.origin, recording.made = "scripted", "commands read from a file or a pipe"
            print("The commands come from no terminal, so the origin is `scripted`.")
        play_in_terminal(recording)
        return
    import webbrowser

    from lookalike_bench.recording.server import PlayServer

    recording.made = f"played in the browser, {environment.frames_per_second} frames a second"
    recording.save_every = 2.0
    with PlayServer(PlayedGame(recording, environment, task.name), arguments.port) as server:
        print(f"Play at {server.url}\nIt is for this machine only. Stop there, or with Ctrl-C here.", flush=True)
        if not arguments.no_browser:
            webbrowser.open(server.url)
        server.play()


def _tell(recording: Recording, task: Task, arguments: argparse.Namespace, plugins: PluginManager) -> int:
    """Check that what was written replays exactly, and tell how it is used."""
    if not recording.files:
        print("Nothing was played, so nothing was written.", file=sys.stderr)
        return 1
    if recording.trouble:
        print(f"{recording.trouble}; the play is in {recording.path} instead", file=sys.stderr)
    from lookalike_bench.recording.recording import open_for_play
    from lookalike_bench.videos.demonstrations import check_demonstration, render_demonstration

    # A new environment: what is checked is what anyone can play again.
    environment, _ = open_for_play(plugins, recording.spec)
    try:
        for path, demonstration in recording.files.items():
            size = path.stat().st_size / 1000
            print(f"\n{path}: {demonstration.result}, {size:.1f} kB, origin {demonstration.origin}", flush=True)
            check_demonstration(demonstration, environment)
            print("It was played again, and the same came out.")
            if task.file.goal.level_complete and demonstration.result and not demonstration.result.complete:
                print("It does not complete the level, which is the task's goal: a critic would learn from a failure.")
        if arguments.video:
            video = render_demonstration(demonstration, environment)
            partial = arguments.video.with_suffix(".partial.mp4")
            shutil.copyfile(video.path, partial)
            partial.replace(arguments.video)
            print(f"{arguments.video}: the video of {path}")
    finally:
        environment.close()
    print("\n" + _use(list(recording.files), task))
    return 1 if recording.trouble else 0


def _use(paths: list[Path], task: Task) -> str:
    folder = task.folder.resolve()
    below = [path.resolve().is_relative_to(folder) for path in paths]
    lines = ["videos:" if all(below) else f"Move it below {task.folder} and name it there. In the task file:\nvideos:"]
    for path, is_below in zip(paths, below, strict=True):
        shown = path.resolve().relative_to(folder) if is_below else Path("demonstrations") / path.name
        lines.append(f"  - {{demonstration: {shown.as_posix()}}}")
    return "\n".join(["To use it, write in the task file:" if all(below) else "", *lines]).strip()


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"expected a number from 0, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def _new_seed(task: Task) -> int:
    """The lowest seed that the task neither evaluates on nor has a demonstration of."""
    from lookalike_bench.videos.demonstrations import read_demonstration

    known = set(task.published_seeds)
    for video in task.file.videos:
        if video.demonstration is not None:
            # One that is not recorded yet, or broken, tells no seed: that is for those who watch it to say.
            with contextlib.suppress(VideoError):
                known.add(read_demonstration(task.folder / video.demonstration).seed)
    return next(seed for seed in itertools.count() if seed not in known)


def _check_place(path: Path, force: bool) -> None:
    """That a file can be written, told before anyone has played for it. Raises UsageError."""
    if path.is_dir():
        raise UsageError(f"{path}: this is a folder; name a file in it")
    if path.exists() and not force:
        raise UsageError(f"{path}: this file exists; --force overwrites it")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: {above} is {'not writable' if above.is_dir() else 'not a folder'}")


@contextlib.contextmanager
def _interrupts_end_the_play(recording: Recording) -> Iterator[None]:
    """Ctrl-C, a closed terminal and a polite kill end the play as its own end would; all else fails after saving."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), _interrupt) for name in names}
    try:
        try:
            yield
        except (KeyboardInterrupt, OSError) as end:
            # What a closed terminal answers to whoever writes to it, before or after its hangup.
            if isinstance(end, OSError) and end.errno != errno.EIO:
                raise
            _end_the_line()
        finally:
            recording.save_at_the_end()
    except EpisodeError:
        if recording.steps:
            print(f"What was played before is in {recording.path}.", flush=True)
        raise
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _interrupt(number: int, frame: object) -> None:
    # A shell that ends passes on the hangup that its terminal has sent already.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_the_line() -> None:
    """End the line that was interrupted. In a terminal that was closed, whatever is said from now on goes nowhere."""
    try:
        print(flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
