"""The hooks of lookalike-bench: one for each kind of plugin.

Each returns names with the classes behind them, or with "module:Class" strings, which are imported only when
the name is used:

    from lookalike_bench.plugins import hookimpl

    @hookimpl
    def lookalike_players():
        return {"my-model": "my_package.player:MyPlayer"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from lookalike_bench.plugins.aggregator import Aggregator
    from lookalike_bench.plugins.critic import Critic
    from lookalike_bench.plugins.environment import Environment
    from lookalike_bench.plugins.player import Player

hookspec = pluggy.HookspecMarker("lookalike_bench")
hookimpl = pluggy.HookimplMarker("lookalike_bench")


@hookspec
def lookalike_environments() -> Mapping[str, type[Environment] | str]:  # type: ignore[empty-body]
    """Games to play, by name."""


@hookspec
def lookalike_players() -> Mapping[str, type[Player] | str]:  # type: ignore[empty-body]
    """Models that play (the paper's pLLM), by name."""


@hookspec
def lookalike_critics() -> Mapping[str, type[Critic] | str]:  # type: ignore[empty-body]
    """Models that watch and judge (the paper's vLLM), by name."""


@hookspec
def lookalike_aggregators() -> Mapping[str, type[Aggregator] | str]:  # type: ignore[empty-body]
    """Ways to resolve conflict within a swarm, by name."""
