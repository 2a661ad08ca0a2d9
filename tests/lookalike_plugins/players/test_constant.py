from __future__ import annotations

import asyncio

import pytest
from lookalike_bench.errors import PluginError
from lookalike_bench.tasks.spec import parse_plugin_spec
from lookalike_bench.types import Request
from lookalike_plugins.players.constant import ConstantPlayer


def test_it_plays_one_action_whatever_is_asked() -> None:
    player = ConstantPlayer(**parse_plugin_spec("constant:action=jump right").arguments)
    requests = [Request((), 0.7, seed, choices) for seed, choices in ((1, ("left", "jump right")), (2, ()))]
    assert [answer.text for answer in asyncio.run(player.complete(requests))] == ["jump right"] * 2
    assert player.model == "constant: jump right"


def test_nothing_is_no_action() -> None:
    with pytest.raises(PluginError, match="must not be empty"):
        ConstantPlayer(" ")
