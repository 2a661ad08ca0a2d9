"""Pictures for the docs, taken of real pages in a real browser:

    python -m tests.make_screenshots runs/zork-... docs/images      # the page of a run, and the leaderboard
    python -m tests.make_screenshots tasks/procgen-coinrun.yaml docs/images     # the page on which a person plays it

Writes report.png, viewer.png, viewer-phone.png, and leaderboard.png, leaderboard-phone.png where the site is built;
for a task record.png.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.publish.report_page import write_report
from lookalike_bench.recording.page import Pictured, PlayedGame
from lookalike_bench.recording.recording import Recording, open_for_play
from lookalike_bench.recording.server import PlayServer
from lookalike_bench.records.bundles import opened
from lookalike_bench.tasks.task import load_task

from tests.browser import Browser

SITE = Path("leaderboards/site")


def main(run: Path, images: Path) -> None:
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, opened(run) as opened_run, Browser() as browser:
        report = Path(folder) / "report.html"
        write_report(opened_run, report)
        episodes = list(opened_run.episodes())
        shown = next((episode for episode in episodes if episode.header.variant == "swarm"), episodes[0])
        step = "/".join(map(str, (*shown.key, min(12, len(shown.steps)))))
        browser.open(report, width=1200, height=900).screenshot(images / "report.png")
        browser.open(report, step, width=1200, height=1000, dark=True).screenshot(images / "viewer.png")
        browser.open(report, step, width=390, height=844).screenshot(images / "viewer-phone.png")
        pages = [SITE / "index.html", *sorted(SITE.glob("zork.html"))]
        if pages[0].exists():
            browser.open(pages[-1], width=1280, height=1000).screenshot(images / "leaderboard.png")
            browser.open(pages[0], width=390, height=844, dark=True).screenshot(images / "leaderboard-phone.png")


def picture_recorder(path: Path, images: Path) -> None:
    images.mkdir(parents=True, exist_ok=True)
    task = load_task(path)
    environment, spec = open_for_play(load_plugins(), task.file.environment)
    assert isinstance(environment, Pictured), f"{path}: this game is played in the terminal"
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(environment, spec, 9, Path(folder) / "play.json", made="for a picture")
        with PlayServer(PlayedGame(recording, environment, task.name)) as server, Browser() as browser:
            page = browser.open(server.url, width=1200, height=720)
            page.hold("ArrowRight")
            time.sleep(1.5)
            page.hold("ArrowUp")
            time.sleep(0.4)
            page.screenshot(images / "record.png")


if __name__ == "__main__":
    first, to = map(Path, sys.argv[1:3])
    (picture_recorder if first.suffix == ".yaml" else main)(first, to)
