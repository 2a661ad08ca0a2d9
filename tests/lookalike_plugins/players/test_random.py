from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from lookalike_bench.errors import PlayerFailure
from lookalike_bench.types import Message, Request
from lookalike_plugins.players.random import RandomPlayer
from scipy.stats import chisquare

ACTIONS = ("open mailbox", "north", "south", "wait")


def ask(**parts: object) -> list[str]:
    """The answers to four hundred requests that differ in their seed alone."""
    requests = [
        Request((Message("user", "West of House"),), temperature=0.0, seed=seed, **parts)  # type: ignore[arg-type]
        for seed in range(400)
    ]
    return [completion.text for completion in asyncio.run(RandomPlayer().complete(requests))]


def test_every_choice_is_equally_likely() -> None:
    counts = Counter(ask(choices=ACTIONS))

    assert set(counts) == set(ACTIONS)
    assert chisquare([counts[action] for action in ACTIONS]).pvalue > 0.001


def test_the_seed_decides() -> None:
    assert ask(choices=ACTIONS) == ask(choices=ACTIONS)


def test_without_choices_it_draws_from_the_vocabulary() -> None:
    assert set(ask(vocabulary=("left", "right"))) == {"left", "right"}


def test_choices_come_before_the_vocabulary() -> None:
    assert set(ask(choices=ACTIONS, vocabulary=("left", "right"))) == set(ACTIONS)


def test_nothing_to_draw_from_is_a_failure_and_not_an_answer() -> None:
    with pytest.raises(PlayerFailure, match="neither actions nor a vocabulary"):
        ask()
