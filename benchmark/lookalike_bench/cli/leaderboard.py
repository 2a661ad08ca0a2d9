"""`lookalike-bench leaderboard build|validate|submit`."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

from lookalike_bench.cli.options import add_plugin_options

BOARDS = Path("leaderboards")
TASKS = Path("tasks")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="subcommand", metavar="build|validate|submit", required=True)

    submit = commands.add_parser("submit", help="make a bundle of a run, to be sent as a pull request")
    submit.add_argument("run", metavar="RUN", type=Path, help="directory of a run")
    submit.add_argument("--name", required=True, help="the submission's name, as the tables show it")
    submit.add_argument("--method", required=True, help="what plays, in a sentence")
    submit.add_argument("--url", help="an https address where the method is described")
    submit.add_argument(
        "--include",
        choices=("actions", "judgements", "prompts"),
        default="judgements",
        help="how much goes along: every action; what the critic said (default); what was asked and answered",
    )
    submit.add_argument("--out", metavar="FILE", type=Path, help="default: leaderboards/submissions/NAME.jsonl.gz")
    submit.add_argument("--tasks", metavar="DIR", type=Path, default=TASKS, help="the task files (default: tasks)")

    validate = commands.add_parser("validate", help="check submissions: complete, plausible, and replayed the same")
    validate.add_argument("files", metavar="FILE", type=Path, nargs="+", help="bundles (.jsonl.gz)")
    validate.add_argument("--tasks", metavar="DIR", type=Path, default=TASKS, help="the task files (default: tasks)")
    validate.add_argument("--no-replay", action="store_true", help="check the data alone")
    validate.add_argument("--mark", action="store_true", help="write the mark of verification beside the bundle")
    add_plugin_options(validate)

    build = commands.add_parser("build", help="write the tables and the site from the submissions")
    build.add_argument("--folder", metavar="DIR", type=Path, default=BOARDS, help="default: leaderboards")
    build.add_argument("--site", metavar="DIR", type=Path, help="default: site in the folder")
    build.add_argument("--tasks", metavar="DIR", type=Path, default=TASKS, help="the task files (default: tasks)")


def run(arguments: argparse.Namespace) -> int:
    commands = {"submit": _submit, "validate": _validate, "build": _build}
    return commands[arguments.subcommand](arguments)


def _submit(arguments: argparse.Namespace) -> int:
    from lookalike_bench.errors import UsageError
    from lookalike_bench.publish.submissions import check
    from lookalike_bench.records.bundles import SUFFIX, pack
    from lookalike_bench.records.store import Run
    from lookalike_bench.tasks.suite import load_folder

    slug = re.sub(r"[^a-z0-9]+", "-", arguments.name.lower()).strip("-")
    path = arguments.out or BOARDS / "submissions" / f"{slug}{SUFFIX}"
    if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
        raise UsageError(f"{path}: a submission's file is called NAME{SUFFIX}")
    played = Run(arguments.run)
    problems = list(check(played, *load_folder(arguments.tasks)))
    if problems:
        return _refuse(arguments.run, problems)
    pack(played, path, name=arguments.name, method=arguments.method, url=arguments.url, include=arguments.include)
    print(f"{path} ({path.stat().st_size:,} bytes)")
    print(f"next: lookalike-bench leaderboard validate {path}")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from lookalike_bench.cli.options import plugins_of
    from lookalike_bench.engine.replaying import replay_run
    from lookalike_bench.publish.submissions import check, mark_verified
    from lookalike_bench.records.bundles import unpack
    from lookalike_bench.tasks.suite import load_folder

    tasks, suites = load_folder(arguments.tasks)
    plugins = plugins_of(arguments)
    code = 0
    for path in arguments.files:
        with tempfile.TemporaryDirectory(prefix="lookalike-bundle-") as folder:
            _, played = unpack(path, Path(folder))
            problems = list(check(played, tasks, suites))
            steps = 0
            # Only what is of the current tasks is played: the environment's arguments are then the task's own.
            if not problems and not arguments.no_replay:
                for replayed in replay_run(played, plugins):
                    steps += replayed.steps
                    problems += [str(replayed.divergence)] if replayed.divergence else []
        if problems:
            code = _refuse(path, problems)
            continue
        verdict = "not replayed" if arguments.no_replay else f"{steps} steps replayed, all as recorded"
        print(f"{path}: complete and plausible; {verdict}")
        if arguments.mark and not arguments.no_replay:
            mark_verified(path, steps)
    return code


def _build(arguments: argparse.Namespace) -> int:
    from lookalike_bench.publish.leaderboard import collect, read_references
    from lookalike_bench.publish.leaderboard_site import write_site
    from lookalike_bench.publish.leaderboard_tables import write_tables
    from lookalike_bench.publish.submissions import load_submissions
    from lookalike_bench.tasks.suite import load_folder

    site = arguments.site or arguments.folder / "site"
    with tempfile.TemporaryDirectory(prefix="lookalike-board-") as folder:
        accepted = load_submissions(arguments.folder / "submissions", Path(folder))
        references = read_references(arguments.folder / "reference.yaml")
        board = collect(accepted, *load_folder(arguments.tasks), references)
        tables = write_tables(board, arguments.folder)
        pages = write_site(board, site)
    print(f"{len(accepted)} submissions: {len(tables)} tables in {arguments.folder}, {len(pages)} pages in {site}")
    return 0


def _refuse(path: Path, problems: list[str]) -> int:
    from lookalike_bench.text import printable

    for problem in problems[:20]:
        print(printable(f"{path}: {problem}"), file=sys.stderr)
    if len(problems) > 20:
        print(f"{path}: and {len(problems) - 20} more", file=sys.stderr)
    return 1
