"""A text game in the terminal. `/undo` and `/quit` are the recorder's own commands; all else goes to the game.

West of House
You are standing in an open field west of a white house, with a boarded front door.
> open mailbox
Opening the small mailbox reveals a leaflet.
> /quit
"""

from __future__ import annotations

import io
import shutil
import sys
import textwrap

from lookalike_bench.recording.recording import Recording
from lookalike_bench.text import printable, without_controls

HELP = "/undo takes the last action back; /quit (or Ctrl-D) ends and saves."


def play_in_terminal(recording: Recording) -> None:
    """Play until the game ends, `/quit`, or the end of the input. The file is written after every action."""
    person = sys.stdin.isatty()
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    if person:
        import readline  # noqa: F401 - importing it gives `input` its line editing and history
    _show(recording.environment.info.instructions)
    _show(f"{recording.environment.info.action_format} {HELP}\n")
    _show(recording.begin().text)
    while not recording.ended:
        try:
            line = without_controls(input("> ")).strip()
        except EOFError:
            print()
            return
        if not person:
            print(printable(line))
        trouble = recording.trouble
        if line == "/quit":
            return
        if line == "/undo":
            _show(_taken_back(recording))
        elif line.startswith("/"):
            _show(f"The recorder has no command {line}. {HELP}")
        elif line:
            _show(recording.play(line).text)
        if recording.trouble and not trouble:
            _show(f"({recording.trouble}. The play goes on; every action tries again.)")
        elif trouble and not recording.trouble:
            _show(f"({recording.path} is written again.)")
    _show(f"\nThe game has ended with a score of {recording.observation.score:g}.")


def _taken_back(recording: Recording) -> str:
    if not recording.steps:
        return "There is nothing to take back."
    action = recording.steps[-1].action
    return f"({action}: taken back)\n{recording.take_back().text}"


def _show(text: str) -> None:
    lines = [printable(line) for line in text.split("\n")]
    if sys.stdout.isatty():
        # A line that is too long is broken between words; the terminal would do so within one.
        width = shutil.get_terminal_size().columns
        lines = [part for line in lines for part in textwrap.wrap(line, width) or [""]]
    print("\n".join(lines))
