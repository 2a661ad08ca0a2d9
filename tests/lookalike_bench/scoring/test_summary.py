"""A run in numbers: what is counted, what enters a mean, and what `run --json` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lookalike_bench.errors import RecordError
from lookalike_bench.records.store import Run
from lookalike_bench.scoring.results import RunSummary
from lookalike_bench.scoring.summary import check_expectations, compare_success, summarise, to_json

from tests.lookalike_bench.records_fixture import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(
        tmp_path_factory.mktemp("summary"),
        trust=6,
        task_changes="seeds: 0-4\nvariants: {baseline: {}, single: {}, swarm: {members: 3}, replay: {}}",
        without=("seeds", "variants"),
        errored=[("single", 1)],
        missing=[("swarm", 3), ("swarm", 4)],
    )


@pytest.fixture(scope="module")
def summary(run: Run) -> RunSummary:
    return summarise(run)


def test_variants_come_in_the_order_of_the_task_with_their_counts(summary: RunSummary) -> None:
    [task] = summary.tasks
    counts = {v.variant: (v.planned, v.scored, v.errored, v.missing) for v in task.variants}
    assert list(counts) == ["baseline", "single", "swarm", "replay"]
    assert counts == {"baseline": (5, 5, 0, 0), "single": (5, 4, 1, 0), "swarm": (5, 3, 0, 2), "replay": (5, 5, 0, 0)}


def test_an_errored_episode_is_never_a_zero(summary: RunSummary) -> None:
    single = summary.tasks[0].variant("single")
    assert single is not None
    assert single.success.mean == 1.0 and single.progress.mean == 1.0
    assert 1 not in single.outcomes
    assert "the server answered 500" in single.errors[0]


def test_pairs_are_the_seeds_that_both_scored(summary: RunSummary) -> None:
    task = summary.tasks[0]
    single, swarm = task.variant("single"), task.variant("swarm")
    assert single is not None and swarm is not None and single.against_baseline is not None
    assert single.against_baseline.pairs == 4
    between = compare_success(single, swarm)
    assert between is not None and between.pairs == 2  # seeds 0 and 2: 1 errored, 3 and 4 are missing
    baseline = task.variant("baseline")
    assert baseline is not None and baseline.against_baseline is None


def test_holm_counts_the_hypotheses_and_not_the_replayed_solution(summary: RunSummary) -> None:
    task = summary.tasks[0]
    by_name = {variant.variant: variant for variant in task.variants}
    assert by_name["replay"].adjusted_p is None and by_name["replay"].against_baseline is not None
    tested = [by_name["single"], by_name["swarm"]]
    raw = [variant.against_baseline.p for variant in tested if variant.against_baseline]
    assert by_name["single"].adjusted_p == pytest.approx(min(1.0, 2 * (raw[0] or 0)))


def test_json_has_the_keys_of_the_contract(run: Run, summary: RunSummary) -> None:
    document = json.loads(to_json(summary, run.path))
    assert set(document) == {"run", "tasks", "suites"} and document["suites"] == [] and document["run"] == str(run.path)
    [task] = document["tasks"]
    assert set(task) == {"task", "stand_in_for", "variants"}
    promised = {
        "variant", "planned", "scored", "errored", "success", "progress", "steps", "tokens", "seconds", "cost_usd",
        "against_baseline",
    }  # fmt: skip
    for variant in task["variants"]:
        assert promised <= set(variant)
        assert set(variant["success"]) == set(variant["progress"]) == {"mean", "low", "high"}
    by_name = {variant["variant"]: variant for variant in task["variants"]}
    assert by_name["baseline"]["against_baseline"] is None
    assert {"difference", "low", "high"} <= set(by_name["single"]["against_baseline"])
    assert by_name["single"]["tokens"] == by_name["single"]["prompt_tokens"] + by_name["single"]["completion_tokens"]


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    run = make_run(tmp_path, trust=6, task_changes="seeds: 0", without=("seeds",))
    [task] = json.loads(to_json(summarise(run), run.path))["tasks"]
    swarm = task["variants"][2]
    assert swarm["success"] == {"mean": 1.0, "low": None, "high": None}
    assert swarm["against_baseline"]["low"] is None and swarm["against_baseline"]["p"] is None


def test_expectations_are_met_missed_or_cannot_be_told(summary: RunSummary) -> None:
    expect = {"swarm.success": ">= 0.8", "swarm.steps": "< 2", "nobody.success": "> 0"}
    checked = check_expectations(expect, summary.tasks[0])
    assert [met for _, met in checked] == [True, False, None]
    assert checked[0][0] == "swarm.success >= 0.8 (it is 1)"


def test_a_scored_episode_without_a_score_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path, trust=6)
    path = run.episode_path("corridor", "single", 0)
    path.write_text(path.read_text().replace('"success":true', '"success":null'))
    with pytest.raises(RecordError, match=r"seed-0.jsonl: a scored episode without success"):
        summarise(run)


def test_demonstrations_say_who_played(summary: RunSummary) -> None:
    assert summary.tasks[0].demonstrations == ["scripted"]
