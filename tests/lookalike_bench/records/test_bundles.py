"""Bundles: what goes in comes out, and nothing that a stranger puts in does harm."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lookalike_bench.errors import RecordError
from lookalike_bench.records import bundles
from lookalike_bench.records.bundles import opened, pack, read_submission, unpack
from lookalike_bench.records.store import Run
from lookalike_bench.scoring.summary import summarise, to_json

from tests.lookalike_bench.records_fixture import make_run

Line = dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("bundles"), trust=2)


@pytest.fixture
def bundle(run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "ours.jsonl.gz"
    pack(run, path, name="Ours", method="As built in.", url="https://example.org/ours", include="prompts")
    return path


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def write_lines(path: Path, lines: list[Line]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return path


def test_a_run_comes_out_as_it_went_in(run: Run, bundle: Path, tmp_path: Path) -> None:
    submission, unpacked = unpack(bundle, tmp_path / "unpacked")
    assert submission == read_submission(bundle) and submission.name == "Ours"
    assert [(e.header, e.steps, e.end) for e in unpacked.episodes()] == [
        (e.header, e.steps, e.end) for e in run.episodes()
    ]
    assert to_json(summarise(unpacked), "x") == to_json(summarise(run), "x")


def test_what_the_critic_learned_is_not_left_behind(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    [learned] = (run.path / "reward-models").glob("*.yaml")
    learned.unlink()
    with pytest.raises(RecordError, match=rf"what the critic learned is missing: reward-models/{learned.name}"):
        pack(run, tmp_path / "ours.jsonl.gz", name="Ours", method="m", url=None, include="actions")
    assert not list(tmp_path.glob("ours*")), "nothing half-written is left"


def test_less_can_be_included_but_never_less_than_the_actions(run: Run, tmp_path: Path) -> None:
    sizes = []
    for include in ("actions", "judgements", "prompts"):
        path = tmp_path / f"{include}.jsonl.gz"
        pack(run, path, name="Ours", method="m", url=None, include=include)  # type: ignore[arg-type]
        sizes.append(path.stat().st_size)
        with opened(path) as unpacked:
            assert [[s.action for s in e.steps] for e in unpacked.episodes()] == [
                [s.action for s in e.steps] for e in run.episodes()
            ]
            assert summarise(unpacked).tasks[0].variants[2].success == summarise(run).tasks[0].variants[2].success
        told = [line for line in lines_of(path) if "conversation" in line]
        judged = [line for line in lines_of(path) if line.get("review")]
        assert (bool(told), bool(judged)) == (include == "prompts", include != "actions")
    assert sizes == sorted(sizes)
    pack(run, tmp_path / "again.jsonl.gz", name="Ours", method="m", url=None, include="prompts")
    assert (tmp_path / "again.jsonl.gz").read_bytes() == path.read_bytes()


def test_no_folder_of_the_machine_goes_along(tmp_path: Path) -> None:
    run = make_run(tmp_path, errored=[("single", 0)])
    manifest = run.read_manifest()
    run.write_manifest(
        manifest.model_copy(update={"command": ["run", "/home/me/secret/zork.yaml", "--out", "C:\\me\\r"]})
    )
    path = run.episode_path("corridor", "single", 0)
    path.write_text(path.read_text().replace("the server answered 500", "no model in /home/me/models/x.gguf"))
    pack(run, tmp_path / "b.jsonl.gz", name="Ours", method="m", url=None, include="prompts")
    text = json.dumps(lines_of(tmp_path / "b.jsonl.gz"))
    assert "/home/me" not in text and "C:\\\\me" not in text
    assert "zork.yaml" in text and "no model in x.gguf" in text


def test_an_unfinished_run_makes_no_bundle(tmp_path: Path) -> None:
    run = make_run(tmp_path, missing=[("swarm", 1)])
    with pytest.raises(RecordError, match="corridor/swarm/seed-1 is not finished"):
        pack(run, tmp_path / "b.jsonl.gz", name="Ours", method="m", url=None, include="actions")
    assert not (tmp_path / "b.jsonl.gz").exists()


@pytest.mark.parametrize("name", ["", "a" * 81, "two\nlines", "\u202eevil", "bell\x07"])
def test_a_name_is_one_printable_line(run: Run, tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match="submission: name"):
        pack(run, tmp_path / "b.jsonl.gz", name=name, method="m", url=None, include="actions")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://plain", "https://x y", "https://a\"onclick='"])
def test_an_address_is_https(run: Run, tmp_path: Path, url: str) -> None:
    with pytest.raises(RecordError, match="submission: url"):
        pack(run, tmp_path / "b.jsonl.gz", name="n", method="m", url=url, include="actions")


def _set(place: str, value: object) -> Any:
    """A change of the lines: `0.manifest.tasks.0.task` names the place."""

    def change(lines: list[Line]) -> None:
        *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        target: Any = lines
        for part in path:
            target = target[part]
        target[last] = value

    return change


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("0.manifest.tasks.0.task", "../../escape"), "is not a name"),
        (_set("0.manifest.tasks.0.variants.0", "/tmp/escape"), "is not a name"),
        (_set("0.manifest.tasks.0.variants.0", "swarm"), "plans an episode twice"),
        (_set("0.manifest.tasks.0.seeds", [-1]), "a seed is a number from 0"),
        (_set("0.manifest.tasks.0.seeds", [0, 10**30]), "is not a number that a record has"),
        (_set("0.manifest.tasks.0.seeds", list(range(40_000))), "too many episodes"),
        (_set("0.name", "\x1b[31mred"), "control characters"),
        (_set("0.schema_version", 2), "schema_version"),
        (_set("0.surprise", 1), "surprise"),
        (_set("0.manifest.tasks.0.definition.x", _deep(40)), "nested more than"),
        (_set("0.manifest.tasks.0.definition.x", _deep(300)), "recursion limit"),
        (_set("1.seed", 999), "is not planned"),
        (_set("1.task", "../x"), "is not planned"),
        (lambda lines: lines.insert(1, lines[0]), "cannot stand here"),
        (lambda lines: lines.pop(0), "cannot stand here"),
        (lambda lines: lines.extend(lines[1:]), "stands here twice"),
        (lambda lines: lines.pop(), "in the middle of an episode"),
        (lambda lines: lines.insert(1, {"type": "end", "status": "scored"}), "outside an episode"),
        (lambda lines: lines.insert(2, lines[1]), "before the one before it has ended"),
        (lambda lines: lines.append({"type": "reward-model", "key": "../../x", "reward_model": {}}), "key"),
        (
            lambda lines: lines.extend([next(line for line in lines if line["type"] == "reward-model")]),
            "stands here twice",
        ),
        (lambda lines: lines.append({"type": "os.system", "x": 1}), "does not match any of the expected tags"),
        (_set("2.seconds", 1e300), "is not a number that a record has"),
        (_set("2.seconds", float("nan")), r"is not a number that a record has|greater than or equal"),
        (_set("2.observation.score", float("inf")), "is not a number that a record has"),
    ],
)
def test_a_hostile_bundle_is_refused_in_one_line(bundle: Path, tmp_path: Path, change: Any, message: str) -> None:
    lines = lines_of(bundle)
    change(lines)
    write_lines(bundle, lines)
    inside = tmp_path / "inside"
    with pytest.raises(RecordError, match=message) as refused:
        unpack(bundle, inside)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 600
    # Whatever was written stays inside the folder.
    assert {path.name for path in tmp_path.iterdir()} <= {"inside", bundle.name}


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    first = {
        "type": "submission",
        "schema_version": 1,
        "name": "n",
        "method": "m",
        "created": "x",
        "include": "actions",
    }
    manifest = {"created": "x", "tasks": [], "plugins": {}, "packages": {}, "python": "3", "platform": "p"}
    filler = [
        {"type": "reward-model", "key": f"k{number}", "reward_model": {"rules": ["a" * 1_000_000]}}
        for number in range(12)
    ]
    write_lines(path, [{**first, "manifest": manifest}, *filler])
    with pytest.raises(RecordError, match="unpacks to more than"):
        unpack(path, tmp_path / "y")


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl.gz"
    chaff = zlib.compressobj(1, wbits=31)
    path.write_bytes(chaff.compress(b'{"type": "' + b"x" * (bundles.MAXIMUM_LINE + 10)) + chaff.flush())
    with pytest.raises(RecordError, match=r"a line of more than|unpacks to more than"):
        unpack(path, tmp_path / "x")


def test_only_a_plain_file_is_read(bundle: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl.gz"
    link.symlink_to(bundle)
    for path in (link, tmp_path / "nothing.jsonl.gz"):
        with pytest.raises(RecordError, match="not a run's directory and not a submission"):
            unpack(path, tmp_path / "x")
    (tmp_path / "large.jsonl.gz").write_bytes(b"\0" * (bundles.MAXIMUM_COMPRESSED + 1))
    with pytest.raises(RecordError, match="more than a bundle may have"):
        unpack(tmp_path / "large.jsonl.gz", tmp_path / "x")


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_bundle_is_refused_or_read_but_never_breaks(
    run: Run, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "b.jsonl.gz"
    pack(run, path, name="Ours", method="m", url=None, include="actions")
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw[: data.draw(st.integers(1, len(raw)))]))
    try:
        unpack(path, folder / "x")
    except RecordError as error:
        assert "\n" not in str(error)
