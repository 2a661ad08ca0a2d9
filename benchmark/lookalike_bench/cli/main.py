"""`lookalike-bench`: finds the command, and turns errors into one line and an exit code.

Exit codes: 0 done; 1 a threshold missed, an episode errored or a check failed; 2 wrong use or a bad file;
130 interrupted. Each command is a module with `add_arguments` and `run`, imported only when it is called.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from lookalike_bench import __version__
from lookalike_bench.errors import LookalikeError

COMMANDS = {
    "run": "play tasks and print the table",
    "report": "the tables of a run, or its pages",
    "compare": "what differs between two runs",
    "replay": "play a record's actions again and check that the same comes out",
    "record": "play a task yourself, as a demonstration for critics",
    "watch": "let a task's critic watch its videos, and print what it learned",
    "cache": "the answers of models that are kept, and why one was asked for",
    "leaderboard": "build, validate and submit",
    "list": "tasks, players, critics, environments, aggregators, plugins",
    "schema": "the JSON Schema of task files, for editors",
    "new-plugin": "write a plugin to start from",
    "doctor": "check this machine, its plugins and its environments",
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with the nearest right name."""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").split()[0] if "unrecognized" in message else ""
        options = [option for action in self._actions for option in action.option_strings]
        near = difflib.get_close_matches(unknown, options, 1) if unknown.startswith("-") else []
        hint = f"; did you mean {near[0]}?" if near else f"; see {self.prog} --help"
        self.exit(2, f"{self.prog}: {message}{hint}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if given else 2
    if given[0] == "--version":
        print(f"lookalike-bench {__version__}")
        return 0
    name = given[0]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f" (commands: {', '.join(COMMANDS)})"
        print(f"lookalike-bench: no command {name!r}{hint}", file=sys.stderr)
        return 2
    command = importlib.import_module(f"lookalike_bench.cli.{name.replace('-', '_')}")
    parser = Parser(prog=f"lookalike-bench {name}", description=COMMANDS[name].capitalize() + ".", allow_abbrev=False)
    command.add_arguments(parser)
    parsed = parser.parse_args(given[1:])
    try:
        code: int = command.run(parsed)
    except LookalikeError as error:
        print(f"lookalike-bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lookalike-bench: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing is left to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: lookalike-bench COMMAND ...",
            "",
            "Does watching a human play make an LLM agent play better, and by how much?",
            "",
            *lines,
            "",
            "To begin: lookalike-bench run tasks/zork.yaml    (COMMAND --help tells more)",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
