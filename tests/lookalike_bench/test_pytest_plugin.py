"""Task files under pytest: selection, errors, interrupts, parallel workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lookalike_bench.records.store import Run

from tests.conftest import FAKE_PLUGINS, playing, write_suite, write_task

pytestmark = pytest.mark.usefixtures("own_cache")

TASK = "corridor.yaml"


@pytest.fixture
def runner(pytester: pytest.Pytester):  # type: ignore[no-untyped-def]
    """Calls pytest on a corridor task in a folder of its own."""

    def call(*arguments: str, changes: str = "", without: tuple[str, ...] = (), plugin: Path = FAKE_PLUGINS):  # type: ignore[no-untyped-def]
        write_task(pytester.path, changes, without=without)
        return pytester.runpytest_subprocess(
            "-p", "no:randomly", f"--lookalike-plugin={plugin}", "--lookalike-out=run", *(arguments or [TASK])
        )

    return call


def test_a_task_file_is_played_and_reported(runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    result = runner(TASK, "-v")
    result.assert_outcomes(passed=9)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*corridor.yaml::swarm::seed1 PASSED*", "*baseline*", "*run: run*"])
    assert len(list(Run(pytester.path / "run").episodes())) == 9


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ((f"{TASK}::swarm",), 3),
        ((f"{TASK}::swarm::seed1",), 1),
        ((TASK, "-k", "seed1"), 3),
        ((TASK, "-k", "swarm and seed2"), 1),
        ((TASK, "-m", "single"), 3),
        ((TASK, "--lookalike-variants=single,swarm", "--lookalike-seeds=5-6"), 4),
    ],
)
def test_episodes_are_selected_as_tests_are(runner, arguments: tuple[str, ...], passed: int) -> None:  # type: ignore[no-untyped-def]
    runner(*arguments).assert_outcomes(passed=passed)


def test_a_bare_pytest_collects_no_task(runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    write_task(pytester.path)
    assert pytester.runpytest_subprocess().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_tasks_can_be_collected_by_a_glob(pytester: pytest.Pytester) -> None:
    write_task(pytester.path)
    pytester.makeini("[pytest]\nlookalike_tasks = cor*.yaml")
    result = pytester.runpytest_subprocess(f"--lookalike-plugin={FAKE_PLUGINS}", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["corridor.yaml::baseline::seed0"])
    assert not (pytester.path / "runs").exists()


def test_a_bad_task_is_one_line_and_exit_2(runner) -> None:  # type: ignore[no-untyped-def]
    result = runner(changes="max_step: 3")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["corridor.yaml:13: max_step: unknown key; did you mean 'max_steps'?*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_missed_threshold_fails_and_a_low_score_does_not(runner) -> None:  # type: ignore[no-untyped-def]
    assert runner(f"{TASK}::baseline", changes="max_steps: 3", without=("max_steps",)).ret == 0
    result = runner(TASK, "--lookalike-out=other", changes='expect: {swarm.success: ">= 1", baseline.steps: "< 1"}')
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED corridor: expected baseline.steps < 1*"])
    result.stdout.no_fnmatch_line("FAILED*swarm.success*")


def test_a_fault_reads_error_and_is_rerun_by_lf(runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    changes = "player: {plugin: believer, fail_at: 3}\nseeds: 0-3"
    result = runner(f"{TASK}::single", changes=changes, without=("player", "seeds"))
    assert result.ret == 1
    outcomes = result.parseoutcomes()
    assert (outcomes["errors"], outcomes.get("failed", 0)) == (1, 0)
    result.stdout.fnmatch_lines(["PlayerFailure: the server answered 500"])
    again = runner(
        f"{TASK}::single", "--lf", "-v", "--lookalike-resume", "--lookalike-player=believer", "--lookalike-out=again",
        changes=changes, without=("player", "seeds"),
    )  # fmt: skip
    assert again.parseoutcomes()["passed"] == 1


def test_a_wrong_plugin_name_is_an_error_of_the_task(runner) -> None:  # type: ignore[no-untyped-def]
    result = runner(changes="player: {plugin: beleiver}", without=("player",))
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*no player is called 'beleiver'; did you mean 'believer'*"])


def test_a_broken_plugin_file_is_one_line(runner, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_like_it\n")
    result = runner(plugin=broken)
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*broken.py:1: ModuleNotFoundError: No module named 'nothing_like_it'*"])


def test_workers_share_one_run(runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("xdist")
    result = runner(TASK, "-n", "2")
    result.assert_outcomes(passed=9)
    result.stdout.fnmatch_lines(["*baseline*", "*run: run*"])
    run = Run(pytester.path / "run")
    assert len(list(run.episodes())) == 9
    assert run.read_manifest().tasks[0].seeds == [0, 1, 2]


def test_stops_at_the_first_fault_when_asked(runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    result = runner(TASK, "-x", changes="player: {plugin: believer, broken: true}", without=("player",))
    assert result.parseoutcomes()["errors"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_table_and_resumes(tmp_path: Path, number: signal.Signals) -> None:
    changes = "player: {plugin: believer, wait: 0.2}\nenvironment: {plugin: corridor, length: 20}\nmax_steps: 30"
    write_task(tmp_path, changes, without=("player", "environment", "max_steps"))
    command = [
        sys.executable, "-m", "lookalike_bench.cli.main", "run", TASK, "--plugin", str(FAKE_PLUGINS), "--out", "run",
    ]  # fmt: skip
    process = playing(command, tmp_path)
    time.sleep(1)
    os.kill(process.pid, number)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in out + errors
    assert "baseline" in out
    assert "go on with: lookalike-bench run corridor.yaml" in errors and "--resume" in errors
    resumed = subprocess.run([*command, "--resume"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert resumed.returncode == 0, resumed.stderr
    episodes = list(Run(tmp_path / "run").episodes())
    assert len(episodes) == 9 and all(episode.end and episode.end.status == "scored" for episode in episodes)
    assert any(episode.end and episode.end.resumed for episode in episodes)


@pytest.mark.parametrize(
    ("changes", "without", "expected"),
    [
        ("critic: {plugin: east, brokn: true}", ("critic",), "has no argument 'brokn'; did you mean 'broken'"),
        ("videos: [{file: other.mp4}]", ("videos",), "other.mp4: no such file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    tmp_path: Path, changes: str, without: tuple[str, ...], expected: str
) -> None:
    write_task(tmp_path, changes, without=without)
    command = [sys.executable, "-m", "lookalike_bench.cli.main", "run", TASK, "--plugin", str(FAKE_PLUGINS)]
    result = subprocess.run(
        [*command, "--variants", "single", "--seeds", "0"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    [line] = [line for line in result.stderr.splitlines() if line.startswith("lookalike-bench:")]
    assert expected in line


@pytest.fixture
def suite_runner(pytester: pytest.Pytester):  # type: ignore[no-untyped-def]
    """Calls pytest in a folder that has a suite of two corridors."""
    write_suite(pytester.path)

    def call(*arguments: str):  # type: ignore[no-untyped-def]
        given = (f"--lookalike-plugin={FAKE_PLUGINS}", "--lookalike-out=run", *arguments)
        return pytester.runpytest_subprocess("-p", "no:randomly", *given)

    return call


def test_a_suite_is_collected_as_its_tasks(suite_runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    result = suite_runner("corridors.yaml", "-v")
    result.assert_outcomes(passed=18)
    result.stdout.fnmatch_lines(["*corridors.yaml::long::swarm::seed1 PASSED*", "*corridors: a suite of 2 tasks*"])
    manifest = Run(pytester.path / "run").read_manifest()
    assert [entry.task for entry in manifest.tasks] == ["short", "long"]
    assert [(entry.suite, entry.tasks) for entry in manifest.suites] == [("corridors", ["short", "long"])]


@pytest.mark.parametrize(
    ("arguments", "passed", "suites"),
    [
        (("short.yaml", "corridors.yaml"), 18, 1),
        (("corridors.yaml", "long.yaml::swarm"), 18, 1),
        (("corridors.yaml::long::swarm", "long.yaml::swarm::seed0"), 3, 1),
        (("corridors.yaml", "--lookalike-variants=single", "--lookalike-seeds=7"), 2, 1),
        (("short.yaml", "long.yaml"), 18, 0),
    ],
)
def test_what_is_named_twice_is_played_once(  # type: ignore[no-untyped-def]
    suite_runner, pytester: pytest.Pytester, arguments: tuple[str, ...], passed: int, suites: int
) -> None:
    suite_runner(*arguments).assert_outcomes(passed=passed)
    run = Run(pytester.path / "run")
    assert len(list(run.episodes())) == passed and len(run.read_manifest().suites) == suites


def test_a_suite_is_resumed_as_itself(suite_runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    suite_runner("corridors.yaml")
    run = Run(pytester.path / "run")
    run.episode_path("long", "swarm", 1).unlink()
    other = suite_runner("short.yaml", "long.yaml", "--lookalike-resume")
    other.stderr.fnmatch_lines(
        ["*--resume run: it plays the suite corridors of short, long, not its tasks as no suite"]
    )
    suite_runner("corridors.yaml", "--lookalike-resume").assert_outcomes(passed=18)
    assert run.episode("long", "swarm", 1) is not None


def test_a_suite_with_a_mistake_is_one_line(suite_runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    (pytester.path / "corridors.yaml").write_text("name: corridors\nsuite: [short.yaml, lnog.yaml]\n")
    result = suite_runner("corridors.yaml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["corridors.yaml:2: suite.1: lnog.yaml: no such file; did you mean long.yaml?"])


def test_two_tasks_of_one_name_are_refused(suite_runner, pytester: pytest.Pytester) -> None:  # type: ignore[no-untyped-def]
    (pytester.path / "twin.yaml").write_text((pytester.path / "short.yaml").read_text())
    result = suite_runner("corridors.yaml", "twin.yaml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*twin.yaml: the task 'short' has the name of short.yaml; rename one"])


def test_the_newest_run_of_a_suite_is_found_again(tmp_path: Path) -> None:
    write_suite(tmp_path)
    command = [sys.executable, "-m", "lookalike_bench.cli.main", "run", "--plugin", str(FAKE_PLUGINS), "--seeds", "0"]

    def call(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    first = call("corridors.yaml")
    assert first.returncode == 0 and "corridors: a suite of 2 tasks" in first.stdout
    [folder] = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("corridors-")
    assert call("corridors.yaml", "--resume").returncode == 0 and len(list((tmp_path / "runs").iterdir())) == 1
    other = call("short.yaml", "long.yaml", "--resume")
    assert other.returncode == 2 and "no run of short, long under runs/" in other.stderr
    assert "at most 6 episodes" in call("corridors.yaml", "--dry-run").stdout
