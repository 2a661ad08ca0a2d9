"""The page of a run, opened in a real browser: the step viewer, and an episode that is out to do harm."""

from __future__ import annotations

import html
import json
import re
import time
from pathlib import Path

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.publish.report_page import write_report
from lookalike_bench.records.schema import EpisodeEnd
from lookalike_bench.records.store import Run, read_episode

from tests.browser import CHROMIUM, Browser
from tests.lookalike_bench.records_fixture import make_run, make_suite_run

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

HOSTILE = (
    "</script><script>window.harmed = 1; alert(1)</script><img src=x onerror='window.harmed = 2'>"
    '<a href="javascript:alert(3)">{{ 7 * 7 }}</a> <!-- \x1b[31mred\x07 \u202egnp.exe\u202c \u200f&lt;b&gt; \u2028'
)


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    run = make_run(folder, trust=1)
    write_report(run, folder / "report.html")
    return folder / "report.html"


def hostile_run(folder: Path) -> Run:
    """A run in which every text that somebody else wrote is hostile."""
    run = make_run(folder, trust=1)
    for episode in list(run.episodes()):
        lines = [json.loads(line) for line in episode.path.read_text().splitlines()]
        for line in lines:
            if line["type"] == "episode":
                line["observation"]["text"] = line["observation"]["description"] = HOSTILE
                line["player"] = line["critic"] = HOSTILE
                line["handicaps"] = line["roles"] = [HOSTILE]
            if line["type"] == "step":
                line["action"] = line["observation"]["text"] = line["digest"] = HOSTILE
                line["observation"]["description"] = HOSTILE
                line["observation"]["milestones"] = line["choices"] = [HOSTILE]
                for judgement in (line["review"], *(proposal["judgement"] for proposal in line["proposals"])):
                    if judgement is not None:
                        judgement |= {"reason": HOSTILE, "possible": [HOSTILE], "recommended": HOSTILE}
                for proposal in line["proposals"]:
                    proposal |= {"action": HOSTILE, "text": HOSTILE + " ", "tail": HOSTILE}
                for message in line["conversation"]["added"]:
                    message["content"] = HOSTILE
            if line["type"] == "end" and episode.header.seed == 0:
                line |= {"status": "errored", "success": None, "progress": None, "score": None, "error": HOSTILE}
        episode.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    manifest = json.loads(run.manifest_path.read_text())
    manifest["plugins"] = {HOSTILE: HOSTILE}
    manifest["tasks"][0]["stand_in_for"] = HOSTILE
    run.manifest_path.write_text(json.dumps(manifest))
    return run


def test_the_page_is_one_file_that_asks_for_nothing(page_path: Path) -> None:
    page = html.unescape(page_path.read_text())
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "default-src 'none'" in page and "'unsafe-eval'" not in page
    assert re.search("script-src 'sha256-[A-Za-z0-9+/=]+'\"", page)


def test_a_suite_stands_above_its_tasks(tmp_path: Path) -> None:
    errored = [("short", "swarm", seed) for seed in range(3)]
    write_report(make_suite_run(tmp_path, trust=9, errored=errored), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<title>corridors - lookalike-bench</title>" in page
    headings = re.findall("<h2[^>]*>([^<]*)", page)
    assert [heading.split(":")[0] for heading in headings] == ["corridors", "short", "long", "Step by step"]
    table = page[page.index("Results of corridors") : page.index("<h2>short")]
    assert "of short nothing was scored" in table and "points over 6 shared seeds" in table


def test_hostile_text_is_escaped_in_the_file(tmp_path: Path) -> None:
    run = hostile_run(tmp_path)
    write_report(run, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<script>window.harmed" not in page and "<img src=x" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u200f\u2028\u202e]", page)
    assert "⟨U+202E⟩gnp.exe" in page


@needs_browser
def test_hostile_text_does_nothing_in_a_browser(tmp_path: Path, browser: Browser) -> None:
    run = hostile_run(tmp_path)
    write_report(run, tmp_path / "report.html")
    page = browser.open(tmp_path / "report.html", "corridor/swarm/1/2")
    for _ in range(8):
        page.press("ArrowRight")
    page.press("]")
    assert page.run("window.harmed === undefined")
    assert page.run("document.querySelectorAll('img, iframe, a[href^=javascript]').length") == 0
    assert page.run("document.scripts.length") == page.run("document.querySelectorAll('script[type]').length + 1")
    text = page.run("document.body.innerText")
    assert "</script><script>window.harmed" in text and "{{ 7 * 7 }}" in text
    assert "⟨U+202E⟩" in text and "\u202e" not in text and "\x1b" not in text
    assert page.problems == []


@needs_browser
def test_the_viewer_by_keyboard_address_and_search(page_path: Path, browser: Browser) -> None:
    page = browser.open(page_path, "corridor/swarm/1/2")
    assert page.run("document.querySelector('#step h3').innerText").startswith("Step 2:")
    assert "corridor, swarm, seed 1" in page.run("document.getElementById('step').innerText")
    page.press("ArrowRight")
    assert page.run("document.querySelector('#step h3').innerText").startswith("Step 3:")
    assert page.run("location.hash") == "#corridor/swarm/1/3"
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    assert page.run("location.hash") == "#corridor/swarm/1/1"
    page.press("]")
    assert page.run("location.hash") == "#corridor/swarm/2/1"
    page.press("/")
    page.type("3 steps in")
    assert re.match(r"[1-9]\d* steps?", page.run("document.getElementById('matches').innerText"))
    page.press("Enter")
    assert "You are 3 steps in." in page.run("document.getElementById('step').innerText")
    table = page.run("document.querySelector('#step table').innerText")
    assert all(temperature in table for temperature in ("0.2", "0.8", "1.4"))
    assert page.problems == []


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_a_phone(page_path: Path, browser: Browser, dark: bool) -> None:
    page = browser.open(page_path, width=390, height=844, dark=dark)
    assert page.run("document.documentElement.scrollWidth") <= 390
    colours = page.run("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    text, ground = ([int(part) for part in re.findall(r"\d+", colour)] for colour in colours)
    assert (sum(ground) < 150) == dark and abs(sum(text) - sum(ground)) > 500


@needs_browser
def test_five_episodes_of_600_steps_open_in_two_seconds(tmp_path: Path, browser: Browser) -> None:
    run = make_run(
        tmp_path,
        task_changes="environment: {plugin: corridor, length: 1000}\nseeds: 0\nvariants: {swarm: {}}\nmax_steps: 600",
        without=("environment", "seeds", "variants", "max_steps"),
    )
    source = run.episode_path("corridor", "swarm", 0).read_text()
    for seed in range(1, 5):
        run.episode_path("corridor", "swarm", seed).write_text(source.replace('"seed":0,', f'"seed":{seed},', 1))
    entry = run.read_manifest().tasks[0].model_copy(update={"seeds": list(range(5))})
    run.write_manifest(run.read_manifest().model_copy(update={"tasks": [entry]}))
    episode = read_episode(run.episode_path("corridor", "swarm", 4))
    assert episode is not None and len(episode.steps) == 600 and isinstance(episode.end, EpisodeEnd)
    write_report(run, tmp_path / "report.html")
    began = time.perf_counter()
    page = browser.open(tmp_path / "report.html", "corridor/swarm/4/600")
    assert page.run("document.querySelector('#step h3').innerText").startswith("Step 600:")
    # The list of steps has moved to the step that is shown.
    place = (
        "const [list, step] = ['#steps', '[aria-current]'].map(s => document.querySelector(s).getBoundingClientRect());"
    )
    assert page.run(f"(() => {{ {place} return step.top >= list.top && step.bottom <= list.bottom; }})()")
    assert time.perf_counter() - began < 2
    assert page.problems == []


PICTURES = """
from tests.fake_plugins import Corridor
from lookalike_bench.plugins import hookimpl
from dataclasses import replace

class Seen(Corridor):
    def _look(self):
        import numpy
        frame = numpy.zeros((8, 8, 3), dtype="uint8")
        frame[:, : 2 * self.place] = (200, 0, 0)
        return replace(super()._look(), frame=frame)

@hookimpl
def lookalike_environments():
    return {"corridor": Seen}
"""


def test_frames_are_rendered_by_playing_again(tmp_path: Path, browser: Browser) -> None:
    run = make_run(tmp_path, trust=9)
    described = run.episode_path("corridor", "swarm", 1)
    described.write_text(described.read_text().replace('"description":""', '"description":"A red bar."'))
    (tmp_path / "pictures.py").write_text(PICTURES)
    report = ["report", str(run.path), "--html", str(tmp_path / "report.html"), "--frames"]
    assert main([*report, "--plugin", str(tmp_path / "pictures.py"), "--no-plugins"]) == 0
    page = browser.open(tmp_path / "report.html", "corridor/swarm/1/2")
    sizes = page.run(
        "Promise.all([...document.querySelectorAll('img.frame')].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert sizes == [8, 8]
    sources = page.run("[...document.querySelectorAll('img.frame')].map(i => i.src)")
    assert sources[0] != sources[1] and sources[0].startswith("data:image/png;base64,")
    # What the critic made of a picture stands beside it.
    seen = page.run("[...document.querySelectorAll('.seen')].map(e => e.innerText)")
    assert len(seen) == 2 and all("The critic sees:" in words and "A red bar." in words for words in seen)
    # East four times from the start: five pictures, each kept once.
    assert page.run("JSON.parse(document.getElementById('episode-7').textContent).pictures.length") == 5
    assert page.problems == []
