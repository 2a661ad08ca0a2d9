from __future__ import annotations

from lookalike_bench.reward_models.similarity import Sentences, split


def test_misread_sentence_has_the_number_of_the_known_one():
    sentences = Sentences()
    known = sentences.read("A battery-powered brass lantern is on the trophy case.")
    assert sentences.read("A battery-powered brass lantem is on the tr0phy case.").numbers == known.numbers


def test_directions_are_never_taken_for_misreadings():
    sentences = Sentences()
    north = sentences.read("North of House\nYou are facing the north side of a white house.")
    south = sentences.read("South of House\nYou are facing the south side of a white house.")
    assert not set(north.numbers) & set(south.numbers)


def test_wrapped_lines_are_joined_and_status_lines_left_out():
    text = "> Attic      Score: 15    Moves: 15\nAttic\nThis is the attic. The only exit is a\nstairway leading down."
    assert split(text) == [
        ("Attic", True),
        ("This is the attic.", False),
        ("The only exit is a stairway leading down.", False),
    ]


def test_lists_have_no_headlines():
    text = "You are carrying:\n  A brass lantern (providing light)\n  A jewel-encrusted egg"
    assert not any(titled for _, titled in split(text))


def test_lead_names_the_place_and_refusals_are_told():
    sentences = Sentences()
    reply = sentences.read("The lamp is now on.\n\nAttic\nThis is the attic.")
    assert reply.headed and sentences.words[reply.lead or 0] == ("attic",)
    assert sentences.read("You can't go that way.").refusal
    assert not sentences.read("Taken.").refusal
