"""Wrong use of the recorder: one clear line and exit code 2, before anyone has played."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from lookalike_bench.cli.main import main

from tests.conftest import FAKE_PLUGINS, write_task

LANE = "environment: {plugin: lane}"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    try:
        code = main(["record", *map(str, arguments), "--plugin", str(FAKE_PLUGINS)])
    except SystemExit as ended:  # argparse's own refusals
        code = ended.code
    error = capsys.readouterr().err
    assert code == 2
    assert len(error.splitlines()) == 1, error
    return error


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_task_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.yaml: no such file" in refused(capsys, "nowhere.yaml")


def test_an_environment_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    task = write_task(tmp_path, "environment: {plugin: lame}", without=("environment",))
    assert "did you mean 'lane'" in refused(capsys, task)


def test_an_argument_that_it_does_not_take(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    task = write_task(tmp_path, "environment: {plugin: lane, lenght: 3}", without=("environment",))
    assert "did you mean 'length'" in refused(capsys, task)


@pytest.mark.parametrize("seed", ["-1", "one", "2147483648"])
def test_a_seed_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path, seed: str) -> None:
    assert "expected a number from 0" in refused(capsys, write_task(tmp_path), f"--seed={seed}")


def test_a_file_that_exists_is_overwritten_only_by_force(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("mine")
    assert "mine.json: this file exists; --force overwrites it" in refused(
        capsys, write_task(tmp_path), "--out", "mine.json"
    )
    assert (tmp_path / "mine.json").read_text() == "mine"


def test_a_place_where_nothing_can_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    task = write_task(tmp_path)
    assert "this is a folder" in refused(capsys, task, "--out", tmp_path)
    assert "not a folder" in refused(capsys, task, "--out", task / "play.json")


def test_a_demonstration_is_json_and_no_video_takes_its_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    error = refused(capsys, write_task(tmp_path), "--out", "mine.mp4", "--video", "mine.mp4")
    assert "mine.mp4: a demonstration is JSON; name it mine.json" in error


def test_a_video_is_an_mp4(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "name it play.mp4" in refused(capsys, write_task(tmp_path), "--video", "play2/play.gif")


def test_a_port_in_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    task = write_task(tmp_path, LANE, without=("environment",))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"--port {port}: it is in use" in refused(capsys, task, "--port", port, "--no-browser")
    assert not (tmp_path / "demonstrations").exists()


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path, port: str) -> None:
    assert "expected a port from 0 to 65535" in refused(capsys, write_task(tmp_path), f"--port={port}")


def test_nothing_played_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["record", str(write_task(tmp_path)), "--plugin", str(FAKE_PLUGINS)]) == 1
    assert "Nothing was played" in capsys.readouterr().err
    assert not (tmp_path / "demonstrations").exists()


def test_an_evaluated_seed_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("east\n"))
    assert main(["record", str(write_task(tmp_path)), "--seed", "1", "--plugin", str(FAKE_PLUGINS)]) == 0
    shown = capsys.readouterr().out
    assert "The task evaluates on seed 1" in shown
    assert "{demonstration: demonstrations/corridor-1.json}" in shown


def test_the_seed_is_by_default_one_that_the_task_neither_evaluates_on_nor_demonstrates(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.json").write_text("{")
    for seed in (3, 5):
        monkeypatch.setattr("sys.stdin", io.StringIO("east\n"))
        recorded = ["record", str(write_task(tmp_path)), "--seed", str(seed), "--out", f"{seed}.json"]
        assert main([*recorded, "--plugin", str(FAKE_PLUGINS)]) == 0
    named = ("3.json", "5.json", "missing.json", "broken.json")
    videos = "".join(f"\n  - {{demonstration: {name}}}" for name in named)
    task = write_task(tmp_path, f"videos:{videos}", without=("videos",))
    for expected in (4, 4):  # what is not in the task file is none of the task's
        monkeypatch.setattr("sys.stdin", io.StringIO("east\n"))
        assert main(["record", str(task), "--plugin", str(FAKE_PLUGINS)]) == 0
        assert f"seed {expected}" in capsys.readouterr().out


@pytest.mark.parametrize(("steps", "told"), [(3, True), (4, False)])
def test_a_demonstration_of_a_failure_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, told: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("east\n" * steps))
    task = write_task(tmp_path, "goal: {level_complete: true}", without=("goal",))
    assert main(["record", str(task), "--plugin", str(FAKE_PLUGINS)]) == 0
    assert ("does not complete the level" in capsys.readouterr().out) == told
