"""A real HTTP server on the loopback address, that answers as a test tells it and keeps what it was sent.

with LoopbackServer(chat_protocol("go north")) as server:
    server.next(Answer(429, headers={"Retry-After": "0"}), Answer(cut=True))    # then as the protocol says
    ...  # call server.url
    assert server.calls[-1].json["messages"] == [...]
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Call:
    """What the server was sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What it answers: `content` as JSON, or `raw` bytes, after `delay` seconds; `cut` closes the connection in
    the middle of the answer."""

    status: int = 200
    content: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False


class LoopbackServer:
    """Answers by `protocol`, except to the next calls (not GET) for which an answer was set."""

    def __init__(self, protocol: Callable[[Call], Answer]) -> None:
        self.protocol = protocol
        self.calls: list[Call] = []
        self.running = self.most_running = 0
        self._next: deque[Answer] = deque()
        self._lock = threading.Lock()
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                call = Call(self.command, self.path, dict(self.headers.items()), body)
                self.send(loopback.answer(call))

            do_GET = do_POST = do_DELETE = handle_any

            def send(self, answer: Answer) -> None:
                content = answer.raw if answer.raw is not None else json.dumps(answer.content).encode()
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content) + (100 if answer.cut else 0)))
                self.end_headers()
                try:
                    self.wfile.write(content)
                except OSError:
                    answer = Answer(cut=True)
                self.close_connection = answer.cut

            def log_message(self, *args: object) -> None:
                """Nothing: tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def posts(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]

    def next(self, *answers: Answer) -> None:
        """Answer the next calls so."""
        self._next.extend(answers)

    def answer(self, call: Call) -> Answer:
        with self._lock:
            self.calls.append(call)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            answer = self._next.popleft() if self._next and call.method != "GET" else self.protocol(call)
        time.sleep(answer.delay)
        with self._lock:
            self.running -= 1
        return answer

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def chat_answer(text: str | None, **message: Any) -> dict[str, Any]:
    """An answer of OpenAI's chat protocol; 90 of its 100 prompt tokens came from the server's cache."""
    return {
        "object": "chat.completion",
        "model": "test-model-2026",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}},
        ],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 3,
            "total_tokens": 103,
            "prompt_tokens_details": {"cached_tokens": 90},
        },
    }


def chat_protocol(
    text: str | Callable[[Any], str],
    *,
    models: tuple[str, ...] = ("test-model",),
    owner: str = "somebody",
    delay: float = 0,
) -> Callable[[Call], Answer]:
    """A server of OpenAI's chat protocol that always says `text`, or what `text` makes of the request's body."""

    def answer(call: Call) -> Answer:
        if call.method == "GET":
            listed = [{"id": model, "object": "model", "owned_by": owner} for model in models]
            return Answer(content={"object": "list", "data": listed})
        return Answer(content=chat_answer(text if isinstance(text, str) else text(call.json)), delay=delay)

    return answer
