"""`single`, the paper's "pLLM + vLLM": one player, and a critic that rewards or punishes each of its steps.

The loop is the baseline's. What differs is the stage: it has a judge, who reviews every step that was played,
and what the task's `reveal:` lets the player know of the review is in its next prompt.
"""

from __future__ import annotations

from lookalike_bench.episodes.episode import Episode
from lookalike_bench.episodes.stage import Ask, propose


async def single(episode: Episode) -> None:
    [stage] = episode.stages
    [temperature] = episode.variant.temperatures
    while not stage.over:
        # 1. The player reads the history, with the critic's review of its last step, and proposes an action.
        proposals = await propose(episode.player, episode.decode, [Ask(stage, 0, temperature)])
        # 2. The critic judges what it is about to do. The player does not hear this: it is for the record.
        proposals = await stage.judged(proposals)
        # 3. It is done; the critic reviews the outcome, and the review joins the history.
        await stage.play(proposals, played=0)
