"""Starts the child processes of environments: by forking one that has imported the environment already.

    with theirs:
        process = start_child("lookalike_plugins.environments.zork:Zork", None, theirs.fileno())
    process.pid, process.poll(), process.wait(timeout=1), process.kill(), process.returncode

A new interpreter that imports numpy takes 0.15 s of a processor and 22 MB, each time; a fork takes milliseconds and
shares what was imported. The server is a process that has done nothing but import, so that nothing is half done when it
forks. Single-file plugins, and systems other than Linux, get a new interpreter for each environment.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

START_SECONDS = 60.0

_NEW = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from lookalike_bench.engine.isolated_child import main
main(int(sys.argv[2]))
"""
_SERVER = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from lookalike_bench.engine.fork_server import serve
serve(int(sys.argv[2]), sys.argv[3])
"""


class Process(Protocol):
    """What is common to a subprocess.Popen and a fork of a server's."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


def start_child(target: str, file: str | None, descriptor: int) -> Process:
    """A process that serves one environment over the inherited socket `descriptor`."""
    module = target.partition(":")[0] if ":" in target else ""
    if file is None and module and sys.platform == "linux":
        try:
            forked = _server(module).fork(descriptor)
            if forked is not None:
                return forked
        except (OSError, ValueError):
            # The server could not import the module, or died of it: what is wrong shows in a new interpreter.
            _forget(module)
    return _interpreter(_NEW, descriptor)


def _interpreter(program: str, descriptor: int, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(sys.path), str(descriptor), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
        process_group=0,  # an interrupt typed at the terminal is for the parent alone
    )


class Forked:
    """A child of the server's. It stays a zombie until its end was asked for, so that its pid is no other's."""

    def __init__(self, pid: int, server: ForkServer) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.server = server
        self._lock = threading.Lock()
        self._ended = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("environment", timeout or 0)
        return code

    def kill(self) -> None:
        with self._lock:
            if self.returncode is None:
                os.kill(self.pid, signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None:
                poll = select.poll()
                poll.register(self._ended, select.POLLIN)
                if poll.poll(None if timeout is None else timeout * 1000):
                    self.returncode = self.server.reap(self.pid)
                    os.close(self._ended)
            return self.returncode


class ForkServer:
    """A process that has imported a module and forks."""

    def __init__(self, module: str) -> None:
        self._lock = threading.Lock()
        self._learned: set[str] = set()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(START_SECONDS)
        with theirs:
            self._process = _interpreter(_SERVER, theirs.fileno(), module)

    def fork(self, descriptor: int) -> Forked | None:
        """A new child, in today's environment variables and directory; None if what was imported runs threads,
        whose work a fork would leave half done. Raises OSError or ValueError if the server is gone."""
        now = {"environ": dict(os.environ), "directory": os.getcwd()}
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(now).encode()], [descriptor])
            pid = json.loads(self._socket.recv(64))["pid"]
        return Forked(pid, self) if pid else None

    def learn(self, modules: Sequence[str]) -> None:
        """Import what a first environment turned out to need, so that the next ones find it imported."""
        with self._lock:
            new = [module for module in modules if module not in self._learned]
            if new:
                self._learned.update(new)
                with contextlib.suppress(OSError, ValueError):
                    self._socket.send(json.dumps({"import": new}).encode())
                    self._socket.recv(64)

    def reap(self, pid: int) -> int:
        """The exit code of a child that has ended, as subprocess gives it."""
        with self._lock:
            try:
                self._socket.send(json.dumps({"reap": pid}).encode())
                return int(json.loads(self._socket.recv(64))["code"])
            except (OSError, ValueError):
                return -signal.SIGKILL  # the server is gone, and its children with it

    def close(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()


_servers: dict[tuple[str, ...], ForkServer] = {}
_servers_lock = threading.Lock()


def _server(module: str) -> ForkServer:
    key = (module, *sys.path)
    with _servers_lock:
        if key not in _servers:
            _servers[key] = ForkServer(module)
        return _servers[key]


def _forget(module: str) -> None:
    with _servers_lock:
        server = _servers.pop((module, *sys.path), None)
    if server is not None:
        server.close()


# --- in the server ----------------------------------------------------------------------------------------------


def serve(descriptor: int, module: str) -> None:
    """Import, then fork for each message until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A library's threads do not survive a fork: let none begin while it is imported.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    control = socket.socket(fileno=descriptor)
    from lookalike_bench.engine.isolated_child import main

    _import([module])
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 1)
        if not message:
            return
        asked = json.loads(message)
        if "import" in asked:
            _import(asked["import"])
            control.send(b"{}")
            continue
        if "reap" in asked:
            _, status = os.waitpid(asked["reap"], 0)
            control.send(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode())
            continue
        pid = os.fork() if threading.active_count() == 1 else None
        if pid == 0:
            code = 1
            try:
                control.close()
                os.environ.clear()
                os.environ.update(asked["environ"])
                os.chdir(asked["directory"])
                random.seed()
                main(descriptors[0])
                code = 0
            finally:
                os._exit(code)
        os.close(descriptors[0])
        control.send(json.dumps({"pid": pid}).encode())


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        with contextlib.suppress(Exception):  # what is wrong is told by the child, which imports it again
            importlib.import_module(module)
