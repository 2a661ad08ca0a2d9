"""What the players of a swarm know of each other (paper section 3: results are stored and handed back to all
of them as memory for their next step).

The memory is written into the conversation at the place where it happened, so prompts stay append-only. It is
bounded twice: at each step only the best few proposals, each once however many made it, and over time by the
conversation's own bound. Unbounded, five members and 100 steps would cost millions of prompt tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lookalike_bench.types import Proposal, Reveal

HEADING = "Pay attention to what the players proposed and how the expert judged it:"


@dataclass(frozen=True, slots=True)
class Memory:
    """`bound`: how many different proposals of a step are remembered; 0 remembers nothing."""

    bound: int
    reveal: Reveal

    def of_step(self, proposals: Sequence[Proposal], played: int) -> str:
        """The memory of one step: what was proposed, by how many, with what reward, and what was played."""
        if not self.bound:
            return ""
        votes: dict[str, list[Proposal]] = {}
        for proposal in proposals:
            votes.setdefault(proposal.action, []).append(proposal)
        best_first = sorted(votes.values(), key=lambda same: -same[0].judgement.reward)
        lines = [HEADING]
        for same in best_first[: self.bound]:
            action = same[0].action
            reward = f" {same[0].judgement.reward:+.1f}" if self.reveal != "none" else ""
            was_played = ", played" if action == proposals[played].action else ""
            lines.append(f"- {action}:{reward} ({len(same)} of {len(proposals)} players{was_played})")
        return "\n".join(lines)

    def of_others(self, member: int, played: Sequence[tuple[int, Proposal, float]]) -> str:
        """Lockstep play: what the others just played in their own copies, as (member, proposal, score now)."""
        if not self.bound:
            return ""
        others = sorted((entry for entry in played if entry[0] != member), key=lambda entry: -entry[2])
        lines = [
            f"- player {index + 1}: {proposal.action} {proposal.judgement.reward:+.1f}, score now {score:g}"
            for index, proposal, score in others[: self.bound]
        ]
        return "\n".join(["Pay attention to what the other players just did in their own games:", *lines])
