"""Majority vote: what most members propose is played, whatever the critic says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from lookalike_bench.plugins.aggregator import Aggregator
from lookalike_bench.types import Proposal


class Majority(Aggregator):
    """Plays the action that most members proposed; a tie goes to the better reward, then to the lowest member."""

    def choose(self, proposals: Sequence[Proposal], random: Random) -> int:
        votes = Counter(proposal.action for proposal in proposals)

        def merit(index: int) -> tuple[int, float, int]:
            proposal = proposals[index]
            return votes[proposal.action], proposal.judgement.reward, -proposal.member

        return max(range(len(proposals)), key=merit)
