"""Suite files: what they may say, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.errors import TaskError
from lookalike_bench.tasks.schema import json_schema
from lookalike_bench.tasks.suite import Suite, load, load_folder
from lookalike_bench.tasks.task import Task, load_task

from tests.conftest import write_suite, write_task

TASKS = Path(__file__).parents[3] / "tasks"
GAMES = ["coinrun", "heist", "jumper", "leaper", "maze"]


def test_procgen_is_the_five_games_on_unseen_levels() -> None:
    suite = load(TASKS / "procgen.yaml")
    assert isinstance(suite, Suite)
    assert sorted(suite.task_names) == sorted(f"procgen-{game}" for game in GAMES)
    assert all(min(task.file.seeds) >= 100 for task in suite.tasks)
    # One list of variants: no row of the suite lacks a game.
    assert len({tuple(task.variant_names) for task in suite.tasks}) == 1


def test_a_folder_is_its_tasks_and_its_suites(tmp_path: Path) -> None:
    write_suite(tmp_path)
    tasks, suites = load_folder(tmp_path)
    assert list(tasks) == ["long", "short"] and list(suites) == ["corridors"]
    assert suites["corridors"].task_names == ["short", "long"]
    assert isinstance(load(tmp_path / "short.yaml"), Task)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: s\nsuite:\n  - short.yaml\n  - shrt.yaml",
            ":4: suite.1: {}/shrt.yaml: no such file; did you mean {}/short",
        ),
        ("name: s\nsuite: [short.yaml, ./short.yaml]", ":2: suite.1: ./short.yaml: the task 'short' stands here twice"),
        ("name: s\nsuite: [short.yaml, twin.yaml]", ":2: suite.1: twin.yaml: the task 'short' is short.yaml too"),
        ("name: s\nsuite: [s.yaml]", ":2: suite.0: s.yaml is a suite itself"),
        ("name: s\nsuite: [../short.yaml]", ":2: suite.0: a path in a task file is relative"),
        ("name: short\nsuite: [short.yaml]", ":1: name: 'short' is the name of one of its tasks"),
        ("name: s\nsuites: [short.yaml]", ":2: suites: unknown key; did you mean 'suite'?"),
        ("name: s\nsuite: [short.yaml]\nmax_steps: 3", ":3: max_steps: unknown key (expected one of: name, descr"),
        ("name: s\ndiscription: x\nsuite: [short.yaml]", ":2: discription: unknown key; did you mean 'description'?"),
        ("name: s\nsuite: []", ":2: suite: "),
        ("name: s\nsuite: short.yaml", ":2: suite: "),
        ("name: s\nsuite: [{short.yaml: 1}]", ":2: suite.0: "),
        ("suite: [short.yaml]", ":1: name: this key is required"),
        ("name: ../s\nsuite: [short.yaml]", ":1: name: "),
    ],
)
def test_a_wrong_suite_says_what_and_where(tmp_path: Path, text: str, expected: str) -> None:
    write_suite(tmp_path)
    (tmp_path / "twin.yaml").write_text((tmp_path / "short.yaml").read_text())
    path = tmp_path / "s.yaml"
    path.write_text(text + "\n")
    with pytest.raises(TaskError) as caught:
        load(path)
    assert str(caught.value).startswith(str(path) + expected.replace("{}", str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_a_mistake_in_a_task_is_told_at_its_own_line(tmp_path: Path) -> None:
    path = write_suite(tmp_path)
    write_task(tmp_path, "name: long\nmax_stepz: 3", without=("name",), name="long.yaml")
    with pytest.raises(TaskError, match=r"long\.yaml:\d+: max_stepz: unknown key; did you mean 'max_steps'\?"):
        load(path)


def test_where_one_task_is_expected_a_suite_names_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_suite(tmp_path)
    assert main(["watch", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.endswith("one task is expected here, such as short.yaml, long.yaml\n") and said.count("\n") == 1
    (tmp_path / "more.yaml").write_text("name: more\nextends: corridors.yaml\n")
    with pytest.raises(TaskError, match=r"corridors\.yaml:2: suite: this file is a suite"):
        load_task(tmp_path / "more.yaml")


def test_suites_are_listed_with_their_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_suite(tmp_path)
    assert main(["list", "tasks", str(tmp_path)]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if "corridors.yaml" in line]
    assert "suite of 2" in line and "baseline single swarm" in line and "(short, long)" in line


def test_an_editor_completes_a_task_unless_a_suite_is_named() -> None:
    schema = json_schema()
    assert schema["if"] == {"required": ["suite"]}
    assert set(schema["then"]["properties"]) == {"name", "description", "suite"}
    assert {"extends", "environment", "variants"} <= set(schema["else"]["properties"])
    # A plugin may be just its name.
    assert schema["$defs"]["PluginSpec"]["anyOf"][0] == schema["$defs"]["PlayerSpec"]["anyOf"][0] == {"type": "string"}
    # What the branches refer to stands where they look for it.
    named = {part.split('"')[0] for part in str(schema).replace("'", '"').split("#/$defs/")[1:]}
    assert named <= set(schema["$defs"])
