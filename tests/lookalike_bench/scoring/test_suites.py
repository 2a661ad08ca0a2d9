"""A suite's rows: what enters the mean, what is counted, and where there is none."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.records.schema import Manifest
from lookalike_bench.records.store import Run
from lookalike_bench.scoring.comparison import compare_runs
from lookalike_bench.scoring.results import SuiteSummary
from lookalike_bench.scoring.statistics import mean_of_proportions, wilson
from lookalike_bench.scoring.suites import compare_in_suite
from lookalike_bench.scoring.summary import summarise, to_json

from tests.lookalike_bench.records_fixture import make_suite_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One episode of `long` errored; of `short` no swarm was scored."""
    errored = [("long", "single", 1), *(("short", "swarm", seed) for seed in range(3))]
    return make_suite_run(tmp_path_factory.mktemp("suite"), trust=9, errored=errored)


@pytest.fixture(scope="module")
def suite(run: Run) -> SuiteSummary:
    [suite] = summarise(run).suites
    return suite


def test_every_task_weighs_the_same(run: Run, suite: SuiteSummary) -> None:
    summary = summarise(run)
    for name in ("baseline", "single"):
        row = suite.variant(name)
        means = [task.variant(name) for task in summary.tasks]
        shares = [mean.success.mean for mean in means if mean is not None and mean.success.mean is not None]
        assert row is not None and row.success.mean == pytest.approx(math.fsum(shares) / 2) and len(shares) == 2
        assert row.success.interval is not None and row.gap == ""
    single = suite.variant("single")
    assert single is not None and (single.planned, single.scored, single.errored) == (6, 5, 1)
    # A mean over episodes would weigh the task with more of them more.
    assert mean_of_proportions([(0, 2), (4, 4)])[0] == 0.5 != 4 / 6


def test_an_error_is_not_a_score_of_the_suite(suite: SuiteSummary) -> None:
    swarm = suite.variant("swarm")
    assert swarm is not None and swarm.success.mean is None and swarm.success.interval is None
    assert swarm.gap == "of short nothing was scored" and swarm.against_baseline is None
    assert (swarm.planned, swarm.scored, swarm.errored) == (6, 3, 3)


def test_pairs_are_all_shared_seeds_of_all_tasks(suite: SuiteSummary) -> None:
    single, baseline = suite.variant("single"), suite.variant("baseline")
    assert single is not None and baseline is not None and single.against_baseline is not None
    assert baseline.against_baseline is None and single.against_baseline.pairs == 5
    # The one comparison that could be tested is corrected for being one.
    assert single.adjusted_p == single.against_baseline.p
    means = [single.success.mean or 0.0, baseline.success.mean or 0.0]
    # Seed 1 of `long` was not scored by both: the difference is that of the pairs.
    long = baseline.tasks["long"].outcomes
    without = [(long[0].success + long[2].success) / 2, baseline.tasks["short"].success.mean or 0.0]
    assert single.against_baseline.difference == pytest.approx(means[0] - math.fsum(without) / 2)


def test_a_task_that_was_not_played_leaves_no_mean(tmp_path: Path) -> None:
    [suite] = summarise(make_suite_run(tmp_path, without_tasks=["long"])).suites
    assert suite.tasks == ["short", "long"]
    for row in suite.variants:
        assert row.success.mean is None and row.gap == "long was not played" and row.planned == 3


def test_a_stand_in_is_not_the_task(tmp_path: Path) -> None:
    run = make_suite_run(tmp_path)
    text = run.manifest_path.read_text()
    manifest = Manifest.model_validate_json(text)
    [entry] = manifest.suites
    tasks = [manifest.tasks[0].model_copy(update={"stand_in_for": "zork"}), manifest.tasks[1]]
    named = entry.model_copy(update={"tasks": ["zork", "long"]})
    run.write_manifest(manifest.model_copy(update={"tasks": tasks, "suites": [named]}))
    [suite] = summarise(run).suites
    assert all(row.gap == "zork was not played (short was, in its place)" for row in suite.variants)


def test_one_seed_a_task_has_no_interval(tmp_path: Path) -> None:
    run = make_suite_run(tmp_path)
    manifest = run.read_manifest()
    run.write_manifest(
        manifest.model_copy(update={"tasks": [e.model_copy(update={"seeds": [0]}) for e in manifest.tasks]})
    )
    [suite] = json.loads(to_json(summarise(run), run.path))["suites"]
    for row in suite["variants"]:
        assert row["planned"] == 2 and row["success"]["mean"] is not None and row["success"]["low"] is None


def test_a_run_without_suites_is_as_it_was(run: Run, tmp_path: Path) -> None:
    manifest = json.loads(run.manifest_path.read_text())
    del manifest["suites"]
    old = Manifest.model_validate(manifest)
    assert old.suites == []
    with pytest.raises(ValueError, match="suite"):
        Manifest.model_validate({**manifest, "suites": [{"suite": "../x", "tasks": ["a"]}]})


def test_json_has_a_suite_as_it_has_tasks(run: Run) -> None:
    [suite] = json.loads(to_json(summarise(run), run.path))["suites"]
    assert suite["suite"] == "corridors" and suite["tasks"] == ["short", "long"]
    rows = {row["variant"]: row for row in suite["variants"]}
    assert (
        rows["swarm"]["no_mean_because"] == "of short nothing was scored" and rows["swarm"]["success"]["mean"] is None
    )
    assert {"difference", "low", "high", "p"} == set(rows["single"]["against_baseline"])


def test_two_runs_are_compared_over_the_suite(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_suite_run(tmp_path, trust=0)
    comparison = compare_runs(run, other)
    rows = {pair.first.variant: pair for pair in comparison.suites}
    assert rows["swarm"].success is None
    single = rows["single"].success
    assert single is not None and single.pairs == 5 and single.difference < 0
    again = compare_in_suite(rows["single"].second, rows["single"].first)
    assert again is not None and again.difference == single.difference
    assert main(["compare", str(run.path), str(other.path), "--html", str(tmp_path / "pages")]) == 0
    assert "suite corridors single" in capsys.readouterr().out
    assert "<td>suite corridors</td><td>single</td>" in (tmp_path / "pages" / "index.html").read_text()
    assert main(["compare", str(run.path), str(other.path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [pair["variant"] for pair in document["suites"]] == ["baseline", "single", "swarm"]
    manifest = other.read_manifest()
    other.write_manifest(manifest.model_copy(update={"suites": []}))
    changed = compare_runs(run, other)
    assert changed.suites == [] and any(change.what == "suite corridors" for change in changed.changes)


def test_equally_many_seeds_give_the_interval_of_all_episodes() -> None:
    # 15 of 148: Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    assert mean_of_proportions([(10, 74), (5, 74)])[1] == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert mean_of_proportions([(3, 5), (1, 5), (5, 5)])[1] == pytest.approx(wilson(9, 15))
