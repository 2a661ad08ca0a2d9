"""The player `constant`: always the same action. What one action alone achieves is a floor, too.

lookalike-bench run tasks/procgen-coinrun.yaml --variants baseline --player "constant:action=jump right"
"""

from __future__ import annotations

from collections.abc import Sequence

from lookalike_bench.errors import PluginError
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Request


class ConstantPlayer(Player):
    """Answers `action`, whatever is asked, listed or not; reads nothing. Raises PluginError for an empty one."""

    def __init__(self, action: str) -> None:
        if not action.strip():
            raise PluginError("player constant: action is what it always plays, and must not be empty")
        self.action = action

    @property
    def model(self) -> str:
        return f"constant: {self.action}"

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(self.action) for _ in requests]
