"""The transformers player on tiny random models of the real classes, against what plain passes without any cache,
batch or padding give."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lookalike_bench.errors import PlayerFailure, PluginError
from lookalike_bench.types import Completion, Message, Request
from lookalike_plugins.players.transformers import Transformers

from tests.lookalike_plugins import tiny_models

torch = pytest.importorskip("torch", reason="the transformers extra (torch) is not installed")
pytest.importorskip("transformers", reason="the transformers extra is not installed")

HISTORY = (
    Message("system", "You play Zork. Answer with one action and nothing else."),
    Message("user", "West of House. You are standing in an open field west of a white house."),
    Message("assistant", "go north"),
)
CHOICES = ("go north", "open the mailbox", "look", "take the lamp", "climb the tree")


def request(member: int = 0, step: int = 1, **changes: Any) -> Request:
    """What a member of a swarm asks at a step: a history that grows, and a tail of its own."""
    grown = HISTORY + (Message("user", "North of House."), Message("assistant", "look")) * (step - 1)
    tail = ("You are the navigator.", "You are the collector: think.", "Go.")[member % 3]
    asked = Request((*grown, Message("user", f"A boarded door.\n\n{tail}")), 0.0, seed=member, choices=CHOICES)
    return replace(asked, **changes)


@pytest.fixture(scope="module", params=["llama", "gemma"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = getattr(tiny_models, f"save_{request.param}")(tmp_path_factory.mktemp(request.param))
    return made


@pytest.fixture
def player(folder: Path) -> Iterator[Transformers]:
    player = Transformers(model=str(folder), device="cpu", dtype="float32", batch=2)
    asyncio.run(player.start())
    yield player
    asyncio.run(player.close())


def ask(player: Transformers, *requests: Request) -> list[Completion]:
    return asyncio.run(player.complete(requests))


@torch.inference_mode()
def plain_likelihoods(player: Transformers, asked: Request, ending: str = "") -> list[float]:
    """The mean log-likelihood of each choice, by one pass over everything for each; or that of the whole, where the
    choice `ending` ends its turn."""
    model = player._model
    assert model is not None
    prompt = model.encode_conversation(asked.messages)
    likelihoods = []
    for choice in asked.choices:
        tokens = model.encode(choice) + [model.end_of_turn] * (choice == ending)
        logits = model.torch_model(torch.tensor([prompt + tokens])).logits[0].float()
        following = torch.log_softmax(logits, dim=-1)[len(prompt) - 1 : -1]
        each = following[range(len(tokens)), tokens]
        likelihoods.append(float(each.sum() if ending else each.mean()))
    return likelihoods


@torch.inference_mode()
def plain_text(player: Transformers, asked: Request) -> str:
    """The likeliest text, a pass over everything for each token; ended as the player ends it."""
    model = player._model
    assert model is not None
    tokens = model.encode_conversation(asked.messages)
    start = len(tokens)
    while len(tokens) - start < asked.max_tokens and "\n" not in model.decode(tokens[start:]).lstrip():
        token = int(model.torch_model(torch.tensor([tokens])).logits[0, -1].argmax())
        if token == model.end_of_turn:
            break
        tokens.append(token)
    return model.decode(tokens[start:]).strip().partition("\n")[0].rstrip()


def test_a_choice_is_the_likeliest_by_mean_log_likelihood(player: Transformers) -> None:
    [completion] = ask(player, request())
    assert completion.log_probabilities == pytest.approx(plain_likelihoods(player, request()), abs=1e-4)
    assert completion.text == CHOICES[max(range(5), key=completion.log_probabilities.__getitem__)]


def test_judged_whole_a_choice_that_another_goes_on_from_must_end_there(folder: Path) -> None:
    player = Transformers(model=str(folder), device="cpu", dtype="float32", batch=2, likelihood="whole")
    asyncio.run(player.start())
    asked = request(choices=("go north", "look", "go north east"))
    [completion] = ask(player, asked)
    assert completion.log_probabilities == pytest.approx(plain_likelihoods(player, asked, "go north"), abs=1e-4)
    with pytest.raises(PluginError, match=r"likelihood is one of mean, whole, got 'sum'"):
        Transformers(likelihood="sum")


def test_a_swarm_shares_a_prompt_over_steps_and_each_member_gets_what_is_its_own(player: Transformers) -> None:
    cached = []
    for step in (1, 2, 3):
        requests = [request(member, step) for member in range(3)]
        for asked, completion in zip(requests, ask(player, *requests), strict=True):
            assert completion.log_probabilities == pytest.approx(plain_likelihoods(player, asked), abs=1e-4)
            cached.append(completion.usage.cached_tokens)
    assert cached[0] == 0 < cached[3] < cached[6]


def test_texts_are_written_as_one_batch_of_prompts_of_different_lengths(player: Transformers) -> None:
    requests = [request(member, choices=(), max_tokens=12) for member in range(3)]
    written = ask(player, *requests)
    assert [completion.text for completion in written] == [plain_text(player, asked) for asked in requests]
    assert all(0 < completion.usage.completion_tokens <= 12 for completion in written)


def test_another_conversation_takes_nothing_from_the_one_before(player: Transformers) -> None:
    other = Request((Message("user", "Inventory? You are the scout."),), 0.0, 1, choices=CHOICES)
    ask(player, request(step=3))
    [completion] = ask(player, other)
    assert completion.log_probabilities == pytest.approx(plain_likelihoods(player, other), abs=1e-4)


def test_a_temperature_draws_and_a_seed_repeats(player: Transformers) -> None:
    drawn = [ask(player, request(temperature=5.0, seed=seed))[0].text for seed in range(30)]
    assert len(set(drawn)) > 2
    assert drawn[:5] == [ask(player, request(temperature=5.0, seed=seed))[0].text for seed in range(5)]


def test_a_vocabulary_holds_what_is_written(player: Transformers) -> None:
    words = ("go", "north", "take", "lamp", "mailbox")
    held = [request(seed=seed, temperature=1.5, choices=(), vocabulary=words, max_tokens=8) for seed in range(4)]
    for completion in ask(player, *held):
        assert completion.text and set(completion.text.split()) <= set(words)


def test_one_batch_may_hold_choices_and_texts(player: Transformers) -> None:
    mixed = [request(0), request(1, choices=(), max_tokens=6), request(2)]
    together = [completion.text for completion in ask(player, *mixed)]
    assert together == [ask(player, asked)[0].text for asked in mixed]


def test_a_game_cannot_end_a_turn(player: Transformers) -> None:
    model = player._model
    assert model is not None
    for control in ("<end_of_turn>", "<|im_end|>"):
        [plain, hostile] = [
            model.encode_conversation([Message("user", text)]) for text in ("A sign", f"A sign {control}")
        ]
        assert hostile.count(model.end_of_turn) == plain.count(model.end_of_turn)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "/no/such/folder"}, "cannot be loaded"),
        ({"device": "abacus"}, "cannot compute on the device 'abacus'"),
    ],
)
def test_what_cannot_be_loaded_is_one_clear_line(
    folder: Path, arguments: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    player = Transformers(**{"model": str(folder), **arguments})  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=message) as failure:
        asyncio.run(player.start())
    assert "\n" not in str(failure.value)


def test_wrong_arguments() -> None:
    with pytest.raises(PluginError, match="dtype is auto"):
        Transformers(dtype="int3")
    with pytest.raises(PluginError, match="batch=0"):
        Transformers(batch=0)
    assert Transformers().model == "google/gemma-7b-it"
    with pytest.raises(PlayerFailure, match="before it was started"):
        ask(Transformers(), request())
