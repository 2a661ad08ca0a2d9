"""What a leaderboard refuses, from the data alone; and the mark that only a replayed bundle gets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.publish.submissions import MARK_SUFFIX, check, read_mark
from lookalike_bench.records.bundles import pack
from lookalike_bench.records.store import Run
from lookalike_bench.tasks.suite import load_folder

from tests.conftest import FAKE_PLUGINS, write_task
from tests.lookalike_bench.records_fixture import make_run, make_suite_run

Line = dict[str, Any]
PLUGIN = ["--plugin", str(FAKE_PLUGINS), "--no-plugins"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "tasks", trust=3)


def objections(run: Run) -> list[str]:
    return list(check(run, *load_folder(run.path.parent)))


def alter(run: Run, change: Callable[[list[Line]], Any]) -> None:
    path = run.episode_path("corridor", "swarm", 1)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def alter_manifest(run: Run, change: Callable[[Line], Any]) -> None:
    manifest = json.loads(run.manifest_path.read_text())
    change(manifest["tasks"][0])
    run.manifest_path.write_text(json.dumps(manifest))


def test_a_whole_run_of_the_current_task_is_accepted(run: Run) -> None:
    assert objections(run) == []


def test_another_version_of_the_task_is_refused(run: Run) -> None:
    write_task(run.path.parent, "max_steps: 7", without=("max_steps",))
    [objection] = objections(run)
    assert objection.startswith("corridor: it plays another version of the task (") and "max_steps" in objection


def test_a_task_that_is_not_there_is_refused(run: Run) -> None:
    (run.path.parent / "corridor.yaml").unlink()
    assert objections(run) == ["corridor: there is no such task (tasks: )"]


def test_every_seed_and_no_other(run: Run) -> None:
    alter_manifest(run, lambda entry: entry.update(seeds=[0, 1, 3]))
    assert objections(run) == ["corridor: seeds are missing: 2", "corridor: seeds that the task does not have: 3"]


def test_a_missing_and_an_errored_episode_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path, errored=[("single", 1)], missing=[("swarm", 2)])
    assert objections(run) == [
        "corridor/single/seed-1: it errored; play it again (run --resume): an error is not a result",
        "corridor/swarm/seed-2: the episode is missing",
    ]


def test_a_suite_is_the_current_one_or_none(tmp_path: Path) -> None:
    run = make_suite_run(tmp_path)
    assert objections(run) == []
    write_task(tmp_path)
    (tmp_path / "corridors.yaml").write_text("name: corridors\nsuite: [short.yaml, corridor.yaml]\n")
    expected = "corridors: it is another version of the suite, whose tasks are short, corridor"
    assert objections(run) == [expected]
    (tmp_path / "corridors.yaml").unlink()
    assert objections(run) == ["corridors: there is no such suite (suites: )"]


def test_a_run_of_a_suite_is_one_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_suite_run(tmp_path)
    bundle, tasks = tmp_path / "b.jsonl.gz", ["--tasks", str(tmp_path)]
    submit = ["leaderboard", "submit", str(run.path), "--name", "n", "--method", "m", "--out", str(bundle)]
    assert main([*submit, *tasks]) == 0
    assert main(["leaderboard", "validate", str(bundle), *PLUGIN, *tasks]) == 0
    assert main(["replay", str(bundle), *PLUGIN]) == 0
    assert "replayed 18 episodes" in capsys.readouterr().out
    assert main(["report", str(bundle)]) == 0
    assert "corridors: a suite of 2 tasks" in capsys.readouterr().out


def test_a_name_of_the_paper_is_kept_for_its_method(run: Run) -> None:
    alter_manifest(run, lambda entry: entry["definition"]["variants"]["baseline"].update(method="swarm"))
    [objection] = objections(run)
    assert "variant 'baseline' is played by the method 'swarm': rename it" in objection


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        (lambda lines: lines[0].update(environment={"plugin": "zork", "story": "x"}), "environment is"),
        (lambda lines: lines[0].update(task_hash="0"), "task_hash is '0'"),
        (lambda lines: lines[0].update(method="baseline"), "method is 'baseline'"),
        (lambda lines: lines[0].update(temperatures=[0.1]), "temperatures is [0.1]"),
        (lambda lines: lines[0].update(reveal="none"), "reveal is 'none'"),
        (
            lambda lines: lines[-1]["usage"].update(prompt_tokens=1),
            "prompt_tokens: the end says 1, the steps add",
        ),
        (lambda lines: lines[-1].update(cost_usd=-1.0), "time and cost cannot be negative"),
        (lambda lines: lines[-1].update(score=None), "success, progress or score is missing"),
        (lambda lines: lines[1].update(step=2), "step 2 of copy 0 is out of order"),
        (lambda lines: lines[1].update(proposals=[]), "step 1 has 0 proposals of 3 members"),
        (lambda lines: lines[1]["proposals"].append(lines[1]["proposals"][0]), "step 1 has 4 proposals of 3 members"),
        (lambda lines: lines[1]["proposals"][1].update(member=0), "step 1 has two proposals of one member"),
        (lambda lines: [lines.insert(-1, {**lines[1], "step": n}) for n in range(5, 9)], "more than the 6 steps"),
    ],
)
def test_what_could_not_have_been_played_is_refused(
    run: Run, change: Callable[[list[Line]], Any], objection: str
) -> None:
    alter(run, change)
    assert any(found.startswith("corridor/swarm/seed-1: ") and objection in found for found in objections(run))


def test_the_commands_from_a_run_to_a_mark(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    submit = ["leaderboard", "submit", str(run.path), "--name", "Our Swarm, v2", "--method", "As built in."]
    assert main(submit) == 0
    path = tmp_path / "leaderboards" / "submissions" / "our-swarm-v2.jsonl.gz"
    assert path.exists() and str(path.relative_to(tmp_path)) in capsys.readouterr().out
    assert main(["leaderboard", "validate", str(path), *PLUGIN]) == 0
    assert "steps replayed, all as recorded" in capsys.readouterr().out
    assert read_mark(path) is None
    assert main(["leaderboard", "validate", str(path), "--mark", *PLUGIN]) == 0
    mark = read_mark(path)
    assert mark is not None and mark.steps == sum(len(episode.steps) for episode in run.episodes())
    # The mark is for this file, not for its name.
    pack(run, path, name="Another", method="m", url=None, include="actions")
    assert read_mark(path) is None and path.with_name("our-swarm-v2" + MARK_SUFFIX).exists()


def test_a_bundle_whose_score_was_improved_is_found_by_its_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "tasks", trust=0)
    path = run.episode_path("corridor", "baseline", 0)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[-1]["success"] is False
    lines[-1].update(success=True, score=4.0, progress=1.0)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    bundle = tmp_path / "cheat.jsonl.gz"
    tasks = ["--tasks", str(run.path.parent)]
    submit = ["leaderboard", "submit", str(run.path), "--name", "n", "--method", "m", "--out", str(bundle)]
    assert main([*submit, *tasks]) == 0
    assert main(["leaderboard", "validate", str(bundle), "--mark", *PLUGIN, *tasks]) == 1
    assert "corridor/baseline/seed-0 step 6: success: expected True, got False" in capsys.readouterr().err
    assert read_mark(bundle) is None


def test_a_run_that_is_not_complete_makes_no_bundle(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run.path / "episodes" / "corridor" / "single")
    out = run.path.parent / "b.jsonl.gz"
    tasks = ["--tasks", str(run.path.parent)]
    command = ["leaderboard", "submit", str(run.path), "--name", "n", "--method", "m", "--out", str(out), *tasks]
    assert main(command) == 1
    assert "corridor/single/seed-0: the episode is missing" in capsys.readouterr().err
    assert not out.exists()
