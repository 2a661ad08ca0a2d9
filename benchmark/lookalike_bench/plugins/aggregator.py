"""The interface of an aggregator: how a swarm's proposals become the one action that is played.

A whole aggregator, to copy from:

    class FirstSpeaker(Aggregator):
        '''Plays what the first member says.'''

        def choose(self, proposals: Sequence[Proposal], random: Random) -> int:
            return 0
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random

from lookalike_bench.types import Proposal


class Aggregator(ABC):
    """Resolves the conflict between the members of a swarm."""

    @abstractmethod
    def choose(self, proposals: Sequence[Proposal], random: Random) -> int:
        """The index of the proposal to play. Draw chance only from `random`, which the episode's seed feeds."""
