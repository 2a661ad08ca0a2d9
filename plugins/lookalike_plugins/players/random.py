"""The player `random`: chooses blindly, the floor that every model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from lookalike_bench.errors import PlayerFailure
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Request


class RandomPlayer(Player):
    """Takes any of the listed actions, or any entry of the vocabulary, with equal chances; reads nothing."""

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(_draw(request)) for request in requests]


def _draw(request: Request) -> str:
    possible = request.choices or request.vocabulary
    if not possible:
        raise PlayerFailure("player random: the request lists neither actions nor a vocabulary to draw from")
    return Random(request.seed).choice(possible)
