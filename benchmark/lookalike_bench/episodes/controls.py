"""The controls that are methods of their own: each has the swarm's compute, and lacks something that it has.

`independent`: as many players, but no memory and no critic; each plays alone and the best counts (best of k).
`retry`: one player with as many tries at each step, of which the critic's favourite is played (equal compute).
`replay`: nobody thinks; the human-authored solution is played again (the ceiling).

The other controls are the paper's methods with one part replaced: see tasks/variants.py.
"""

from __future__ import annotations

import asyncio

from lookalike_bench.episodes.episode import Episode
from lookalike_bench.episodes.stage import Ask, propose
from lookalike_bench.types import Completion, Proposal


async def independent(episode: Episode) -> None:
    while playing := [stage for stage in episode.stages if not stage.over]:
        asks = [Ask(stage, stage.copy, episode.variant.temperatures[stage.copy]) for stage in playing]
        proposals = await propose(episode.player, episode.decode, asks)
        await asyncio.gather(*(stage.play([proposal], 0) for stage, proposal in zip(playing, proposals, strict=True)))


async def retry(episode: Episode) -> None:
    [stage] = episode.stages
    assert episode.aggregator is not None
    while not stage.over:
        asks = [Ask(stage, attempt, temperature) for attempt, temperature in enumerate(episode.variant.temperatures)]
        proposals = await stage.judged(await propose(episode.player, episode.decode, asks))
        played = stage.recorded.played if stage.recorded else episode.aggregator.choose(proposals, stage.chance())
        await stage.play(proposals, played)


async def replay(episode: Episode) -> None:
    [stage] = episode.stages
    for action in episode.solution[: stage.max_steps]:
        if stage.over:
            break
        await stage.play([Proposal(0, 0.0, action, completion=Completion(action))], played=0)
