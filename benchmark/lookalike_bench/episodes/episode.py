"""What a method is handed: who plays, on which stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lookalike_bench.episodes.stage import Stage
from lookalike_bench.plugins.aggregator import Aggregator
from lookalike_bench.plugins.player import Player
from lookalike_bench.tasks.variants import Variant
from lookalike_bench.types import Decode


@dataclass(frozen=True)
class Episode:
    """One variant playing one seed. `stages` has one entry, or one for each copy that is played in lockstep;
    `solution` is what `replay` plays and nobody else may see."""

    variant: Variant
    stages: Sequence[Stage]
    player: Player
    decode: Decode
    aggregator: Aggregator | None = None
    solution: Sequence[str] = ()
