from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from lookalike_bench.errors import VideoError
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.types import EnvironmentInfo, Observation
from lookalike_bench.videos.demonstrations import (
    Result,
    check_demonstration,
    read_demonstration,
    record,
    render_demonstration,
)

from tests.fake_plugins import Lane


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
        ({"environment": "x", "seed": 0, "origin": "human", "actions": ["a"], "digests": [""]}, r"digests\.0"),
        ({"environment": "x", "seed": 0, "origin": "human", "actions": ["a"], "times": [-1]}, r"times\.0"),
        ({"environment": "x", "seed": True, "origin": "human", "actions": ["a"]}, "seed"),
        ({"environment": "x", "seed": 2**31, "origin": "human", "actions": ["a"]}, "seed"),
        (
            {"environment": "x", "seed": 0, "origin": "human", "actions": [["a", 150_000]] * 2},
            "300000 actions",
        ),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, content: dict, named: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content))
    with pytest.raises(VideoError, match=named) as error:
        read_demonstration(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(VideoError, match="not a file"):
        read_demonstration(tmp_path / "pipe.json")


def test_a_mark_of_the_byte_order_does_no_harm(tmp_path: Path) -> None:
    made = record(Corridor(), PluginSpec(plugin="corridor"), 0, ["east"], "human", "")
    made.save(tmp_path / "play.json")
    (tmp_path / "play.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "play.json").read_bytes())
    assert read_demonstration(tmp_path / "play.json") == made


def test_a_game_of_pictures_has_no_other_actions_than_it_lists() -> None:
    made = record(Lane(), PluginSpec(plugin="lane"), 0, ["right", "rigth"], "human", "")
    with pytest.raises(VideoError, match=r"lane, seed 0: step 2: the game has no action 'rigth'; did you mean 'right'"):
        check_demonstration(made, Lane())


def test_what_a_file_claims_is_checked_although_the_video_is_there(own_cache: Path) -> None:
    made = record(Lane(), PluginSpec(plugin="lane"), 0, ["right"] * 3, "human", "")
    assert render_demonstration(made, Lane()).completes is None
    forged = made.model_copy(update={"result": Result(steps=3, score=1, complete=True)})
    with pytest.raises(VideoError, match="diverges at its end"):
        render_demonstration(forged, Lane())
    with pytest.raises(VideoError, match="diverges at step 1"):
        render_demonstration(made.model_copy(update={"digests": ["0"] * 3}), Lane())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="No such file"):
        read_demonstration(tmp_path / "none.json")


def test_an_action_that_was_held_is_written_once(tmp_path: Path) -> None:
    content = {
        "environment": "corridor", "seed": 0, "origin": "human", "actions": ["west", ["east", 4]],
        "digests": ["c45af1ee", "4e074085"], "times": [0, 1.5], "result": {"steps": 5, "score": 3, "complete": True},
    }  # fmt: skip
    corridor = Corridor()
    for index, actions in enumerate((["west"], ["west", *["east"] * 4])):
        content["digests"][index] = record(corridor, PluginSpec(plugin="corridor"), 0, actions, "human", "").digests[-1]
    path = tmp_path / "held.json"
    path.write_text(json.dumps(content))
    held = read_demonstration(path)
    assert held.played == held.walkthrough().actions == ["west", "east", "east", "east", "east"]
    assert check_demonstration(held, Corridor()).level_complete
    held.save(tmp_path / "again.json")
    assert read_demonstration(tmp_path / "again.json") == held
    with pytest.raises(VideoError, match=r"diverges between steps 2 and 5 of 5 \('east'\)"):
        check_demonstration(held.model_copy(update={"digests": [held.digests[0], "00000000"]}), Corridor())


def test_a_result_that_is_not_reached_is_a_divergence() -> None:
    made = record(Corridor(), PluginSpec(plugin="corridor"), 0, ["east"] * 3, "human", "")
    claimed = made.model_copy(update={"digests": [], "result": Result(steps=3, score=9, complete=True)})
    with pytest.raises(VideoError, match="score 3 after 3 steps, complete; recorded was score 9"):
        check_demonstration(claimed, Corridor())


@pytest.mark.parametrize("entry", [["east", 1], ["east", 0], ["east", -3], ["east", 10**9], ["east"], ["east", "x"], 3])
def test_a_held_action_is_one_that_was_played_more_than_once(tmp_path: Path, entry: object) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"environment": "x", "seed": 0, "origin": "human", "actions": ["a", entry]}))
    with pytest.raises(VideoError, match=r"actions\.1"):
        read_demonstration(path)
