"""Reward-weighted vote: p(a) is proportional to the sum of exp(beta * reward) over the members that propose a."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from lookalike_bench.errors import PluginError
from lookalike_bench.plugins.aggregator import Aggregator
from lookalike_bench.types import Proposal


class RewardWeighted(Aggregator):
    """Draws an action. `beta` 0 draws a member at random; the larger beta, the nearer to the best reward."""

    def __init__(self, beta: float = 3.0) -> None:
        if not math.isfinite(beta) or beta < 0:
            raise PluginError(f"aggregator reward-weighted: beta must be a finite number of at least 0, not {beta!r}")
        self.beta = beta

    def choose(self, proposals: Sequence[Proposal], random: Random) -> int:
        # Drawing a member by its weight draws an action by the sum over its members. The best reward is taken
        # off first, so that a large beta does not overflow.
        best = max(proposal.judgement.reward for proposal in proposals)
        weights = [math.exp(self.beta * (proposal.judgement.reward - best)) for proposal in proposals]
        return random.choices(range(len(proposals)), weights=weights)[0]
