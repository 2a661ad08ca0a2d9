from __future__ import annotations

from pathlib import Path

import pytest
from lookalike_bench.cli.main import main

from tests.conftest import FAKE_PLUGINS
from tests.lookalike_bench.records_fixture import make_run

VARIANTS = ("baseline", "single", "swarm")
PLUGINS = ["--plugin", str(FAKE_PLUGINS), "--no-plugins"]


@pytest.mark.parametrize("jobs", ["-1", "0", "1.5", "many", ""])
def test_jobs_are_a_number_above_0(tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(tmp_path), "--jobs", jobs])
    [line] = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and f"--jobs: expected a whole number above 0, got {jobs!r}" in line


def test_a_run_is_replayed_by_no_more_processes_than_the_machine_can_bear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import lookalike_bench.engine.replaying as replaying

    asked: list[int] = []

    class Pool(replaying.ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            asked.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(replaying, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    run = make_run(tmp_path)
    assert main(["replay", str(run.path), "--jobs", "100000", *PLUGINS]) == 0
    assert "replayed 9 episodes" in capsys.readouterr().out
    assert asked == [8]


def test_a_run_without_episodes_is_not_as_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path, missing=[(variant, seed) for variant in VARIANTS for seed in range(3)])
    assert main(["replay", str(run.path), *PLUGINS]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"lookalike-bench: {run.path}: nothing to replay: no episode of it has a step\n"
