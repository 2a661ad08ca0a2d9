from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Annotated, Literal

import pytest
from lookalike_bench.errors import PluginError
from lookalike_bench.plugins import hookimpl
from lookalike_bench.plugins.manager import HOOK_OF_KIND, PluginManager, Registered, check_arguments, load_plugins
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Request
from pydantic import Field

ROOT = Path(__file__).parents[3]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_every_built_in_loads() -> None:
    plugins = load_plugins()
    assert plugins.problems == []
    for kind in HOOK_OF_KIND:
        for name in plugins.names(kind):
            try:
                plugins.find(kind, name).load()
            except PluginError as error:
                # A package that is an extra may be missing; anything else is a fault of ours.
                assert "needs a package that is missing" in str(error)


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(PluginError, match="no environment is called 'zrok'; did you mean 'zork'"):
        load_plugins().find("environment", "zrok")


def test_an_unknown_argument_brings_the_nearest() -> None:
    with pytest.raises(PluginError, match="environment 'zork' has no argument 'stroy'; did you mean 'story'"):
        load_plugins().create("environment", "zork", {"stroy": "x"})


class Clear(Player):
    """Takes arguments of many kinds, one of them of a class that no file can hold."""

    def __init__(
        self,
        mode: Literal["easy", "hard"] = "easy",
        steps: Annotated[int, Field(ge=1, le=32)] = 1,
        share: float = 0.5,
        name: str | None = None,
        inside: Thread | None = None,
    ) -> None:
        """Keeps nothing."""

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return []


class Unclear(Clear):
    def __init__(self, steps: int = 1, what: Nowhere = None) -> None:  # type: ignore[name-defined]  # noqa: F821
        """Keeps nothing."""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "esy"}, r"player 'clear': mode: expected 'easy' or 'hard', not 'esy'; did you mean 'easy'\?"),
        ({"steps": True}, "steps: expected a valid integer, not True"),
        ({"steps": 33}, "steps: expected less than or equal to 32, not 33"),
        ({"steps": "2"}, "steps: expected a valid integer, not '2'"),
        ({"share": float("nan")}, "share: expected a finite number, not nan"),
        ({"name": 7}, "name: expected a valid string, not 7"),
        ({"mode": "x" * 5000}, r"not 'x{60,80}\.\.\.$"),
    ],
)
def test_an_argument_is_of_the_type_that_is_annotated(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        check_arguments(Registered("player", "clear", Clear, "tests", "1"), Clear, arguments)
    assert "\n" not in str(caught.value)


def test_right_arguments_and_unclear_annotations_pass() -> None:
    right = {"mode": "hard", "steps": 32, "share": 1, "name": None, "inside": None}
    check_arguments(Registered("player", "clear", Clear, "tests", "1"), Clear, right)
    check_arguments(Registered("player", "unclear", Unclear, "tests", "1"), Unclear, {"steps": "x"})


def test_a_file_plugs_in() -> None:
    plugins = load_plugins([ROOT / "tests" / "fake_plugins.py"])
    assert plugins.create("environment", "corridor", {"length": 7}).info.score_range == (0, 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import nowhere_to_be_found\n", "broken.py:1: ModuleNotFoundError"),
        ("x = 1\nx = = 2\n", "broken.py:2: SyntaxError"),
        ("def f():\n    return 1 / 0\n\nf()\n", "broken.py:2: ZeroDivisionError"),
    ],
)
def test_a_file_that_breaks_is_one_line_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(PluginError) as caught:
        load_plugins([write(tmp_path / "broken.py", text)])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_hook_is_named() -> None:
    plugins = PluginManager()

    class Misspelt:
        @hookimpl
        def lookalike_playerz(self) -> dict[str, str]:
            return {}

    plugins.add(Misspelt(), "misspelt", "1")
    assert "lookalike_playerz" in plugins.problems[0].reason


def test_a_clash_names_both_sides_and_the_first_stays() -> None:
    plugins = load_plugins()

    class Usurper:
        @hookimpl
        def lookalike_players(self) -> dict[str, type]:
            return {"random": dict, "new": dict}

    plugins.add(Usurper(), "usurper", "1")
    [problem] = plugins.problems
    assert (problem.plugin, "'random'" in problem.reason, "'builtin'" in problem.reason) == ("usurper", True, True)
    assert plugins.find("player", "random").plugin == "builtin"
    assert plugins.find("player", "new").plugin == "usurper"


def test_a_broken_package_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.entry_points

    class Broken:
        name, group, dist = "broken", "lookalike_bench", SimpleNamespace(version="0.1")

        def load(self) -> object:
            raise RuntimeError("no such device")

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **how: [*real(**how), Broken()])
    plugins = load_plugins()
    assert [(problem.plugin, problem.reason) for problem in plugins.problems] == [
        ("broken", "RuntimeError: no such device")
    ]
    assert "zork" in plugins.names("environment")
    with pytest.raises(PluginError, match=r"plugins that failed to load: broken"):
        plugins.find("player", "of-the-broken-package")
    assert load_plugins(entry_points=False).problems == []
    assert load_plugins(allow=["builtin"]).problems == []
    with pytest.raises(PluginError, match="did you mean 'broken'"):
        load_plugins(allow=["borken"])


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    seconds = min(_help_seconds() for _ in range(3))
    # The aim is 0.3 s on an idle machine; a busy one gets some grace, a heavy import does not fit in it.
    assert seconds < 0.6
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, lookalike_bench.cli.main as m; m.main(['--help']); print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {"numpy", "pydantic", "pytest", "rich", "av", "scipy", "yaml"} & set(loaded)


def _help_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "lookalike_bench.cli.main", "--help"], capture_output=True, check=True)
    return time.perf_counter() - started


def test_every_hook_stands_in_the_plugin_guide_with_its_signature() -> None:
    guide = (ROOT / "docs" / "plugins.md").read_text()
    source = (ROOT / "benchmark" / "lookalike_bench" / "plugins" / "hookspecs.py").read_text()
    for hook in HOOK_OF_KIND.values():
        [signature] = re.findall(rf"def ({hook}\(.*?\)) -> (?:.*?):", source)
        assert signature in guide
