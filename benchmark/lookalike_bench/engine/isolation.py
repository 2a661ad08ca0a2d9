"""Plays an environment in a child process with a time limit, so that its crash costs an episode and not the run.

    with IsolatedEnvironment(plugins.find("environment", "zork"), {"story": "zork1-r119"}) as environment:
        observation, actions, digest = environment.begin(seed=0)
        observation, actions, digest = environment.advance("open mailbox")
        steps = environment.play(seed=12, actions=["north", "north", "up"])     # a replay in one call

A crash, a call that takes too long, an exception and a broken contract all raise EnvironmentFailure with one line.
The child prints nothing here, leaves interrupts to its parent, and ends with it.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Self

from lookalike_bench.engine.fork_server import Forked, start_child
from lookalike_bench.engine.isolated_child import error_named, receive, send
from lookalike_bench.errors import EnvironmentFailure
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.plugins.manager import Registered
from lookalike_bench.types import EnvironmentInfo, Observation

_BLOCK = 500
"""Steps of a replay in one message: bounds its size where observations carry frames."""


class IsolatedEnvironment(Environment):
    """Any environment, behind a process boundary. Times are in seconds, for each call.

    Raises EnvironmentFailure, and what the environment's own constructor raises of `lookalike_bench.errors`.
    Calls may come from any thread, one at a time; `close` may interrupt one.
    """

    def __init__(
        self,
        registered: Registered,
        arguments: Mapping[str, Any] | None = None,
        *,
        call_timeout: float = 30.0,
        start_timeout: float = 60.0,
    ) -> None:
        self.name = registered.name
        self.call_timeout = call_timeout
        self._lock = threading.Lock()
        self._closed = False
        description = self._description(registered, arguments or {})
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = start_child(description["target"], description["file"], theirs.fileno())
        self._connection = Connection(ours.detach())
        try:
            started, _ = self._exchange(description, b"", start_timeout)
        except BaseException:
            self.close()
            raise
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in started["info"].items()
        }
        self._info = EnvironmentInfo(**plain)
        self.shows_pictures = bool(started["shows_pictures"])
        if isinstance(self._process, Forked):
            self._process.server.learn(started["imported"])

    @staticmethod
    def _description(registered: Registered, arguments: Mapping[str, Any]) -> dict[str, Any]:
        target, file = registered.target, registered.file
        if isinstance(target, type):
            # Where a single-file plugin is imported again, its classes go by their own names.
            target = target.__qualname__ if file else f"{target.__module__}:{target.__qualname__}"
        return {"target": target, "file": file and str(file), "arguments": dict(arguments)}

    # --- the contract of an environment -------------------------------------------------------------------------

    @property
    def info(self) -> EnvironmentInfo:
        return self._info

    def reset(self, seed: int) -> Observation:
        result, blobs = self._call("reset", seed)
        return _observation(result, memoryview(blobs))[0]

    def step(self, action: str) -> Observation:
        result, blobs = self._call("step", action)
        return _observation(result, memoryview(blobs))[0]

    def snapshot(self) -> bytes:
        return self._call("snapshot")[1]

    def restore(self, snapshot: bytes) -> None:
        self._call("restore", payload=snapshot)

    def actions(self) -> list[str]:
        return list(self._call("actions")[0])

    def digest(self) -> str:
        return str(self._call("digest")[0])

    def walkthrough(self) -> Walkthrough | None:
        result, _ = self._call("walkthrough")
        return Walkthrough(**result) if result else None

    def close(self) -> None:
        """End the child, also in the middle of a call; safe to call twice and from another thread."""
        self._closed = True
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        with self._lock:  # a call in another thread has by now met the end of the child
            self._connection.close()

    # --- what a process boundary makes worth while: one call where three would do -------------------------------

    def begin(self, seed: int) -> tuple[Observation, list[str], str]:
        """`reset`, `actions` and `digest` in one call."""
        return self._situation(*self._call("begin", seed))

    def advance(self, action: str) -> tuple[Observation, list[str], str]:
        """`step`, `actions` and `digest` in one call."""
        return self._situation(*self._call("advance", action))

    def play(self, seed: int, actions: Sequence[str]) -> list[tuple[Observation, str]]:
        """A whole replay: observation and digest after the reset and after every action, up to the episode's end.

        The list has one entry more than there are actions, or fewer if the episode ends before they do.
        """
        steps: list[tuple[Observation, str]] = []
        for start in range(0, max(1, len(actions)), _BLOCK):
            block = list(actions[start : start + _BLOCK])
            (played, ended), blobs = self._call("play", seed if start == 0 else None, block)
            rest = memoryview(blobs)
            for plain, digest in played:
                observation, rest = _observation(plain, rest)
                steps.append((observation, digest))
            if ended:
                break
        return steps

    @property
    def alive(self) -> bool:
        """Whether the child can still be called."""
        return not self._closed and self._process.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self.close()

    # --- calls --------------------------------------------------------------------------------------------------

    def _situation(self, result: list[Any], blobs: bytes) -> tuple[Observation, list[str], str]:
        plain, actions, digest = result
        return _observation(plain, memoryview(blobs))[0], actions, digest

    def _call(self, call: str, *arguments: Any, payload: bytes = b"") -> tuple[Any, bytes]:
        if self._closed:
            raise EnvironmentFailure(f"environment {self.name!r}: {call} after it was closed")
        return self._exchange({"call": call, "arguments": arguments}, payload, self.call_timeout)

    def _exchange(self, message: dict[str, Any], payload: bytes, timeout: float) -> tuple[Any, bytes]:
        what = f"environment {self.name!r}"
        call = message.get("call", "starting it")
        with self._lock:
            try:
                send(self._connection, message, [payload])
                if not self._connection.poll(timeout):
                    self._kill()
                    raise EnvironmentFailure(f"{what} hung: {call} took longer than {timeout:g} s, so it was ended")
                answer, blobs = receive(self._connection)
            except (EOFError, OSError) as error:
                self._kill()
                raise EnvironmentFailure(f"{what} crashed in {call}: {self._death()}") from error
        if "error" in answer:
            failure = error_named(answer["error"])
            text = answer["text"]
            raise failure(f"{what}: {text}" if failure is EnvironmentFailure else text)
        return answer["result"], blobs

    def _kill(self) -> None:
        try:
            self._process.wait(0.2)  # it may be ending by itself: its own exit code says more than ours
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _death(self) -> str:
        code = self._process.returncode or 0
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it exited with code {code}"


def _observation(plain: dict[str, Any], blobs: memoryview) -> tuple[Observation, memoryview]:
    """An observation and the bytes that are left for the next."""
    frame = None
    if (shape := plain.pop("shape", None)) is not None:
        import numpy as np

        size = shape[0] * shape[1] * shape[2]
        frame = np.frombuffer(blobs[:size], dtype=np.uint8).reshape(shape)
        blobs = blobs[size:]
    plain["milestones"] = tuple(plain["milestones"])
    return Observation(**plain, frame=frame), blobs
