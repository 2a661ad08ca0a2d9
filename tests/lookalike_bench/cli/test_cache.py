"""`lookalike-bench cache`, after real runs against a loopback server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.engine.cache import ResponseCache

from tests.loopback_server import LoopbackServer, chat_protocol
from tests.remote_runs import play

pytestmark = pytest.mark.skipif(find_spec("aiohttp") is None, reason="the openai extra is not installed")
EAST = chat_protocol('{"action": "east"}')


@pytest.fixture
def server(own_cache: Path) -> Iterator[LoopbackServer]:
    with LoopbackServer(EAST) as server:
        yield server


def run(folder: Path, server: LoopbackServer, own_cache: Path, name: str = "run", **options: object) -> Path:
    short = {"changes": "seeds: 1\nvariants: {swarm: {members: 3}}", "without": ("seeds", "variants")}
    play(folder, server, name, cache=ResponseCache(own_cache / "responses.sqlite3"), **short | options)
    return folder / name


def explained(capsys: pytest.CaptureFixture[str], path: Path, *where: str) -> list[str]:
    assert main(["cache", "explain", str(path), *where]) == 0
    return capsys.readouterr().out.splitlines()


SWARM = ("--variant", "swarm", "--seed", "1", "--step", "3", "--member", "2")


def test_it_shows_what_is_kept_and_clears_it(
    tmp_path: Path, server: LoopbackServer, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache"]) == 0
    assert "no answers are kept yet" in capsys.readouterr().out
    run(tmp_path, server, own_cache)
    assert main(["cache", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answers"] == len(server.posts) > 0
    [model] = told["models"]
    assert (model["asked"]["model"], model["asked"]["player"]) == ("test-model", "openai")
    assert main(["cache"]) == 0
    assert f"{told['answers']:,} answers" in capsys.readouterr().out
    assert main(["cache", "--clear", "--model", "other*"]) == 2
    assert "there are answers of: test-model" in capsys.readouterr().err
    assert main(["cache", "--clear", "--model", "test*"]) == 0
    assert "0 are left" in capsys.readouterr().out


def test_an_answer_that_is_there_and_why_it_was_asked_for(
    tmp_path: Path, server: LoopbackServer, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run(tmp_path, server, own_cache)
    heading, now, then = explained(capsys, path, *SWARM)
    assert heading == "corridor swarm seed 1, step 3, member 2, asked of test-model"
    assert now.startswith("hit: exactly this was asked before, at ")
    assert then.startswith("when it was asked, it was a miss: nothing was asked at the same turn; of others")


def test_another_goal_is_another_first_message_of_the_same_turn(
    tmp_path: Path, server: LoopbackServer, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, server, own_cache)
    other = run(tmp_path, server, own_cache, "other", changes="max_steps: 5", without=("max_steps",))
    [_, _, then] = explained(capsys, other, *SWARM)
    assert then.startswith("when it was asked, it was a miss: message 1 of 6 differs")


def test_other_temperatures_are_named(
    tmp_path: Path, server: LoopbackServer, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, server, own_cache)
    swarm = "variants: {swarm: {members: 3, temperatures: [0.2, 0.5, 0.9]}}"
    other = run(tmp_path, server, own_cache, "other", changes=swarm, without=("variants",))
    [_, _, then] = explained(capsys, other, *SWARM)
    assert then.endswith("the same messages were asked, but temperature is 0.9, was 1.4")


def test_a_run_without_the_cache_misses_and_says_against_whom(
    tmp_path: Path, server: LoopbackServer, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, server, own_cache)
    with LoopbackServer(EAST) as elsewhere:
        play(tmp_path, elsewhere, "elsewhere")
    _, now = explained(capsys, tmp_path / "elsewhere", *SWARM)
    assert now.startswith("miss: nothing was asked of") and f'base_url is "{elsewhere.url}/v1", was' in now


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (["--variant", "solo", "--seed", "1", "--step", "3"], "no episode of corridor solo with seed 1"),
        (["--variant", "swarm", "--seed", "9", "--step", "3"], "no episode of corridor swarm with seed 9"),
        (["--variant", "swarm", "--seed", "1", "--step", "30"], "no step 30; the record ends with 4"),
        (["--variant", "swarm", "--seed", "1", "--step", "3", "--member", "7"], "no member 7, only 0, 1, 2"),
        (["--task", "maze", "--variant", "swarm", "--seed", "1", "--step", "3"], "has no task 'maze'; it has corridor"),
    ],
)
def test_what_the_run_does_not_have_is_one_clear_line(
    tmp_path: Path,
    server: LoopbackServer,
    own_cache: Path,
    capsys: pytest.CaptureFixture[str],
    where: list[str],
    message: str,
) -> None:
    path = run(tmp_path, server, own_cache)
    assert main(["cache", "explain", str(path), *where]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
