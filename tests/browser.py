"""A real headless Chromium, spoken to over its own debugging pipe: nothing to install but the browser.

    with Browser() as browser:
        page = browser.open(Path("report.html"))
        page.press("ArrowRight")
        page.run("document.title")
        page.screenshot(Path("page.png"))

`page.problems` collects what went wrong in it: script errors, refused scripts, dialogs, and every request that
was not for a local file or the page's own server.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)  # fmt: skip
_KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "Enter": 13, "Escape": 27, "Tab": 9}
TIMEOUT = 30.0


class Browser:
    """One browser process with a profile of its own."""

    def __init__(self) -> None:
        assert CHROMIUM is not None, "no Chromium here"
        self._profile = tempfile.mkdtemp(prefix="lookalike-chromium-")
        # The browser reads commands from its descriptor 3, and writes answers and events to 4.
        ours_out, theirs_in = os.pipe()[::-1]
        ours_in, theirs_out = os.pipe()
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, CHROMIUM, *_OPTIONS, f"--user-data-dir={self._profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = ours_out, ours_in
        os.set_blocking(self._in, False)
        self._buffer = b""
        self._number = 0
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(
        self, path: Path | str, fragment: str = "", *, width: int = 1200, height: int = 900, dark: bool = False
    ) -> Page:
        """A new page at a local file or an address, loaded."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        page.call("Emulation.setEmulatedMedia", {"features": scheme})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        page.call("Emulation.setDeviceMetricsOverride", size)
        page.go(path, fragment)
        return page

    def call(self, method: str, parameters: Mapping[str, Any] | None = None, session: str | None = None) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": dict(parameters or {})}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def receive(self) -> dict[str, Any]:
        """The next message; events are handed to their page."""
        end = time.monotonic() + TIMEOUT
        while b"\0" not in self._buffer:
            assert time.monotonic() < end, "the browser does not answer"
            try:
                self._buffer += os.read(self._in, 1 << 20)
            except BlockingIOError:
                time.sleep(0.002)
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        if "method" in message and message.get("sessionId") in self._pages:
            self._pages[message["sessionId"]].event(message["method"], message["params"])
        return message


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser, self.session = browser, session
        self.problems: list[str] = []
        self._loaded = False
        self._own: tuple[str, ...] = ("file:", "data:", "about:")

    def call(self, method: str, parameters: Mapping[str, Any] | None = None) -> Any:
        return self.browser.call(method, parameters, self.session)

    def event(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Page.javascriptDialogOpening":
            self.problems.append(f"a dialog: {parameters['message']}")
        elif method == "Runtime.exceptionThrown":
            self.problems.append(f"a script error: {parameters['exceptionDetails']}")
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            address = parameters["request"]["url"]
            if not address.startswith(self._own):
                self.problems.append(f"a request to {address}")

    def go(self, path: Path | str, fragment: str = "") -> None:
        self._loaded = False
        address = (path if isinstance(path, str) else path.resolve().as_uri()) + (f"#{fragment}" if fragment else "")
        if isinstance(path, str):
            self._own = (*self._own, path)
        self.call("Page.navigate", {"url": address})
        while not self._loaded:
            self.browser.receive()

    def run(self, script: str) -> Any:
        """The value of a script's last expression."""
        result = self.call("Runtime.evaluate", {"expression": script, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """A key, as a person presses it."""
        text = {"text": key} if len(key) == 1 else {}
        code = {"windowsVirtualKeyCode": _KEYS[key]} if key in _KEYS else {}
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", "key": key, **text, **code})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, **code})

    def hold(self, code: str) -> None:
        """A key of the keyboard, by its place on it ("ArrowUp", "KeyW"), goes down and stays down."""
        self.call("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": code, "code": code})

    def let_go(self, code: str) -> None:
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", "key": code, "code": code})

    def type(self, text: str) -> None:
        for character in text:
            self.press(character)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        picture = self.call("Page.captureScreenshot", {"captureBeyondViewport": whole})["data"]
        path.write_bytes(base64.b64decode(picture))
