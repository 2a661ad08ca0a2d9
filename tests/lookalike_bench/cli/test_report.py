from __future__ import annotations

from pathlib import Path

import pytest
from lookalike_bench.cli.main import main

from tests.lookalike_bench.records_fixture import make_run


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["report", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line.removeprefix("lookalike-bench: ")


def test_a_page_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path)
    folder = tmp_path / "pages"
    folder.mkdir()
    line = refused(capsys, str(run.path), "--html", str(folder))
    assert line == f"--html {folder}: a folder; name a file, such as {folder / 'report.html'}"
    assert not list(tmp_path.glob("*.partial"))


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path)
    page = tmp_path / "play.mp4" / "report.html"
    assert refused(capsys, str(run.path), "--html", str(page)).startswith(f"{page}: the page cannot be written: ")


def test_pictures_need_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path)
    assert refused(capsys, str(run.path), "--frames").startswith("--frames: the pictures go into a page")
