"""`lookalike-bench doctor`, on environments that are sound, broken, and not to be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.plugins.manager import PluginManager

from tests.conftest import FAKE_PLUGINS

STRANGE = """
from lookalike_bench.plugins import hookimpl
from tests.fake_plugins import Corridor, Lane

class Needy(Corridor):
    def __init__(self, story: str) -> None:
        super().__init__()

class Untold(Lane):
    shows_pictures = False

@hookimpl
def lookalike_environments():
    return {"needy": Needy, "untold": Untold}
"""


@pytest.fixture
def strange(tmp_path: Path) -> str:
    path = tmp_path / "strange.py"
    path.write_text(STRANGE)
    return str(path)


def test_a_sound_environment_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--environment", "lane", "--plugin", str(FAKE_PLUGINS)]) == 0
    said = capsys.readouterr().out
    assert "environment lane" in said and said.count("  ok  ") == 9 and "FAIL" not in said


def test_a_broken_one_is_a_failure(strange: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--environment", "untold", "--plugin", strange]) == 1
    assert "FAIL  types: after 0 steps: shows_pictures is False, but there is a frame" in capsys.readouterr().out


def test_what_cannot_be_had_fails_only_if_it_was_asked_for(
    strange: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PluginManager, "names", lambda self, kind: ["needy"])
    needs = "environment 'needy' needs the argument 'story'"
    assert main(["doctor", "--environment", "needy", "--plugin", strange]) == 1
    assert f"FAIL  {needs}" in capsys.readouterr().out
    assert main(["doctor", "--plugin", strange]) == 0
    assert f"skip  {needs}" in capsys.readouterr().out
