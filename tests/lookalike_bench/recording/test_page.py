"""The page in a real browser, and its server against everyone else. What the browser plays is `scripted`: a browser
under a program's control says so."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
from lookalike_bench.engine.watching import open_videos
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.tasks.task import load_task
from lookalike_bench.videos.demonstrations import check_demonstration, read_demonstration

from tests.browser import CHROMIUM, Browser, Page
from tests.conftest import FAKE_PLUGINS, write_task
from tests.fake_plugins import Lane

LANE = "environment: {plugin: lane, length: 30, hold: 4}"
SHOWN = "[...document.getElementById('screen').getContext('2d').getImageData(0, 0, 96, 64).data]"


class Recorder:
    """`lookalike-bench record`, as a user starts it."""

    def __init__(self, task: Path, *more: str) -> None:
        self.folder = task.parent
        command = [sys.executable, "-m", "lookalike_bench.cli.main", "record", str(task), "--no-browser", *more]
        self.process = subprocess.Popen(
            [*command, "--plugin", str(FAKE_PLUGINS)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.output = ""
        while not (found := re.search(r"http://\S+", self.output)):
            line = self.process.stdout.readline()
            assert line, self.output
            self.output += line
        self.url = found[0]

    def end(self) -> int:
        self.output += self.process.communicate(timeout=60)[0]
        return self.process.returncode

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str | None) -> http.client.HTTPResponse:
        """A request, with its own page's headers unless others are given (None: left out)."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.netloc, timeout=20)
        origin = {"Origin": f"http://{address.netloc}"} if method == "POST" else {}
        sent = {"Host": address.netloc, **origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.putrequest(method, path, skip_host=True)
        for name, value in ({"Content-Length": str(len(body))} | sent).items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(write_task(tmp_path, LANE, without=("environment",)))
    yield recorder
    if recorder.process.poll() is None:
        recorder.process.kill()
        recorder.process.communicate()


def steps(page: Page) -> int:
    return int(page.run("document.getElementById('steps').textContent"))


def message(page: Page) -> str:
    return str(page.run("document.getElementById('message').textContent"))


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.02)


def open_ready(browser: Browser, recorder: Recorder) -> Page:
    page = browser.open(recorder.url)
    wait_until(lambda: "Press a key" in message(page))
    return page


def test_play_by_keyboard_becomes_a_demonstration_and_a_video(
    browser: Browser, recorder: Recorder, own_cache: Path
) -> None:
    page = open_ready(browser, recorder)
    assert page.run("document.activeElement.id") == "screen"
    time.sleep(0.3)
    assert steps(page) == 0, "nothing is played before the first key"
    began = time.monotonic()
    page.hold("ArrowRight")
    wait_until(lambda: steps(page) >= 12)
    assert time.monotonic() - began > 0.7, "12 frames at 15 a second"
    page.let_go("ArrowRight")
    page.hold("Space")
    page.let_go("Space")
    wait_until(lambda: "Level complete" in message(page) or steps(page) >= 16)
    page.hold("KeyD")
    page.hold("KeyW")
    wait_until(lambda: "Level complete" in message(page))
    assert page.run("document.getElementById('score').textContent") == "1"
    page.run("document.getElementById('stop').click()")
    assert recorder.end() == 0, recorder.output
    assert page.problems == []

    written = read_demonstration(recorder.folder / "demonstrations" / "corridor-3.json")
    assert written.result is not None and written.result.complete and written.origin == "scripted"
    assert written.environment.arguments == {"length": 30, "hold": 1}
    assert written.played[:12] == ["right"] * 12
    assert {"wave", "wait", "jump right"} <= set(written.played)
    assert check_demonstration(written, Lane(length=30, hold=1)).level_complete
    assert "- {demonstration: demonstrations/corridor-3.json}" in recorder.output
    assert (recorder.folder / "demonstrations" / "corridor-3.json").stat().st_size < 2000

    changes = f"{LANE}\nvideos: [{{demonstration: demonstrations/corridor-3.json}}]"
    task = load_task(write_task(recorder.folder, changes, without=("environment", "videos")))
    [video] = open_videos(task, task.file.videos, load_plugins([FAKE_PLUGINS]))
    with av.open(str(video.path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 1 + written.result.steps
    assert video.origin == "scripted"


def test_a_frame_is_shown_as_it_is_and_hostile_text_as_text(browser: Browser, recorder: Recorder) -> None:
    page = open_ready(browser, recorder)
    assert page.run("document.querySelector('header p').textContent") == "Go right. <b>Not</b> left."
    expected = Lane().reset(3).frame
    shown = [value for index, value in enumerate(page.run(SHOWN)) if index % 4 < 3]
    assert max(abs(one - int(other)) for one, other in zip(shown, expected.flatten(), strict=True)) < 40
    assert page.run("getComputedStyle(document.getElementById('screen')).imageRendering") == "pixelated"


def test_escape_and_a_window_without_focus_pause(browser: Browser, recorder: Recorder) -> None:
    page = open_ready(browser, recorder)
    for pause in (
        "document.dispatchEvent(new KeyboardEvent('keydown', {code: 'Escape'}))",
        "dispatchEvent(new Event('blur'))",
    ):
        page.hold("ArrowUp")  # "jump" moves nothing here: the game goes on
        wait_until(lambda: message(page) == "")
        page.run(pause)
        wait_until(lambda: "Paused" in message(page))
        time.sleep(0.2)
        before = steps(page)
        time.sleep(2)
        assert steps(page) == before
        page.let_go("ArrowUp")
    assert page.run("document.getElementById('time').textContent") == "0:00", "no pause is counted"


def test_what_is_said_hides_nothing_of_the_picture(browser: Browser, recorder: Recorder) -> None:
    for width, height in ((1200, 800), (390, 844)):
        page = browser.open(recorder.url, width=width, height=height)
        wait_until(lambda page=page: "begin" in message(page))
        screen, said = (
            page.run(f"(({{top, bottom, height}}) => [top, bottom, height])({name}.getBoundingClientRect())")
            for name in ("document.getElementById('screen')", "document.getElementById('message')")
        )
        assert screen[1] <= said[0]
        page.run("document.getElementById('message').textContent = ''")
        assert page.run("document.getElementById('message').getBoundingClientRect().height") == said[2] > 0


def test_the_rate_is_of_enough_frames_and_never_more_than_the_game_has(browser: Browser, recorder: Recorder) -> None:
    page = open_ready(browser, recorder)
    page.run(
        "rates = []; new MutationObserver(() => rates.push([steps.textContent, rate.textContent]))"
        ".observe(rate, {childList: true}); steps = document.getElementById('steps')"
    )
    page.hold("ArrowUp")
    wait_until(lambda: steps(page) >= 20)
    page.run("document.getElementById('restart').click()")
    wait_until(lambda: page.run("document.getElementById('rate').textContent") == "-")
    rates = [(int(count), rate) for count, rate in page.run("rates") if rate != "-"]
    assert rates[0][0] >= 8 and all(1 <= int(rate) <= 15 for _, rate in rates)


def test_a_disk_that_refuses_is_told_and_ends_nothing(browser: Browser, recorder: Recorder) -> None:
    page = open_ready(browser, recorder)
    in_the_way = recorder.folder / "demonstrations"
    in_the_way.write_text("not a folder")
    page.hold("ArrowRight")
    wait_until(lambda: "Level complete" in message(page))
    page.let_go("ArrowRight")
    played = steps(page)
    for button in ("save", "restart", "stop"):
        page.run("document.getElementById('file').textContent = ''")  # so that it must be told again
        page.run(f"document.getElementById('{button}').click()")
        wait_until(lambda: "cannot be written" in page.run("document.getElementById('file').textContent"))
        assert steps(page) == played and "Level complete" in message(page)
    assert recorder.process.poll() is None
    in_the_way.unlink()
    page.run("document.getElementById('save').click()")
    wait_until(lambda: "Written to" in page.run("document.getElementById('file').textContent"))
    page.run("document.getElementById('stop').click()")
    assert recorder.end() == 0, recorder.output
    assert len(read_demonstration(recorder.folder / "demonstrations" / "corridor-3.json").played) == played


def test_buttons_on_the_screen_play_too(browser: Browser, recorder: Recorder) -> None:
    page = open_ready(browser, recorder)
    place = page.run(
        "(() => { const b = document.querySelector('[data-button=right]').getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2] })()"
    )
    finger = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
    page.call("Input.dispatchMouseEvent", {"type": "mousePressed", **finger})
    wait_until(lambda: steps(page) >= 3)
    page.call("Input.dispatchMouseEvent", {"type": "mouseReleased", **finger})
    page.run("document.getElementById('save').click()")
    wait_until(lambda: "Written to" in page.run("document.getElementById('file').textContent"))
    written = read_demonstration(recorder.folder / "demonstrations" / "corridor-3.json")
    assert written.played[:3] == ["right"] * 3


def test_a_later_tab_takes_over_and_goes_on_where_the_first_was(browser: Browser, recorder: Recorder) -> None:
    first = open_ready(browser, recorder)
    first.hold("ArrowRight")
    wait_until(lambda: steps(first) >= 3)
    second = open_ready(browser, recorder)
    assert steps(second) >= 3 and "go on" in message(second)
    wait_until(lambda: message(first) != "")  # nobody looks at it any more
    first.run("document.getElementById('save').click()")
    wait_until(lambda: "another tab" in message(first))
    assert first.run("document.getElementById('file').textContent") == ""


def test_a_closed_browser_and_an_interrupt_lose_nothing(recorder: Recorder) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with Browser() as browser:
        page = open_ready(browser, recorder)
        page.hold("ArrowRight")
        wait_until(lambda: steps(page) >= 6)
    path = recorder.folder / "demonstrations" / "corridor-3.json"
    wait_until(lambda: path.exists() and len(read_demonstration(path).played) >= 6)  # the recorder goes on
    recorder.process.send_signal(signal.SIGINT)
    assert recorder.end() == 0, recorder.output
    assert "the same came out" in recorder.output


def test_another_attempt_after_one_that_was_complete(browser: Browser, recorder: Recorder) -> None:
    page = open_ready(browser, recorder)
    page.hold("ArrowRight")
    wait_until(lambda: "Level complete" in message(page))
    page.let_go("ArrowRight")
    page.run("document.getElementById('restart').click()")
    wait_until(lambda: "begin" in message(page))
    assert steps(page) == 0
    page.hold("ArrowLeft")
    wait_until(lambda: "Game over" in message(page))
    page.run("document.getElementById('stop').click()")
    assert recorder.end() == 0, recorder.output
    files = [read_demonstration(recorder.folder / "demonstrations" / f"corridor-3{n}.json") for n in ("", "-2")]
    assert [file.result.complete for file in files if file.result] == [True, False]


# --- everyone else ------------------------------------------------------------------------------------------------


def test_nobody_else_gets_an_answer(recorder: Recorder) -> None:
    path, netloc = urlsplit(recorder.url).path, urlsplit(recorder.url).netloc
    port = netloc.split(":")[1]
    assert netloc.startswith("127.0.0.1:")
    assert recorder.ask("GET", path).status == 200
    play = json.dumps({"page": 1, "action": "right"}).encode()
    assert recorder.ask("GET", "/").status == 403
    assert recorder.ask("GET", "/wrong/").status == 403
    assert recorder.ask("POST", "/wrong/play", play).status == 403
    # A stranger's name that points to this machine, a stranger's page, a request from no page.
    assert recorder.ask("GET", path, Host=f"attacker.example:{port}").status == 403
    assert recorder.ask("POST", f"{path}play", play, Host=f"attacker.example:{port}").status == 403
    for origin in ("http://attacker.example", "null", f"http://127.0.0.1:{int(port) + 1}", None):
        assert recorder.ask("POST", f"{path}play", play, Origin=origin).status == 403
    answer = recorder.ask("POST", f"{path}look", b'{"page": 1}')
    assert answer.status == 200
    assert json.loads(answer.headers["Play-State"])["steps"] == 0, "none of them played"


def test_other_addresses_below_the_word_are_answered_and_take_no_game_away(recorder: Recorder) -> None:
    path = urlsplit(recorder.url).path
    assert recorder.ask("GET", path).status == 200
    answer = recorder.ask("GET", path.rstrip("/"))
    assert (answer.status, answer.headers["Location"]) == (308, path)
    assert recorder.ask("GET", f"{path}play").status == 404
    assert recorder.ask("POST", f"{path}look", b'{"page": 1}').status == 200, "the first page still plays"


@pytest.mark.parametrize(
    ("looks", "origin"),
    [
        ([], "scripted"),
        ([b'{"page": 1, "automated": true}'], "scripted"),
        ([b'{"page": 1, "automated": "no"}'], "scripted"),
        ([b'{"page": 1, "automated": false}'], "human"),
    ],
)
def test_only_a_page_in_a_browser_that_nobody_drives_is_a_persons(
    recorder: Recorder, looks: list[bytes], origin: str
) -> None:
    path = urlsplit(recorder.url).path
    recorder.ask("GET", path)
    for look in looks:
        assert recorder.ask("POST", f"{path}look", look).status == 200
    assert recorder.ask("POST", f"{path}play", b'{"page": 1, "action": "right"}').status == 200
    assert recorder.ask("POST", f"{path}stop", b'{"page": 1}').status == 200
    assert recorder.end() == 0, recorder.output
    assert read_demonstration(recorder.folder / "demonstrations" / "corridor-3.json").origin == origin


def test_a_play_that_a_program_shared_is_no_persons_and_the_next_attempt_may_be(recorder: Recorder) -> None:
    path = urlsplit(recorder.url).path
    for page, automated in ((1, b"true"), (2, b"false")):
        recorder.ask("GET", path)
        recorder.ask("POST", f"{path}look", b'{"page": %d, "automated": %s}' % (page, automated))
        recorder.ask("POST", f"{path}play", b'{"page": %d, "action": "right"}' % page)
    recorder.ask("POST", f"{path}save", b'{"page": 2}')
    recorder.ask("POST", f"{path}restart", b'{"page": 2}')
    recorder.ask("POST", f"{path}play", b'{"page": 2, "action": "right"}')
    recorder.ask("POST", f"{path}stop", b'{"page": 2}')
    assert recorder.end() == 0, recorder.output
    files = [recorder.folder / "demonstrations" / f"corridor-3{number}.json" for number in ("", "-2")]
    assert [read_demonstration(file).origin for file in files] == ["scripted", "human"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("play", b'{"page": 1, "action": "fly away"}'),
        ("play", b'{"page": 1, "action": ["right"]}'),
        ("play", b'{"page": 2, "action": "right"}'),
        ("play", b"[]"),
        ("play", b"{"),
        ("play", b"\xff"),
        ("play", b'{"page": 1}' + b" " * 5000),
        ("fly", b'{"page": 1}'),
    ],
)
def test_odd_requests_are_refused_in_one_line(recorder: Recorder, path: str, body: bytes) -> None:
    recorder.ask("GET", urlsplit(recorder.url).path)
    answer = recorder.ask("POST", urlsplit(recorder.url).path + path, body)
    assert answer.status == 409
    assert len(answer.read().splitlines()) == 1
    assert recorder.process.poll() is None


# --- a real game --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("procgen")
def test_a_real_procgen_level(browser: Browser, tmp_path: Path) -> None:
    task = write_task(
        tmp_path, "environment: {plugin: procgen, game: maze, hold: 4}\nseeds: 0-1", without=("environment", "seeds")
    )
    recorder = Recorder(task, "--video", "maze.mp4")
    try:
        page = open_ready(browser, recorder)
        for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"):
            before = steps(page)
            page.hold(key)
            page.let_go(key)
            wait_until(lambda before=before: steps(page) > before)
        time.sleep(0.3)
        assert steps(page) == 5, "the maze stands still while no key is down, and a short press is one step"
        assert page.run("document.getElementById('rate').textContent") == "-", "standing still is no slow game"
        page.run("document.getElementById('stop').click()")
        assert recorder.end() == 0, recorder.output
        assert page.problems == []
    finally:
        if recorder.process.poll() is None:
            recorder.process.kill()
    from lookalike_plugins.environments.procgen import Procgen

    written = read_demonstration(tmp_path / "demonstrations" / "corridor-2.json")
    assert written.actions == ["right", "down", "right", "up", "left"]
    environment = Procgen(**written.environment.arguments)
    assert check_demonstration(written, environment).text.startswith("Maze, frame 5 of")

    film = list(environment.film(written.seed, written.played))
    with av.open(str(tmp_path / "maze.mp4")) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == len(film) == 6
    assert all(np.abs(a.astype(int) - b).mean() < 4 for a, b in zip(shown, film, strict=True))
