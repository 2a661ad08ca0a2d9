"""llama.cpp's own server with real weights, in a process of its own; the package xllamacpp brings it.

with llama_server("smollm2-135m") as url:
    ...                                     # url + "/v1" speaks OpenAI's protocol
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike_bench.tasks.assets import resolve
from lookalike_plugins.players import weights


@contextmanager
def llama_server(model: str, threads: int = 1) -> Iterator[str]:
    """The server's URL, once it answers. Threads wait busily: more than are free make it a hundred times slower."""
    path = resolve(weights.find(model).asset)
    command = [sys.executable, "-m", "tests.llama_server", str(path), str(threads)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        _wait(url)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait(url: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"llama.cpp's server was not ready after {seconds:g} s")


def main(model: Path, threads: int) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_ctx, parameters.n_parallel = 16384, 2
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.port = 0
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    time.sleep(1e6)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
