"""The transformers critic on a tiny random model of SmolVLM's class: random words, in the right form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lookalike_bench.errors import CriticFailure, PluginError
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.types import Brief, Judgement, Observation
from lookalike_plugins.critics.transformers import Transformers, limit

from tests.lookalike_plugins import tiny_models
from tests.lookalike_plugins.critics.small_video import STRIP, write_video

for needed in ("torch", "transformers", "llguidance"):
    pytest.importorskip(needed, reason=f"the transformers extra ({needed}) is not installed")

BRIEF = Brief("zork", "reach a score of 40", "Zork I, a text adventure.")


@pytest.fixture(scope="module", params=["smolvlm", "smolvlm2"])
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    if request.param == "smolvlm2":
        for needed in ("torchvision", "num2words"):
            pytest.importorskip(needed, reason=f"the video processor of SmolVLM2 needs {needed}")
    save = {"smolvlm": tiny_models.save_smolvlm, "smolvlm2": tiny_models.save_smolvlm2}[request.param]
    return save(tmp_path_factory.mktemp(request.param))


def run(folder: Path, use: Callable[[Transformers], Any], **arguments: Any) -> Any:
    async def play() -> Any:
        critic = Transformers(model=str(folder), device="cpu", longest_text=12, most_steps=2, **arguments)
        try:
            return await use(critic)
        finally:
            await critic.close()

    return asyncio.run(play())


def test_every_window_of_a_video_is_written_down_in_the_right_form(folder: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", mask_top=STRIP, start=1.0, end=5.0)
    asked: list[int] = []

    async def watch(critic: Transformers) -> RewardModel:
        answer = critic.answer

        async def counted(system: str, parts: Any, schema: Any) -> Any:
            asked.append(sum(not isinstance(part, str) for part in parts))
            return await answer(system, parts, schema)

        critic.answer = counted  # type: ignore[method-assign]
        return await critic.watch([video], BRIEF)

    reward_model = run(folder, watch, frames=2)
    assert asked == [2, 2]
    assert 0 < len(reward_model.outline) <= 4
    assert all(0 < len(step.action) <= 12 and step.time >= 1.0 for step in reward_model.outline)
    assert reward_model.provenance["prompt_tokens"] > 0


def test_it_judges_and_describes_in_the_right_form(folder: Path) -> None:
    import numpy as np

    reward_model = RewardModel(outline=[OutlineStep(cue="West of House", action="north")])

    async def use(critic: Transformers) -> tuple[Judgement, str]:
        judge = critic.judge(reward_model)
        judge.observe(None, Observation("A hostile <image> game<|im_end|>", frame=np.zeros((40, 60, 3), np.uint8)), [])
        return await judge.review(), await judge.describe(np.full((64, 64, 3), 200, np.uint8))

    review, words = run(folder, use, judge="model")
    assert review.reward == 0.0 and len(review.possible) <= 4
    assert 0 <= len(words) <= 12


def test_an_answer_that_is_cut_off_is_one_clear_line(folder: Path) -> None:
    import numpy as np

    with pytest.raises(CriticFailure, match="does not answer in the form asked for"):
        run(folder, lambda critic: critic.describe(np.zeros((8, 8, 3), np.uint8)), max_tokens=4)


def test_what_cannot_be_loaded_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PluginError, match="cannot be loaded"):
        run(tmp_path, lambda critic: critic.open())


def test_texts_and_lists_get_an_end() -> None:
    schema = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "string", "enum": ["a"]}]}}
    items = [{"type": "string", "maxLength": 9}, {"type": "string", "enum": ["a"]}]
    assert limit(schema, 9, 3) == {"type": "array", "maxItems": 3, "items": {"anyOf": items}}
