"""The child process of an isolated environment: it answers one call at a time until its parent is gone.

A message is a JSON document and the raw bytes that it speaks of (frames, snapshots), so that nothing is pickled:

    4 bytes: length of the document | document | bytes
    parent: {"call": "advance", "arguments": ["north"]}
    child:  {"result": [{"text": "Forest Path ...", "score": 0, ...}, ["climb tree", ...], "5be3..."]}
    child:  {"error": "EnvironmentFailure", "text": "zork: step raised ValueError: ... (zork.py:88)"}
"""

from __future__ import annotations

import json
import math
import os
import signal
import struct
import sys
import threading
import time
from dataclasses import asdict, fields
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from lookalike_bench import errors
from lookalike_bench.errors import EnvironmentFailure, LookalikeError
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.types import EnvironmentInfo, Observation

T = TypeVar("T")

_LENGTH = struct.Struct("<I")
# A frame goes as bytes, and a description is not for an environment to give.
_OBSERVED = [field.name for field in fields(Observation) if field.name not in ("frame", "description")]
_FLAGS = ("terminated", "truncated", "victory", "level_complete")


def main(descriptor: int) -> None:
    """Serve one environment over an inherited socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_die_with_parent, args=(os.getppid(),), daemon=True).start()
    connection = Connection(descriptor)
    server: Server | None = None
    while True:
        try:
            message, payload = receive(connection)
        except (EOFError, OSError):
            break
        try:
            if server is None:
                known = set(sys.modules)
                server = Server(message)
                started = {
                    "info": asdict(server.info()),
                    "shows_pictures": server.environment.shows_pictures,
                    "imported": sorted(set(sys.modules) - known),
                }
                send(connection, {"result": started})
            else:
                result, blobs = server.answer(message["call"], message["arguments"], payload)
                send(connection, {"result": result}, blobs)
        except LookalikeError as error:
            send(connection, {"error": type(error).__name__, "text": str(error)})
        except BaseException as error:
            text = f"{message.get('call', 'starting it')} raised {type(error).__name__}: {_first_line(error)}"
            send(connection, {"error": "EnvironmentFailure", "text": text + _place(error)})
    if server is not None:
        server.environment.close()


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


class Server:
    """Turns messages into calls of one environment, and checks that it keeps its contract."""

    def __init__(self, description: dict[str, Any]) -> None:
        made: Any = _load(description["file"], description["target"])
        self.environment: Environment = made(**description["arguments"])
        self.blobs: list[bytes] = []

    def answer(self, call: str, arguments: list[Any], payload: bytes) -> tuple[Any, list[bytes]]:
        self.blobs = []
        environment = self.environment
        if call == "reset":
            return self.observed("reset", environment.reset(arguments[0])), self.blobs
        if call == "step":
            return self.observed("step", environment.step(arguments[0])), self.blobs
        if call == "begin":
            return self.situation("reset", environment.reset(arguments[0])), self.blobs
        if call == "advance":
            return self.situation("step", environment.step(arguments[0])), self.blobs
        if call == "play":
            return self.played(*arguments), self.blobs
        if call == "snapshot":
            return len(snapshot := _expect("snapshot", environment.snapshot(), bytes)), [snapshot]
        if call == "restore":
            return environment.restore(payload), []
        if call == "actions":
            return self.actions(), []
        if call == "digest":
            return _expect("digest", environment.digest(), str), []
        if call == "walkthrough":
            walkthrough = environment.walkthrough()
            return walkthrough and vars(_expect("walkthrough", walkthrough, Walkthrough)), []
        raise EnvironmentFailure(f"there is no call {call!r}")

    def info(self) -> EnvironmentInfo:
        return _expect("info", self.environment.info, EnvironmentInfo)

    def situation(self, call: str, observation: Observation) -> list[Any]:
        return [self.observed(call, observation), self.actions(), _expect("digest", self.environment.digest(), str)]

    def played(self, seed: int | None, actions: list[str]) -> list[Any]:
        """Play actions up to the end of the episode, after a reset if there is a seed."""
        steps = []
        ended = False
        if seed is not None:
            steps.append([self.observed("reset", self.environment.reset(seed)), self.environment.digest()])
        for action in actions:
            observation = self.environment.step(action)
            steps.append([self.observed("step", observation), self.environment.digest()])
            ended = observation.terminated or observation.truncated
            if ended:
                break
        return [steps, ended]

    def actions(self) -> list[str]:
        actions = _expect("actions", self.environment.actions(), list)
        for action in actions:
            _expect("actions", action, str, "a list of strings")
        return actions

    def observed(self, call: str, observation: Observation) -> dict[str, Any]:
        """An observation as plain data; its frame joins the bytes of the answer."""
        _expect(call, observation, Observation)
        _expect(call, observation.text, str, "an Observation with text")
        for flag in _FLAGS:
            _expect(call, getattr(observation, flag), bool, f"an Observation whose {flag} is a bool")
        if not isinstance(observation.score, (int, float)) or not math.isfinite(observation.score):
            raise EnvironmentFailure(f"{call} broke its contract: expected a finite score, got {observation.score!r}")
        plain = {name: getattr(observation, name) for name in _OBSERVED}
        if observation.frame is not None:
            frame = observation.frame
            if getattr(frame, "ndim", 0) != 3 or frame.shape[2] != 3 or str(frame.dtype) != "uint8":
                raise EnvironmentFailure(f"{call} broke its contract: expected a frame of (height, width, 3) uint8")
            plain["shape"] = frame.shape
            self.blobs.append(frame.tobytes())
        return plain


def _load(file: str | None, target: str) -> Any:
    """The class behind "module:Class", or behind "Class" in a single-file plugin."""
    import importlib

    from lookalike_bench.plugins.manager import import_file

    module_name, _, class_name = target.rpartition(":")
    module = import_file(Path(file)) if file else None
    found: Any = importlib.import_module(module_name) if module_name else module
    for name in class_name.split("."):
        found = getattr(found, name)
    return found


def _expect(call: str, value: Any, kind: type[T], expected: str = "") -> T:
    if not isinstance(value, kind):
        raise EnvironmentFailure(
            f"{call} broke its contract: expected {expected or kind.__name__}, got {type(value).__name__}"
        )
    return value


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"


# --- the wire, for both sides -----------------------------------------------------------------------------------


def send(connection: Connection, document: dict[str, Any], blobs: list[bytes] | None = None) -> None:
    text = json.dumps(document, default=_plain).encode()
    connection.send_bytes(b"".join([_LENGTH.pack(len(text)), text, *(blobs or ())]))


def receive(connection: Connection) -> tuple[dict[str, Any], bytes]:
    message = connection.recv_bytes()
    (length,) = _LENGTH.unpack_from(message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def _plain(value: Any) -> Any:
    raise EnvironmentFailure(f"it gave a {type(value).__name__} where plain data was expected")


def error_named(name: str) -> type[LookalikeError]:
    found = getattr(errors, name, EnvironmentFailure)
    return found if isinstance(found, type) and issubclass(found, LookalikeError) else EnvironmentFailure


if __name__ == "__main__":
    main(int(sys.argv[1]))
