"""`swarm`, the paper's "pLLM swarm + vLLM": players at different temperatures that share rewards as memory.

`swarm_together` plays one game with all members; `swarm_in_parallel` gives each member a copy of its own, in
lockstep, with shared memory, and the most successful one counts.
"""

from __future__ import annotations

import asyncio

from lookalike_bench.episodes.episode import Episode
from lookalike_bench.episodes.memory import Memory
from lookalike_bench.episodes.stage import Ask, propose


async def swarm_together(episode: Episode) -> None:
    [stage] = episode.stages
    variant = episode.variant
    assert episode.aggregator is not None
    memory = Memory(variant.memory, stage.reveal)
    while not stage.over:
        # 1. Every member reads the same history and shared memory, and its own role at the end.
        asks = [
            Ask(stage, member, temperature, role)
            for member, (temperature, role) in enumerate(zip(variant.temperatures, variant.roles, strict=True))
        ]
        # 2. All propose at once, each at its temperature.
        proposals = await propose(episode.player, episode.decode, asks)
        # 3. The critic judges every proposal.
        proposals = await stage.judged(proposals)
        # 4. The aggregator names the action that is played.
        played = stage.recorded.played if stage.recorded else episode.aggregator.choose(proposals, stage.chance())
        # 5. It is played, and all proposals with their rewards go to the memory that all members share.
        await stage.play(proposals, played, memory.of_step(proposals, played))


async def swarm_in_parallel(episode: Episode) -> None:
    variant = episode.variant
    memory = Memory(variant.memory, episode.stages[0].reveal)
    while not any(stage.success for stage in episode.stages):
        playing = [stage for stage in episode.stages if not stage.over]
        if not playing:
            break
        # 1. Every member reads the history of its own copy, in which the memory tells of the others.
        asks = [
            Ask(stage, stage.copy, variant.temperatures[stage.copy], variant.roles[stage.copy]) for stage in playing
        ]
        # 2. All propose at once, each for its own copy; 3. each proposal is judged there.
        proposals = await propose(episode.player, episode.decode, asks)
        judged = await asyncio.gather(
            *(stage.judged([proposal]) for stage, proposal in zip(playing, proposals, strict=True))
        )
        # 4. Each copy plays its own; 5. what everybody did and earned is told to all.
        moves = [
            (stage.copy, proposal, stage.observation.score) for stage, [proposal] in zip(playing, judged, strict=True)
        ]
        await asyncio.gather(
            *(
                stage.play(own, 0, memory.of_others(stage.copy, moves))
                for stage, own in zip(playing, judged, strict=True)
            )
        )
