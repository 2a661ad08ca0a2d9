"""Pictures for the docs, taken of real pages in a real browser:

    python -m tests.make_screenshots runs/zork-... docs/images      # the page of a run, and the leaderboard

Writes report.png, viewer.png, viewer-phone.png, and leaderboard.png, leaderboard-phone.png where the site is built.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lookalike_bench.publish.report_page import write_report
from lookalike_bench.records.bundles import opened

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


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
