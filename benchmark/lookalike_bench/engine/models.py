"""What a run gives to its models: the response cache, the budget, and how they are reached.

models = Models(cache=ResponseCache(path), budget=Budget(Prices.load(), limit=5.0))
models.reach(player)                      # before it starts
player = models.around(player)            # after: cached outside, paid inside
"""

from __future__ import annotations

import math

from lookalike_bench.engine.cache import CachedPlayer, ResponseCache
from lookalike_bench.engine.prices import Budget, PaidPlayer, Prices
from lookalike_bench.engine.remote import RemoteModel, Transport
from lookalike_bench.engine.wrapped_player import WrappedPlayer
from lookalike_bench.plugins.critic import Critic
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Usage


class Models:
    """One run's means. None of them is part of what the run is: the same run may be gone on with by others."""

    def __init__(
        self,
        *,
        transport: Transport | None = None,
        cache: ResponseCache | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.transport = transport or Transport()
        self.cache = cache
        self.budget = budget or Budget(Prices.load())

    def reach(self, model: Player | Critic) -> None:
        """Tell a model behind a network how it is reached, and give a critic the cache and the budget."""
        if isinstance(model, RemoteModel):
            model.transport = self.transport
            model.cache = self.cache
            model.budget = self.budget

    def around(self, player: Player) -> Player:
        """The player as episodes ask it. A model on this machine is as it is: it costs nothing, and its time is
        part of what is measured."""
        if not isinstance(player, RemoteModel):
            return player
        paid = PaidPlayer(player, self.budget)
        return CachedPlayer(paid, self.cache, player.identity) if self.cache is not None else paid

    def cost(self, player: Player, playing: Usage, critic: Critic | None, judging: Usage) -> float | None:
        """Dollars that so many tokens of a player and of a critic cost by the price list, cached or not: two runs of
        the same episode cost the same. None where a model that was asked has no price, or none was asked for money."""
        prices = self.budget.prices
        dollars = []
        if isinstance(player, WrappedPlayer) or prices.price(player.model) is not None:
            dollars.append(prices.cost(player.model, playing))
        if isinstance(critic, RemoteModel) and judging != Usage():
            dollars.append(prices.cost(critic.model, judging))
        known = [cost for cost in dollars if cost is not None]
        return math.fsum(known) if known and len(known) == len(dollars) else None

    def close(self) -> None:
        if self.cache is not None:
            self.cache.close()
