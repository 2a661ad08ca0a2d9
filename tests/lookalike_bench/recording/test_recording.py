from __future__ import annotations

import resource
from pathlib import Path

import pytest
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.recording.recording import NotWritten, Recording, free_path
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.videos.demonstrations import check_demonstration, read_demonstration, render_demonstration

from tests.fake_plugins import Corridor, Lane


class Clock:
    """A clock that goes on by a frame each time it is read for an action."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def record(environment: Environment, path: Path, **more: float) -> Recording:
    recording = Recording(environment, PluginSpec(plugin=environment.info.name), 3, path, made="by a test", **more)
    recording.begin()
    return recording


def play(recording: Recording, clock: Clock, *actions: str, seconds: float = 1 / 15) -> None:
    for action in actions:
        recording.play(action)
        clock.now += seconds


def test_held_actions_are_written_once_and_replay_exactly(tmp_path: Path, clock: Clock) -> None:
    recording = record(Lane(hold=1), tmp_path / "lane.json")
    play(recording, clock, *["right"] * 12, "wait", *["jump right"] * 3, "left")
    clock.now += 5
    play(recording, clock, "left", "left")
    written = read_demonstration(tmp_path / "lane.json")
    assert written.actions == [("right", 12), "wait", ("jump right", 3), "left", ("left", 2)]
    assert written.times == pytest.approx([0, 0.8, 0.87, 1.07, 6.13], abs=0.01)
    assert written.played == [step.action for step in recording.steps]
    assert (written.origin, written.result.steps, written.result.complete) == ("human", 19, False)
    assert check_demonstration(written, Lane(hold=1)).text == "Frame 19."


def test_a_long_play_is_a_small_file(tmp_path: Path, clock: Clock) -> None:
    recording = record(Lane(length=10_000, hold=1), tmp_path / "lane.json", save_every=1e9)
    for _ in range(60):  # a minute in which a key is held for 8 frames, and another for 7
        play(recording, clock, *["right"] * 8, *["wait"] * 7)
    recording.save()
    assert len(read_demonstration(tmp_path / "lane.json").played) == 900
    assert (tmp_path / "lane.json").stat().st_size < 6000


def test_typed_actions_are_written_one_by_one(tmp_path: Path, clock: Clock) -> None:
    recording = record(Corridor(length=9), tmp_path / "corridor.json")
    play(recording, clock, "east", "east", seconds=0.01)
    assert read_demonstration(tmp_path / "corridor.json").actions == ["east", "east"]


def test_the_file_holds_the_play_so_far(tmp_path: Path, clock: Clock) -> None:
    recording = record(Corridor(), tmp_path / "corridor.json")
    for count in range(1, 5):
        play(recording, clock, "east", seconds=3)
        assert len(read_demonstration(tmp_path / "corridor.json").played) == count
    recording.play("east")  # the game has ended
    assert len(recording.steps) == 4
    assert read_demonstration(tmp_path / "corridor.json").result.complete


def test_a_game_of_pictures_is_saved_now_and_then_and_at_its_end(tmp_path: Path, clock: Clock) -> None:
    recording = record(Lane(length=40, hold=1), tmp_path / "lane.json", save_every=0.95)
    sizes = set()
    for _ in range(27):
        play(recording, clock, "right")
        sizes.add(len(read_demonstration(tmp_path / "lane.json").played))
    assert sizes == {1, 16, 27}


def test_what_is_taken_back_was_not_played(tmp_path: Path, clock: Clock) -> None:
    recording = record(Corridor(length=9), tmp_path / "corridor.json")
    play(recording, clock, "east", "west", seconds=2)
    assert recording.take_back().text == "You are 1 steps in."
    play(recording, clock, "east")
    written = read_demonstration(tmp_path / "corridor.json")
    assert written.actions == ["east", "east"]
    assert written.made == "by a test; actions taken back: 1"
    check_demonstration(written, Corridor(length=9))


def test_another_attempt_leaves_alone_what_is_worth_keeping(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "lane.json"
    recording = record(Lane(length=20, hold=1), path)
    play(recording, clock, *["left"] * 13)
    assert recording.ended and not read_demonstration(path).result.complete
    recording.restart()
    play(recording, clock, *["right"] * 7)
    assert read_demonstration(path).result.complete, "the failed attempt made place"
    recording.restart()
    play(recording, clock, "right")
    recording.save(keep=True)
    recording.restart()
    play(recording, clock, "left")
    assert [len(demonstration.played) for demonstration in recording.files.values()] == [7, 1, 1]
    assert list(recording.files) == [path, tmp_path / "lane-2.json", tmp_path / "lane-3.json"]
    assert all(read_demonstration(path) == demonstration for path, demonstration in recording.files.items())


def test_nothing_played_is_nothing_written(tmp_path: Path) -> None:
    recording = record(Corridor(), tmp_path / "corridor.json")
    recording.save(keep=True)
    recording.restart()
    assert not recording.files and not list(tmp_path.iterdir())


def test_a_pause_is_no_time_of_the_play(tmp_path: Path, clock: Clock) -> None:
    recording = record(Corridor(length=9), tmp_path / "corridor.json")
    clock.now += 50
    recording.pause()  # before anything was played
    play(recording, clock, "east", seconds=2)
    for _ in range(2):
        recording.pause()
        clock.now += 30
    play(recording, clock, "east", seconds=3)
    play(recording, clock, "east")
    assert read_demonstration(tmp_path / "corridor.json").times == [0, 2, 5]


def test_a_disk_that_refuses_ends_no_play_and_is_told_as_long_as_it_does(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "folder").write_text("not a folder")
    recording = record(Corridor(length=9), tmp_path / "folder" / "corridor.json")
    play(recording, clock, "east", "east")
    assert len(recording.steps) == 2
    with pytest.raises(NotWritten, match=r"corridor\.json: cannot be written"):
        recording.save(keep=True)
    with pytest.raises(NotWritten):
        recording.restart()
    assert "corridor.json: cannot be written" in recording.trouble
    (tmp_path / "folder").unlink()
    play(recording, clock, "west")
    assert recording.trouble == ""
    assert read_demonstration(tmp_path / "folder" / "corridor.json").actions == ["east", "east", "west"]


def test_a_play_that_fits_nowhere_else_is_saved_in_the_temporary_directory(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    recording = record(Corridor(length=9), tmp_path / "folder" / "corridor.json")
    play(recording, clock, "east")
    (tmp_path / "folder").rename(tmp_path / "elsewhere")
    (tmp_path / "folder").write_text("not a folder")
    play(recording, clock, "east")
    recording.save_at_the_end()
    [(path, demonstration)] = recording.files.items()
    assert path.is_relative_to(tmp_path / "temporary") and path == recording.path
    assert read_demonstration(path) == demonstration and demonstration.actions == ["east", "east"]
    assert "folder/corridor.json: cannot be written" in recording.trouble


def test_where_nothing_can_be_written_the_file_that_was_asked_for_is_named(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    (tmp_path / "folder").write_text("not a folder")
    recording = record(Corridor(), tmp_path / "folder" / "corridor.json")
    play(recording, clock, "east")
    with pytest.raises(NotWritten, match=r"folder/corridor\.json: cannot be written"):
        recording.save_at_the_end()


def test_a_disk_that_is_full_keeps_the_file_before_and_no_half_of_the_next(tmp_path: Path, clock: Clock) -> None:
    recording = record(Corridor(length=9), tmp_path / "corridor.json")
    play(recording, clock, "east")
    before = (tmp_path / "corridor.json").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        play(recording, clock, "east")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "corridor.json: cannot be written" in recording.trouble
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"corridor.json": before}


def test_a_recorded_play_renders_to_the_frames_that_were_seen(tmp_path: Path, clock: Clock, own_cache: Path) -> None:
    import av
    import numpy as np

    environment = Lane(hold=1)
    recording = record(environment, tmp_path / "lane.json")
    seen = [environment.picture()]
    for action in ["right"] * 9 + ["wait", "left", "left"]:
        play(recording, clock, action)
        seen.append(environment.picture())
    video = render_demonstration(read_demonstration(tmp_path / "lane.json"), Lane(hold=1))
    assert video.origin == "human"
    with av.open(str(video.path)) as container:
        shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(shown) == len(seen)
    assert all(np.abs(one - other).mean() < 3 for one, other in zip(shown, seen, strict=True))


def test_free_paths(tmp_path: Path) -> None:
    assert free_path(tmp_path / "maze-3.json") == tmp_path / "maze-3.json"
    for name in ("maze-3.json", "maze-3-2.json"):
        (tmp_path / name).touch()
    assert free_path(tmp_path / "maze-3.json") == tmp_path / "maze-3-3.json"
