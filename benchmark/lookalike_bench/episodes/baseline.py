"""`baseline`, the paper's "pLLM": the player alone, with no critic."""

from __future__ import annotations

from lookalike_bench.episodes.episode import Episode
from lookalike_bench.episodes.stage import Ask, propose


async def baseline(episode: Episode) -> None:
    [stage] = episode.stages
    [temperature] = episode.variant.temperatures
    while not stage.over:
        # 1. The player reads the history and says what it does next.
        proposals = await propose(episode.player, episode.decode, [Ask(stage, 0, temperature)])
        # 2. It is done, and what came of it joins the history.
        await stage.play(proposals, played=0)
