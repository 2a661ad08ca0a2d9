"""Reading quality: counted by alignment, so that a lost word costs one word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.scoring.ocr_quality import action_accuracy, reading_quality, word_accuracy

words = st.lists(st.text("abcdef", min_size=1, max_size=4), max_size=20)


@given(words)
def test_perfect_reading_is_1(text):
    assert word_accuracy(" ".join(text), "\n".join(text)) == 1.0


@given(words, words)
def test_always_in_the_unit_interval(truth, read):
    assert 0.0 <= word_accuracy(" ".join(truth), " ".join(read)) <= 1.0


def test_one_lost_word_of_ten_costs_a_tenth():
    truth = "one two three four five six seven eight nine ten"
    assert word_accuracy(truth, truth.replace("four ", "")) == pytest.approx(0.9)
    assert word_accuracy(truth, truth.replace("four", "f0ur")) == pytest.approx(0.9)


def test_invented_commands_count_against_the_reader():
    assert action_accuracy(["N", "Get  lamp"], ["n", "get lamp"]) == 1.0
    assert action_accuracy(["n", "get lamp"], ["n", "look", "get lamp"]) == pytest.approx(2 / 3)
    assert action_accuracy(["n", "get lamp"], ["n", "get lamb"]) == 0.5
    assert action_accuracy([], ["n"]) == 0.0


def test_title_that_the_outline_leaves_out_does_not_count():
    truth = "A GAME\nby somebody\n\nCellar\nIt is damp here.\n>N\nAttic\nIt is dry.\n"
    steps = [OutlineStep(cue="Cellar\nIt is damp here.", action="n", outcome="Attic\nIt is dry.")]
    quality = reading_quality(truth, RewardModel(outline=steps))
    assert (quality.words, quality.actions) == (1.0, 1.0)
    assert reading_quality(truth, RewardModel()).actions == 0.0
