"""Best of n by the critic's reward: the paper's rule, and the default."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random

from lookalike_bench.plugins.aggregator import Aggregator
from lookalike_bench.types import Proposal


class BestReward(Aggregator):
    """Plays the action with the highest reward.

    A tie goes to the action that most members proposed, then to the member that was surest of its action (by
    log-probability, where the player gives one), then to the lowest member.
    """

    def choose(self, proposals: Sequence[Proposal], random: Random) -> int:
        votes = Counter(proposal.action for proposal in proposals)

        def merit(index: int) -> tuple[float, int, float, int]:
            proposal = proposals[index]
            return proposal.judgement.reward, votes[proposal.action], certainty(proposal), -proposal.member

        return max(range(len(proposals)), key=merit)


def certainty(proposal: Proposal) -> float:
    """The log-probability of the member's own choice; minus infinity where it is not known.

    A player that chooses gives one value for each choice, not in this proposal; the chosen one is close to the
    highest of them, exactly so at temperature 0.
    """
    return max(proposal.completion.log_probabilities, default=-math.inf)
