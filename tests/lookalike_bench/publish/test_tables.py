"""What is printed when a run ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from lookalike_bench.publish.tables import WIDTH, count_text, estimate_text, percent, render_run
from lookalike_bench.scoring.results import Estimate
from lookalike_bench.scoring.summary import summarise

from tests.lookalike_bench.records_fixture import make_run, make_suite_run


def test_the_text_says_what_there_is_and_what_is_missing(tmp_path: Path) -> None:
    run = make_run(
        tmp_path,
        trust=0,
        task_changes="variants: {baseline: {}, single: {}, swarm: {}, independent: {members: 3}, replay: {}}",
        without=("variants",),
        errored=[("single", 0)],
        missing=[("swarm", 2)],
    )
    manifest = run.read_manifest()
    task = manifest.tasks[0].model_copy(update={"stand_in_for": "zork"})
    run.write_manifest(manifest.model_copy(update={"tasks": [task]}))
    text = render_run(summarise(run))
    assert "STAND-IN: this is corridor, not zork" in text
    assert "the demonstration is scripted" in text
    assert "replay: the recorded solution, replayed: the ceiling" in text
    assert "independent: control: best of 3" in text
    assert "swarm: 1 of 3 episodes were not finished" in text
    assert "swarm: ignores the reward:" in text
    assert "swarm against single:" in text
    assert max(map(len, text.splitlines())) <= WIDTH + 2
    # The error came from a server with control characters in it.
    assert "the server answered 500" in text and not any(ord(c) < 32 and c != "\n" for c in text)


def test_the_report_ends_with_the_suite(tmp_path: Path) -> None:
    run = make_suite_run(tmp_path, trust=9, errored=[("short", "single", seed) for seed in range(3)])
    text = render_run(summarise(run))
    suite = text[text.index("corridors: a suite of 2 tasks, each weighing the same") :]
    assert text.index("long: win the game") < text.index("corridors: a suite") and "  short, long\n" in suite
    [swarm] = [line.split() for line in suite.splitlines() if line.startswith("swarm ")]
    assert swarm[1:8] == ["2", "of", "2", "6", "6", "0", "100"]
    [single] = [line.split() for line in suite.splitlines() if line.startswith("single ")]
    assert single[4:8] == ["6", "3", "3", "-"]
    assert "single: of short nothing was scored" in suite and "points over 6 shared seeds, p = " in suite
    assert max(map(len, text.splitlines())) <= WIDTH + 2


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, "0"), (0.004, "0.4"), (0.114, "11"), (0.996, "99.6"), (1.0, "100")]
)
def test_a_share_is_never_rounded_to_certainty(value: float | None, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (940, "940"), (1840, "1.8k"), (999_700, "1.0M"), (12e6, "12M")])
def test_tokens_in_three_digits(count: int, text: str) -> None:
    assert count_text(count) == text


def test_estimates() -> None:
    assert estimate_text(Estimate(None, None)) == "-"
    assert estimate_text(Estimate(1.0, None)) == "100 %"
    assert estimate_text(Estimate(1.0, (0.566, 1.0))) == "100 % [57, 100]"
