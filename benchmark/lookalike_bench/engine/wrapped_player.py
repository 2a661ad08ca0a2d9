"""A player around a player, for what the engine adds to all of them."""

from __future__ import annotations

from lookalike_bench.plugins.player import Player


class WrappedPlayer(Player):
    """Is in everything the player inside; who derives from it adds to `complete`."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.deterministic = player.deterministic
        self.concurrency = player.concurrency

    @property
    def model(self) -> str:
        return self.player.model

    @property
    def handicaps(self) -> tuple[str, ...]:
        return self.player.handicaps

    async def start(self) -> None:
        await self.player.start()

    async def close(self) -> None:
        await self.player.close()
