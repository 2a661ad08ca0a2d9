"""The interface of a player: the text model that plays (the paper's pLLM).

A whole player, to copy from:

    class Cautious(Player):
        '''Takes the first of the listed actions.'''

        async def complete(self, requests: Sequence[Request]) -> list[Completion]:
            return [Completion(request.choices[0] if request.choices else "look") for request in requests]

A batch is what the members of a swarm ask at one step. Its requests share their first messages, so a player
that computes a common prefix once is several times faster. Requests that carry `choices` ask for one of them:
score each by its mean log-likelihood as the assistant's next turn and draw from the softmax of the scores
divided by the temperature (temperature 0 takes the best), or, where a model gives no likelihoods, constrain or
parse its answer. The same request with the same seed should give the same completion; a player that cannot
promise this says so in `deterministic`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from lookalike_bench.types import Completion, Request


class Player(ABC):
    """A model that answers conversations with actions."""

    deterministic: bool = True
    """Whether the same request and seed always give the same completion."""

    concurrency: int = 1
    """How many episodes are worth playing at once: 1 for a model on this machine's processor, many for a server."""

    @property
    def model(self) -> str:
        """The model's full name, for the manifest."""
        return type(self).__name__.lower()

    @property
    def handicaps(self) -> tuple[str, ...]:
        """What helps or limits this player beyond the model itself, for the record."""
        return ()

    async def start(self) -> None:
        """Load weights or open connections. Called once, before the first request."""

    @abstractmethod
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer each request, in order. Raise PlayerFailure if the model fails: the episode is then an error."""

    async def close(self) -> None:
        """Free what the player holds."""
