from __future__ import annotations

import json
from pathlib import Path

import pytest
from lookalike_bench.errors import VideoError
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.types import EnvironmentInfo, Observation
from lookalike_bench.videos.demonstrations import check_demonstration, read_demonstration, record


class Corridor(Environment):
    """Walk east three times."""

    def __init__(self) -> None:
        self.place = 0

    @property
    def info(self) -> EnvironmentInfo:
        return EnvironmentInfo("corridor", "Go east.", "east or west", ("east", "west"), (0, 3), "corridor-3")

    def reset(self, seed: int) -> Observation:
        self.place = seed
        return Observation("Here.")

    def step(self, action: str) -> Observation:
        self.place += {"east": 1, "west": -1}.get(action, 0)
        return Observation("There.", score=self.place, terminated=self.place >= 3, level_complete=self.place >= 3)

    def snapshot(self) -> bytes:
        return str(self.place).encode()

    def restore(self, snapshot: bytes) -> None:
        self.place = int(snapshot)

    def actions(self) -> list[str]:
        return ["east", "west"]


def test_a_recording_is_written_read_and_played_again(tmp_path: Path) -> None:
    made = record(Corridor(), PluginSpec(plugin="corridor"), 0, ["east"] * 3, "scripted", "by hand")
    made.save(tmp_path / "corridor.json")
    again = read_demonstration(tmp_path / "corridor.json")
    assert again == made
    assert check_demonstration(again, Corridor()).level_complete


def test_divergence_names_the_first_step_that_differs() -> None:
    made = record(Corridor(), PluginSpec(plugin="corridor"), 0, ["east", "west", "east"], "human", "")
    changed = made.model_copy(update={"actions": ["east", "east", "west"]})
    with pytest.raises(VideoError, match=r"diverges at step 2 of 3 \('east'\)"):
        check_demonstration(changed, Corridor())


def test_an_episode_that_ends_early_names_the_step() -> None:
    made = record(Corridor(), PluginSpec(plugin="corridor"), 0, ["east"] * 3, "human", "")
    with pytest.raises(VideoError, match="ended before step 2 of 3"):
        check_demonstration(made.model_copy(update={"seed": 2, "digests": []}), Corridor())


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"seed": 0, "origin": "human", "actions": ["a"]}, "environment"),
        ({"environment": "x", "seed": 0, "origin": "a friend", "actions": ["a"]}, "origin"),
        ({"environment": "x", "seed": 0, "origin": "human", "actions": []}, "actions"),
        ({"environment": "x", "seed": 0, "origin": "human", "actions": ["a"], "digests": ["1", "2"]}, "2 digests"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, content: dict, named: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content))
    with pytest.raises(VideoError, match=named) as error:
        read_demonstration(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="No such file"):
        read_demonstration(tmp_path / "none.json")
