"""A record's actions played again: what was recorded must come out, and whatever was altered must be found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.engine.replaying import plain_environment, replay_run
from lookalike_bench.errors import RecordError
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.records.replay import replay_episode
from lookalike_bench.records.store import Run
from lookalike_bench.types import Observation

from tests.conftest import FAKE_PLUGINS
from tests.fake_plugins import Corridor
from tests.lookalike_bench.records_fixture import make_run

Line = dict[str, Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    variants = "variants: {baseline: {}, swarm: {members: 3}, independent: {members: 2}, replay: {}}"
    return make_run(tmp_path, trust=3, task_changes=variants, without=("variants",))


def play(seed: int, actions: Sequence[str]) -> list[tuple[Observation, str]]:
    """A replay in this process."""
    corridor = Corridor()
    played = [(corridor.reset(seed), corridor.digest())]
    for action in actions:
        if played[-1][0].terminated:
            break
        played.append((corridor.step(action), corridor.digest()))
    return played


def replayed(run: Run) -> list[str]:
    found = [replay_episode(episode, play, Corridor().info, lambda seen: seen.victory) for episode in run.episodes()]
    return [str(each.divergence) for each in found if each.divergence]


def alter(run: Run, variant: str, seed: int, change: Callable[[list[Line]], None]) -> None:
    path = run.episode_path("corridor", variant, seed)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_what_was_played_comes_out_again_copies_included(run: Run) -> None:
    plugins = load_plugins([str(FAKE_PLUGINS)], entry_points=False)
    found = list(replay_run(run, plugins))
    assert [each.divergence for each in found] == [None] * 12
    assert [each.episode for each in found][:4] == [*(f"corridor/baseline/seed-{n}" for n in range(3)),
                                                    "corridor/swarm/seed-0"]  # fmt: skip
    recorded = sum(len(episode.steps) for episode in run.episodes())
    assert sum(each.steps for each in found) == recorded > 30


def _other_action(lines: list[Line]) -> None:
    step = lines[2]
    other = "west" if step["action"] == "east" else "east"
    step["action"] = step["proposals"][step["played"]]["action"] = other


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_other_action, "step 2: text: expected"),
        (lambda lines: lines[2]["observation"].update(score=99.0), "step 2: score: expected 99.0, got 2"),
        (lambda lines: lines[3].update(digest="0" * 16), "step 3: the state's digest: expected '0000000000000000'"),
        (lambda lines: lines[0].update(digest="1"), "step 0: the state's digest: expected '1'"),
        (lambda lines: lines[0].update(fingerprint="corridor-3"), "environment's fingerprint: expected 'corridor-3'"),
        (lambda lines: lines[-1].update(success=False), "step 4: success: expected False, got True"),
        (lambda lines: lines[-1].update(score=350.0), "final score: expected 350.0, got 4"),
        (lambda lines: lines[-1].update(progress=0.5), "progress: expected 0.5, got 1.0"),
        (lambda lines: lines[-1].update(steps=1), "number of steps: expected 1, got 4"),
        (lambda lines: lines[-1].update(best_copy=3), "the copy that counts: expected 3"),
        (lambda lines: lines[2].update(played=9), "step 2: the proposal that was played"),
        (lambda lines: lines[2].update(step=7), "step 2: the step's number: expected 2, got 7"),
        (lambda lines: lines.insert(-1, {**lines[-2], "step": 5}), "got 'the episode was over'"),
    ],
)  # fmt: skip
def test_whatever_is_altered_is_found(run: Run, change: Callable[[list[Line]], None], found: str) -> None:
    alter(run, "swarm", 1, change)
    [divergence] = replayed(run)
    assert divergence.startswith("corridor/swarm/seed-1") and found in divergence


def test_a_copy_that_was_altered_is_named(run: Run) -> None:
    def change(lines: list[Line]) -> None:
        next(line for line in lines[1:] if line.get("copy") == 1)["observation"]["text"] = "A door."

    alter(run, "independent", 0, change)
    [divergence] = replayed(run)
    assert divergence.startswith("corridor/independent/seed-0 copy 1 step 1: text: expected 'A door.', got")


def test_a_record_in_the_wrong_place_is_refused(run: Run) -> None:
    alter(run, "swarm", 1, lambda lines: lines[0].update(seed=0))
    with pytest.raises(RecordError, match=r"seed-1.jsonl: it says that it is corridor/swarm/0"):
        run.episode("corridor", "swarm", 1)


def test_a_crash_costs_one_episode(tmp_path: Path) -> None:
    run = make_run(tmp_path, trust=9)
    crashing = {"plugin": "corridor", "crash_at": 2}
    alter(run, "swarm", 0, lambda lines: lines[0].update(environment=crashing))
    plugins = load_plugins([str(FAKE_PLUGINS)], entry_points=False)
    [divergence] = [str(each.divergence) for each in replay_run(run, plugins, jobs=2) if each.divergence]
    assert "corridor/swarm/seed-0" in divergence and "crashed" in divergence


def test_an_episode_that_failed_before_it_began_is_passed_over(tmp_path: Path) -> None:
    run = make_run(tmp_path, errored=[("single", 1)], missing=[("swarm", 0)])
    alter(run, "baseline", 0, lambda lines: (lines[0].update(observation=None), lines.__delitem__(slice(1, -1))))
    assert replayed(run) == []


def test_the_command_tells_the_first_divergence_and_exits_with_1(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["replay", str(run.path), "--plugin", str(FAKE_PLUGINS), "--no-plugins"]
    assert main(arguments) == 0
    assert "all as recorded" in capsys.readouterr().out
    alter(run, "baseline", 2, lambda lines: lines[1]["observation"].update(text="\x1b[2Jgone"))
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "corridor/baseline/seed-2 step 1: text: expected" in out and "\x1b" not in out
    assert main([*arguments, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["divergences"][0]["step"] == 1 and document["episodes"] == 12


@pytest.mark.parametrize("value", ["/etc/passwd", "..\\x", "https://example.org/x", {"file": "x"}, ["x"]])
def test_a_record_cannot_name_a_file_of_this_machine(value: object) -> None:
    with pytest.raises(RecordError, match="may not name a path"):
        plain_environment({"plugin": "zork", "story": value})
