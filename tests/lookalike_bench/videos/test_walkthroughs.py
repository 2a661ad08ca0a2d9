"""Recorded play becomes a video: cached, cut by commands, labelled with its origin."""

from __future__ import annotations

import json

import pytest
from lookalike_bench.errors import VideoError
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.types import EnvironmentInfo, Observation
from lookalike_bench.videos.demonstrations import read_demonstration, render_demonstration
from lookalike_bench.videos.frames import read_frames
from lookalike_bench.videos.walkthroughs import render_walkthrough, replay, room, truth_path

from tests.rendered_session import require_font


class Corridor(Environment):
    """Rooms in a row; each step east earns a point."""

    def __init__(self) -> None:
        self.place, self.seeds, self.steps = 0, [], 0

    @property
    def info(self) -> EnvironmentInfo:
        return EnvironmentInfo("corridor", "", "", ("east",), (0, 9), "corridor-9")

    def reset(self, seed: int) -> Observation:
        self.seeds.append(seed)
        self.place = 0
        return self.look()

    def step(self, action: str) -> Observation:
        self.steps += 1
        self.place += action == "east"
        return self.look()

    def look(self) -> Observation:
        text = f"Corridor   Score: {self.place}   Moves: 1\nEast Corridor\nDoor number {self.place} is closed."
        return Observation(text, score=self.place, terminated=self.place >= 9)

    def snapshot(self) -> bytes:
        return bytes([self.place])

    def restore(self, snapshot: bytes) -> None:
        self.place = snapshot[0]

    def actions(self) -> list[str]:
        return ["east"]


WALKTHROUGH = Walkthrough(["east"] * 6, seed=5, origin="human-authored walkthrough, replayed", source="a test")


@pytest.fixture(autouse=True)
def own_videos(tmp_path, monkeypatch):
    """A cache of videos of its own, with the font of the real one."""
    from lookalike_bench.tasks import assets

    require_font()
    font = assets.cache_directory() / "assets" / "DejaVuSansMono.ttf"
    (tmp_path / "cache" / "assets").mkdir(parents=True)
    (tmp_path / "cache" / "assets" / font.name).write_bytes(font.read_bytes())
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))


def test_replay_cuts_by_commands_and_opens_with_what_stood_there():
    session = list(replay(Corridor(), WALKTHROUGH, start=2, stop=4))
    assert [exchange.typed for exchange in session] == [None, "east", "east"]
    assert [exchange.score.split()[1] for exchange in session] == ["2", "3", "4"]
    assert session[0].reply == "East Corridor\nDoor number 2 is closed."
    assert session[0].status == "East Corridor"


def test_video_is_rendered_once_and_again_when_the_cut_changes():
    environment = Corridor()
    video = render_walkthrough(environment, WALKTHROUGH, stop=3)
    assert environment.seeds == [5]
    assert video.origin == "human-authored walkthrough, replayed"
    assert 0 < video.mask_top < 0.1
    assert render_walkthrough(environment, WALKTHROUGH, stop=3) == video
    assert environment.steps == 3, "the second time it came from the cache"
    assert render_walkthrough(environment, WALKTHROUGH, stop=4).path != video.path
    assert render_walkthrough(environment, WALKTHROUGH, stop=3, mask_status_line=False).mask_top == 0


def test_truth_stands_beside_the_video():
    video = render_walkthrough(Corridor(), WALKTHROUGH, stop=2)
    truth = truth_path(video.path).read_text()
    assert truth.count(">east") == 2
    assert "Score" not in truth
    assert len(list(read_frames(video))) == 5


def test_commands_that_do_not_exist():
    with pytest.raises(VideoError, match="no commands 0 to 7; it has 6"):
        render_walkthrough(Corridor(), WALKTHROUGH, stop=7)


def test_walkthrough_that_ends_too_early():
    long = Walkthrough(["east"] * 12, 0, "scripted", "a test")
    with pytest.raises(VideoError, match="ended at command 9 of 12"):
        render_walkthrough(Corridor(), long)


def test_recording(tmp_path):
    path = tmp_path / "play.json"
    path.write_text(json.dumps({"environment": "corridor", "seed": 3, "origin": "human", "actions": ["east", "east"]}))
    assert render_demonstration(read_demonstration(path), Corridor()).origin == "human"
    path.write_text('{"environment": "corridor", "seed": "three", "origin": "human", "actions": ["east"]}')
    with pytest.raises(VideoError, match=r"play\.json: seed: "):
        read_demonstration(path)
    with pytest.raises(VideoError, match="cannot be read"):
        read_demonstration(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ("West of House\nYou are standing in an open field.", "West of House"),
        ("Taken.", ""),
        ("The lamp is on.\n\nTroll Room\nA troll is here.", "Troll Room"),
        ("You are at End Of Road", ""),
    ],
)
def test_room(reply, name):
    assert room(reply) == name
