"""Serves one game to a browser on this machine, and to nobody else.

    with PlayServer(game, port=0) as server:
        print(server.url)                         # http://127.0.0.1:41873/kXw.../
        server.play()                             # until the page stops it, or the game fails

No other page can play it or look at it: the address holds a random word, only requests that name this host are
answered (which also stops a stranger's name that was made to point here), and only those of its own page.
"""

from __future__ import annotations

import errno
import json
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from lookalike_bench.errors import LookalikeError, UsageError
from lookalike_bench.recording.page import PlayedGame, Refused

HOST = "127.0.0.1"
LARGEST_REQUEST = 4096
AUTOSAVE_SECONDS = 1.0


class PlayServer(ThreadingHTTPServer):
    """Bound to the loopback interface; `port` 0 takes a free one. Raises UsageError if the port cannot be had."""

    daemon_threads = True

    def __init__(self, game: PlayedGame, port: int = 0) -> None:
        self.game = game
        self.word = secrets.token_urlsafe(18)
        self.stopped = threading.Event()
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            reason = "it is in use" if error.errno == errno.EADDRINUSE else str(error)
            raise UsageError(f"--port {port}: {reason}; without --port, a free one is taken") from None
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/{self.word}/"

    def play(self) -> None:
        """Wait for the page to stop, and save meanwhile. Raises what the game failed of."""
        while not self.stopped.wait(AUTOSAVE_SECONDS):
            self.game.autosave()
        if self.game.failure is not None:
            raise self.game.failure

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """`GET /WORD/` is the page; `POST /WORD/play` and the like are its requests."""

    server: PlayServer
    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece: the delays of TCP's small packets would cost frames.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = self._path()
        if path is None:
            return
        if path:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"There is nothing of this name.")
        elif not self.path.endswith("/"):
            # A page there would ask for its game in the wrong place, and each page that is made takes the game over.
            address = {"Location": f"/{self.server.word}/"}
            self._send(HTTPStatus.PERMANENT_REDIRECT, "text/plain; charset=utf-8", b"", address)
        else:
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.game.page().encode())

    def do_POST(self) -> None:
        path = self._path()
        if path is None:
            return
        try:
            values = self._values()
            state, picture = self.server.game.answer(path, values)
        except Refused as refusal:
            self._send(HTTPStatus.CONFLICT, "text/plain; charset=utf-8", str(refusal).encode())
            return
        except LookalikeError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", str(error).encode())
            self.server.stopped.set()
            return
        self._send(HTTPStatus.OK, "image/jpeg", picture, {"Play-State": json.dumps(state)})
        if path == "stop" and not state["trouble"]:
            self.server.stopped.set()

    def _path(self) -> str | None:
        """The path below the secret word, if the request may be answered; else it is refused here."""
        hosts = [f"{name}:{self.server.server_port}" for name in (HOST, "localhost")]
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        own = host in hosts and (origin == f"http://{host}" if self.command == "POST" else origin is None)
        _, word, *rest = self.path.split("/", 2) + [""] * 2
        if not own or not secrets.compare_digest(word.encode(), self.server.word.encode()):
            self.close_connection = True
            self._send(HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", b"This page is for its own player only.")
            return None
        return rest[0]

    def _values(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_REQUEST:
            self.close_connection = True
            raise Refused("The request has no length, or is too long.")
        body = self.rfile.read(int(length))
        try:
            values = json.loads(body)
        except ValueError:
            raise Refused("The request is not JSON.") from None
        if not isinstance(values, dict):
            raise Refused("The request is not an object.")
        return values

    def _send(self, status: HTTPStatus, kind: str, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": "frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            **({"Connection": "close"} if self.close_connection else {}),
            **(more or {}),
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """The terminal is for the person who plays."""
