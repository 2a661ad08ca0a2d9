from __future__ import annotations

import pytest
from lookalike_bench.recording.keys import layout
from lookalike_plugins.environments.procgen_games import GAMES


def test_words_of_direction_are_arrow_keys_and_all_else_has_a_key_of_its_own() -> None:
    found = layout(["right", "jump right", "jump", "left", "throw ahead", "throw up ahead", "wait"])
    assert {button.name: button.action for button in found.buttons} == {
        "left": "left", "up": "jump", "right": "right", "other-0": "throw ahead", "other-1": "throw up ahead",
    }  # fmt: skip
    assert found.chords["jump right"] == ["right", "up"]
    assert found.together == [("→ ↑", "jump right")]
    assert [list(button.keys) for button in found.others] == [["Space"], ["KeyX"]]
    assert found.wait == "wait"


def test_space_jumps_where_nothing_else_needs_it() -> None:
    assert "Space" in next(b for b in layout(["left", "right", "jump"]).directions if b.name == "up").keys
    assert "Space" not in next(b for b in layout(["up", "jump"]).directions if b.name == "up").keys


def test_two_actions_of_one_direction_get_two_buttons() -> None:
    found = layout(["up", "jump"])
    assert [button.action for button in found.buttons] == ["up", "jump"]
    assert found.wait == ""


@pytest.mark.parametrize("game", sorted(GAMES))
def test_every_action_of_every_game_can_be_played(game: str) -> None:
    actions = list(GAMES[game].actions)
    found = layout(actions)
    assert {*found.chords, *(button.action for button in found.others), found.wait} - {""} == set(actions)
    keys = [code for button in found.buttons for code in button.keys]
    assert len(keys) == len(set(keys)), "a key plays one thing"
    assert all(button.keys for button in found.buttons)


def test_more_actions_than_keys_still_have_buttons() -> None:
    found = layout([f"spell {number}" for number in range(30)])
    assert len(found.buttons) == 30
    assert found.buttons[-1].keys == {}
