from __future__ import annotations

import pytest
from lookalike_bench.reward_models.actions import REVERSE, action_key, undone_by


@pytest.mark.parametrize(
    "same",
    [
        ("n", "N", "north", "go north", "Walk to the north"),
        ("get the lamp", "take lamp", "pick up lamp", "Pick the lamp up"),
        ("x mailbox", "examine the mailbox", "look at mailbox"),
        ("turn on lamp", "light lamp", "switch the lamp on"),
        ("i", "inventory"),
    ],
)
def test_ways_to_type_one_action_count_as_one(same):
    assert len({action_key(action) for action in same}) == 1


def test_different_actions_stay_different():
    actions = ["north", "northeast", "take lamp", "drop lamp", "take bag", "take bar", "look", "examine lamp", ""]
    assert len({action_key(action) for action in actions}) == len(actions)


def test_what_is_taken_back():
    assert undone_by("drop lamp") == "take lamp"
    assert undone_by("open door") == "close door"
    assert undone_by("north") is None and undone_by("drop") is None


def test_every_way_back_has_its_way_there():
    assert all(REVERSE[back] == there for there, back in REVERSE.items())
