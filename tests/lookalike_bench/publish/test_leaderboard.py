"""The leaderboard's tables and pages: made from the submissions alone, and the committed ones are up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.publish.leaderboard import collect, read_references
from lookalike_bench.publish.leaderboard_tables import markdown, write_tables
from lookalike_bench.publish.submissions import load_submissions
from lookalike_bench.records.bundles import pack
from lookalike_bench.tasks.suite import load_folder

from tests.browser import Browser
from tests.lookalike_bench.records_fixture import make_run, make_suite_run

ROOT = Path(__file__).parents[3]
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(2)) | `a` **b**"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two submissions of the corridor: one whose player listens, one that does not and has a hostile name."""
    folder = tmp_path_factory.mktemp("board")
    variants = "variants: {baseline: {}, single: {}, swarm: {}, random-player: {}, no-memory: {}, replay: {}}"
    for name, trust in (("Listens", 9.0), (HOSTILE, 0.0)):
        run = make_run(folder / "tasks", trust=trust, task_changes=variants, without=("variants",), name=f"run-{trust}")
        path = folder / "leaderboards" / "submissions" / f"trust-{trust}.jsonl.gz"
        pack(run, path, name=name, method=f"{name} as built in.", url=None, include="judgements")
    references = (ROOT / "leaderboards" / "reference.yaml").read_text()
    (folder / "leaderboards" / "reference.yaml").write_text(references)
    build = ["leaderboard", "build", "--folder", str(folder / "leaderboards"), "--tasks", str(folder / "tasks")]
    assert main(build) == 0
    return folder / "leaderboards"


def test_a_row_for_each_variant_the_best_first_and_controls_last(folder: Path) -> None:
    lines = [line for line in (folder / "corridor.md").read_text().splitlines() if line.startswith("| ")]
    rows = [re.split(r"(?<!\\)\|", line)[1:] for line in lines]
    controls = [row[0].strip() == "c" for row in rows[1:]]
    assert controls == sorted(controls) and len(controls) == 12 and sum(controls) == 6
    success = [float(row[3].split("%")[0]) for row in rows[1:7]]
    assert success == sorted(success, reverse=True) and success[0] == 100 and success[-1] < 50
    assert "Listens: swarm" in [row[1].strip() for row in rows[1:4]]
    assert all("3 of 3" in "|".join(row) for row in rows[1:])


def test_the_suite_has_the_shape_of_the_paper_and_its_rows_apart(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    own, paper = text.split("## The paper's own table")
    assert "| corridor" in own and own.count("player alone (pLLM)") == 2
    assert "no-memory" not in own and "random-player" not in own
    assert re.search(r"\| pLLM swarm \+ vLLM +\| 100 +\| 56 +\|", paper) and "2403.10824" in paper


def test_a_hostile_name_is_only_text_in_markdown(folder: Path) -> None:
    for path in folder.glob("*.md"):
        text = path.read_text()
        assert "<img" not in text and not re.search(r"(?<!\\)\]\(javascript", text)
    assert markdown("a|b\n[c](d) <e> `f` https://g") == r"a\|b \[c\](d) &lt;e&gt; \`f\` https&#58;//g"


def test_the_same_submissions_give_the_same_files(folder: Path, tmp_path: Path) -> None:
    accepted = load_submissions(folder / "submissions", tmp_path / "unpacked")
    board = collect(accepted, *load_folder(folder.parent / "tasks"), read_references(folder / "reference.yaml"))
    for path in write_tables(board, tmp_path / "again"):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_a_page_for_the_suite_each_task_and_each_submission(folder: Path) -> None:
    pages = sorted(str(path.relative_to(folder / "site")) for path in (folder / "site").rglob("*.html"))
    assert pages == ["corridor.html", "index.html", "submissions/trust-0.0.html", "submissions/trust-9.0.html"]
    for path in (folder / "site").rglob("*.html"):
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", path.read_text())


def test_the_site_in_a_browser(folder: Path, browser: Browser) -> None:
    page = browser.open(folder / "site" / "corridor.html")
    shown = "[...document.querySelectorAll('tbody tr')].filter(row => !row.hidden && row.closest('[data-filtered]'))"
    assert page.run(f"{shown}.length") == 12
    page.run("document.querySelector('[data-controls]').click()")
    assert page.run(f"{shown}.length") == 6
    page.run("document.querySelector('[data-filter]').focus()")
    page.type("listens")
    assert page.run(f"{shown}.length") == 3
    assert page.run("document.querySelector('[data-count]').innerText") == "3 rows"
    # By success, worst first, then best first.
    head = "[...document.querySelectorAll('th')].find(head => head.innerText.startsWith('success'))"
    page.run(f"{head}.querySelector('button').click()")
    first = f"{shown}[0].cells[1].innerText"
    assert page.run(first) != "baseline" and page.run(f"{head}.getAttribute('aria-sort')") == "descending"
    page.run(f"{head}.querySelector('button').click()")
    assert page.run(first) == "baseline" and page.run(f"{head}.getAttribute('aria-sort')") == "ascending"
    address = page.run(f"{shown}[0].querySelector('a').getAttribute('href')")
    assert address == "submissions/trust-9.0.html#corridor/baseline/0/1"
    assert page.problems == []


@pytest.mark.parametrize("name", ["index.html", "corridor.html", "submissions/trust-0.0.html"])
def test_every_page_fits_a_phone_and_is_not_harmed_by_names(folder: Path, browser: Browser, name: str) -> None:
    page = browser.open(folder / "site" / name, width=390, height=844)
    assert page.run("document.documentElement.scrollWidth") <= 390
    assert page.run("document.querySelectorAll('img').length") == 0
    assert page.problems == []


def test_a_suite_has_a_mean_only_where_all_of_its_tasks_were_played(tmp_path: Path) -> None:
    """A row is a submission. Tasks of the same environment that the suite does not name are not mixed in."""
    whole = make_suite_run(tmp_path / "tasks", trust=9, name="whole")
    part = make_suite_run(tmp_path / "tasks", trust=9, without_tasks=["long"], name="part")
    twin = make_run(tmp_path / "tasks", trust=0, name="twin")
    board = tmp_path / "leaderboards"
    for name, run in (("Whole", whole), ("Part", part), ("Twin", twin)):
        path = board / "submissions" / f"{name.lower()}.jsonl.gz"
        pack(run, path, name=name, method="As built in.", url=None, include="actions")
    (board / "reference.yaml").write_text((ROOT / "leaderboards" / "reference.yaml").read_text())
    assert main(["leaderboard", "build", "--folder", str(board), "--tasks", str(tmp_path / "tasks")]) == 0
    text = (board / "README.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    assert rows[0] == ["submission", "method", "corridors", "verified"]
    cells = {(row[0].split("]")[0].strip("["), row[1].split(" ")[0]): row[2] for row in rows[1:] if len(row) == 4}
    assert cells["Whole", "swarm"] == "100 % [61, 100] (all 2 tasks)"
    assert cells["Part", "swarm"] == "- (1 of 2 tasks: short)"
    assert not any(name == "Twin" for name, _ in cells)
    assert "- corridors: short, long" in text and "(corridor.md)" in text
    page = (board / "site" / "index.html").read_text()
    assert "all 2 tasks" in page and "1 of 2 tasks: short" in page


def test_the_committed_tables_are_what_the_submissions_give(tmp_path: Path) -> None:
    boards = ROOT / "leaderboards"
    accepted = load_submissions(boards / "submissions", tmp_path / "unpacked")
    board = collect(accepted, *load_folder(ROOT / "tasks"), read_references(boards / "reference.yaml"))
    written = {path.name: path.read_text() for path in write_tables(board, tmp_path / "tables")}
    committed = {path.name: path.read_text() for path in boards.glob("*.md")}
    assert committed == written, "run: lookalike-bench leaderboard build"
