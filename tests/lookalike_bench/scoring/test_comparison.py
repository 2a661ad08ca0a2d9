"""Two runs side by side: what differs in how they were made, and which episodes came out otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.records.store import Run
from lookalike_bench.scoring.comparison import compare_runs

from tests.browser import CHROMIUM, Browser
from tests.lookalike_bench.records_fixture import make_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("compare")
    first = make_run(folder / "first", trust=9, task_changes="seeds: 0-5", without=("seeds",))
    changes = "seeds: 0-4\nmax_steps: 5\nvariants: {baseline: {}, single: {}, retry: {}}"
    second = make_run(folder / "second", trust=0, task_changes=changes, without=("seeds", "max_steps", "variants"))
    manifest = second.read_manifest()
    second.write_manifest(manifest.model_copy(update={"packages": {**manifest.packages, "scipy": "0.1"}}))
    return first, second


def test_what_differs_is_named_with_both_values(runs: tuple[Run, Run]) -> None:
    changes = {change.what: (change.first, change.second) for change in compare_runs(*runs).changes}
    assert changes["corridor: max_steps"] == (6, 5)
    assert changes["corridor: seeds"] == ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4])
    assert changes["package scipy"][1] == "0.1"
    assert "corridor: variants.swarm" in changes and changes["corridor: variants.retry"][0] == "(absent)"


def test_pairs_and_flips_are_on_shared_variants_and_seeds(runs: tuple[Run, Run]) -> None:
    comparison = compare_runs(*runs)
    assert [pair.first.variant for pair in comparison.pairs] == ["baseline", "single"]
    single = comparison.pairs[1]
    assert single.success is not None and single.success.pairs == 5 and single.success.difference < 0
    assert single.adjusted_p is not None and single.success.p is not None
    assert single.adjusted_p == pytest.approx(min(1.0, 2 * single.success.p))
    assert {flip.variant for flip in comparison.flipped} == {"single"}
    assert all(flip.won == "first" and flip.seed < 5 for flip in comparison.flipped)


def test_a_run_and_itself_do_not_differ(runs: tuple[Run, Run]) -> None:
    comparison = compare_runs(runs[0], runs[0])
    assert comparison.changes == [] and comparison.flipped == []
    assert all(pair.success and pair.success.difference == 0 for pair in comparison.pairs)


def test_the_command_prints_and_writes_linked_pages(
    runs: tuple[Run, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(run.path) for run in runs]
    assert main(["compare", *paths, "--html", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "corridor: max_steps: 6 -> 5" in out and "corridor single seed" in out
    assert max(map(len, out.splitlines()[:20])) <= 120 or str(tmp_path) in out
    assert main(["compare", *paths, "--json"]) == 0
    assert {pair["variant"] for pair in json.loads(capsys.readouterr().out)["pairs"]} == {"baseline", "single"}
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with Browser() as browser:
        page = browser.open(tmp_path / "index.html")
        addresses = page.run("[...document.querySelectorAll('a[target]')].map(link => link.getAttribute('href'))")
        assert addresses and len(addresses) % 2 == 0
        name, fragment = addresses[0].split("#")
        opened = browser.open(tmp_path / name, fragment)
        assert opened.run("location.hash") == f"#{fragment}"
        assert opened.problems == page.problems == []
