"""An OpenAI-compatible server of a set latency, in a process of its own, to measure the suite against.

    python tests/performance/stub.py --latency 0.2      # prints its port

It answers every question with one of the actions that the question lists, and counts what it was asked:
GET /stats gives the number of calls, the most that ran at once, and the share of each prompt that is a prefix
of a recent one. It is a bare asyncio protocol, so that its own time (about 0.1 ms a call) does not hide ours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from typing import Any

RECENT = 64
"""How many prompts a prefix cache is taken to hold."""


class Counters:
    """What the server saw. Prompts are compared after the run, not while it is timed."""

    def __init__(self) -> None:
        self.calls = self.running = self.most_running = 0
        self.first_call: float | None = None
        self.bodies: list[bytes] = []

    def prefix_share(self) -> float:
        """Characters that begin a recent prompt as well, of all characters; each episode's first prompt is new
        to every cache and left out."""
        recent: deque[str] = deque(maxlen=RECENT)
        shared = total = 0
        for body in self.bodies:
            messages = json.loads(body)["messages"]
            prompt = "\n".join(f"{message['role']}: {message['content']}" for message in messages)
            if len(messages) > 2:
                shared += max((common_prefix(prompt, other) for other in recent), default=0)
                total += len(prompt)
            recent.append(prompt)
        return shared / total if total else 0.0


def common_prefix(one: str, other: str) -> int:
    """How many characters two texts begin with in common, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


class Connection(asyncio.Protocol):
    """One keep-alive connection: a request, its answer after the latency, and so on."""

    def __init__(self, counters: Counters, latency: float) -> None:
        self.counters = counters
        self.latency = latency
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head_end = self.received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self.received[:head_end]).decode("latin-1")
        length = 0
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        end = head_end + 4 + length
        if len(self.received) < end:
            return
        body = bytes(self.received[head_end + 4 : end])
        del self.received[:end]
        if head.startswith("POST"):
            self._question(body)
        elif "/stats" in head.split("\r\n")[0]:
            counters = self.counters
            self._send(
                {
                    "calls": counters.calls,
                    "most_running": counters.most_running,
                    "first_call": counters.first_call,
                    "prefix_share": counters.prefix_share(),
                }
            )
        else:
            self._send({"object": "list", "data": [{"id": "stub", "object": "model", "owned_by": "vllm"}]})

    def _question(self, body: bytes) -> None:
        counters = self.counters
        counters.calls += 1
        counters.running += 1
        counters.most_running = max(counters.most_running, counters.running)
        counters.bodies.append(body)
        if counters.first_call is None:
            counters.first_call = time.time()
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self._answer, body)
        else:
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        self.counters.running -= 1
        if not self.transport.is_closing():
            self._send(completion(body, self.counters.calls))

    def _send(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self.transport.write(head.encode() + content)


def completion(body: bytes, number: int) -> dict[str, Any]:
    """An answer in the protocol's form: one of the listed choices in turn, or `look`."""
    # The tail of the body holds the constraint; parsing a long prompt would cost more than answering it.
    start = body.rfind(b'"choice":')
    text = "look"
    if start >= 0:
        choices, _ = json.JSONDecoder().raw_decode(body[start + 9 :].decode().lstrip())
        text = choices[number % len(choices)]
    return {
        "id": f"call-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": len(body) // 4, "completion_tokens": 2, "total_tokens": len(body) // 4 + 2},
    }


async def serve(latency: float) -> None:
    counters = Counters()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(counters, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    asyncio.run(serve(parser.parse_args().latency))
