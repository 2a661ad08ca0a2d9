"""The openai player against llama.cpp's own server with the real weights of SmolLM2: what it is told there is what
the player `local` computes by itself, and a whole run of real Zork goes through it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lookalike_bench.errors import AssetUnavailable
from lookalike_bench.records.store import Run
from lookalike_bench.tasks.assets import cache_directory, resolve
from lookalike_bench.types import Completion, Message, Request
from lookalike_plugins.players import weights
from lookalike_plugins.players.openai import OpenAI

from tests.llama_server import llama_server

for needed in ("aiohttp", "xllamacpp"):
    pytest.importorskip(needed)

MODEL = "smollm2-135m"
CHOICES = ("open mailbox", "go north", "eat the house", "jump")
REQUEST = Request(
    (
        Message("system", "You play Zork, a text adventure. Answer with the next command only."),
        Message("user", "West of House\nThere is a small mailbox here.\n\nPossible actions: open mailbox, go north."),
    ),
    temperature=0.0,
    seed=1,
    choices=CHOICES,
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    try:
        resolve(weights.CATALOGUE[MODEL])
    except AssetUnavailable as reason:
        pytest.skip(str(reason))
    with llama_server(MODEL) as url:
        yield f"{url}/v1"


def ask(url: str, requests: Sequence[Request], **arguments: str) -> tuple[list[Completion], tuple[str, ...]]:
    async def play() -> tuple[list[Completion], tuple[str, ...]]:
        player = OpenAI(base_url=url, **arguments)  # type: ignore[arg-type]
        try:
            await player.start()
            return await player.complete(requests), player.handicaps
        finally:
            await player.close()

    return asyncio.run(play())


def test_what_is_told_of_a_choice_is_what_is_told_of_the_same_text_written_freely(url: str) -> None:
    [free], _ = ask(url, [replace(REQUEST, choices=(), max_tokens=4)])
    [scored], handicaps = ask(url, [replace(REQUEST, choices=(free.text, "jump"))])
    assert len(free.log_probabilities) == 1
    # The prompt may be computed in other pieces: the sums differ in their last bits.
    assert scored.log_probabilities[0] == pytest.approx(free.log_probabilities[0], abs=0.15)
    assert scored.text == free.text and scored.log_probabilities[0] > scored.log_probabilities[1]
    assert "scored by the server's likelihoods" in handicaps[0]


def test_it_ranks_the_choices_as_the_local_player_does(url: str) -> None:
    local = pytest.importorskip("lookalike_plugins.players.local")
    pytest.importorskip("openvino_genai")
    player = local.Local(MODEL, context=2048)

    async def asked() -> list[Completion]:
        await player.start()
        completions: list[Completion] = await player.complete([REQUEST])
        await player.close()
        return completions

    [here] = asyncio.run(asked())
    [there], _ = ask(url, [REQUEST])
    assert there.text == here.text
    assert rank(there) == rank(here)
    assert here.usage.prompt_tokens * len(CHOICES) == there.usage.prompt_tokens


def rank(completion: Completion) -> list[int]:
    return sorted(range(len(CHOICES)), key=completion.log_probabilities.__getitem__)


def test_a_run_of_zork_is_scored_and_asked_only_once(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jericho")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "assets").symlink_to(cache_directory() / "assets")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    task = tmp_path / "zork-short.yaml"
    task.write_text(
        "name: zork-short\nenvironment: {plugin: zork, story: zork1-r119}\ngoal: {score: 350}\nmax_steps: 2\n"
        "seeds: 0\ncritic: {plugin: random}\nplayer: {plugin: openai}\nvariants: {independent: {members: 2}}\n"
    )
    for name in ("one", "two"):
        command = [sys.executable, "-m", "lookalike_bench.cli.main", "run", str(task), "--json"]
        command += ["--player", f"openai:base_url={url}", "--out", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        [variant] = json.loads(done.stdout)["tasks"][0]["variants"]
        assert (variant["planned"], variant["scored"]) == (1, 1)
    first, second = (next(iter(Run(tmp_path / name).episodes())) for name in ("one", "two"))
    assert any("scored by the server's likelihoods" in handicap for handicap in first.header.handicaps)
    again = {(step.step, step.copy_index): step for step in second.steps}
    assert len(again) == len(first.steps) == 4
    for step in first.steps:
        [proposal] = step.proposals
        assert again[step.step, step.copy_index].proposals == [proposal]
        assert len(proposal.log_probabilities) == len(step.choices) > 1
        assert proposal.action in step.choices
        assert proposal.usage.cached_tokens > proposal.usage.prompt_tokens / 2
