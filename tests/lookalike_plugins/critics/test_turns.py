"""Turns: what the lines of a transcript say, and how far a misread command is mended."""

from __future__ import annotations

import pytest
from lookalike_plugins.critics.scrollback import Line
from lookalike_plugins.critics.transcript import detours, make_outline
from lookalike_plugins.critics.turns import Turn, is_place, mend_commands, read_turns, unwrap


def turns_of(text: str) -> list[Turn]:
    return read_turns([Line(row, 1.0, 0, float(time), time) for time, row in enumerate(text.splitlines())])


@pytest.mark.parametrize(
    "line", ["Kitchen", "West of House", "East-West Passage", "Maze, in the dark", "The Troll Room"]
)
def test_place_names(line):
    assert is_place(line)


@pytest.mark.parametrize(
    "line", ["Taken.", "A quantity of water", "Commandment #12592", "sceptre: Dropped.", "The End Of 1984", ""]
)
def test_what_is_no_place_name(line):
    assert not is_place(line)


def test_empty_prompts_are_no_turns():
    assert [turn.typed for turn in turns_of("Cellar\n>\n> Go  North _\nAttic\n>")] == [None, "go north"]


def test_rows_are_joined_where_the_next_word_had_no_room():
    assert unwrap(["A very long row", "goes on.", "Short.", "", "New."], 16) == [
        "A very long row goes on.", "Short.", "New.",
    ]  # fmt: skip


def test_dark_place_has_no_name():
    turns = turns_of("Kitchen\nA room.\n>up\nIt is pitch black.\n>light lamp\nThe lamp is on.\n\nAttic\nA room.")
    assert [turn.place for turn in turns] == ["Kitchen", "", "Attic"]
    assert make_outline(turns, 0)[1].milestone == "reaches Attic"


def test_place_without_a_name_is_the_beginning_of_its_description():
    turns = turns_of(
        "You are standing at the end of a road before a small brick building.\n>in\nYou are inside a building."
    )
    assert turns[1].heading
    assert turns[1].place == "You are inside a building"


def test_mending_needs_one_candidate_only():
    turns = turns_of(
        "Hall\nA lantern and a rope are here.\n>get lanlern\nTaken.\n>0pen door\nIt opens.\n>get xyzzy\nWhat?"
    )
    assert mend_commands(turns, ["get", "open", "door", "rope"]) == 2
    assert [turn.typed for turn in turns] == [None, "get lantern", "open door", "get xyzzy"]


def test_mending_does_not_turn_a_short_word_into_its_neighbour_on_the_screen():
    turns = turns_of("Hall\nYou are in a house.\n>douse lamp\nIt is dark.")
    assert mend_commands(turns, ["look", "lamp"]) == 0


def test_mending_leaves_repeated_words_and_needs_a_vocabulary():
    text = "Hall\nA lamp is here.\n>get lamb\nTaken.\n>drop lamb\nDropped."
    turns = turns_of(text)
    assert mend_commands(turns, ["get", "drop"]) == 0
    once = turns_of("Hall\nA lamp is here.\n>get lamb\nTaken.")
    assert mend_commands(once, []) == 0


def test_detour_within_a_detour_and_none_where_something_was_done():
    there = "Hall\nA hall.\n>n\nYard\n>e\nShed\n>w\nYard\n>s\nHall\n>n\nYard\n>take axe\nTaken.\n>s\nHall"
    assert detours(turns_of(there)) == [1, 2, 3, 4]


def test_rooms_of_one_name_are_no_detour():
    assert detours(turns_of("Maze\nTwisty.\n>n\nMaze\n>s\nMaze")) == []
