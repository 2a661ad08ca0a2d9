"""The gemini critic against a loopback server that speaks Gemini's protocol, with real video files."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import pytest
from lookalike_bench.engine.prices import Budget, Price, Prices
from lookalike_bench.engine.remote import Transport
from lookalike_bench.errors import CriticFailure, PluginError
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.types import Brief, Observation
from lookalike_plugins.critics.gemini import Gemini

from tests.gemini_protocol import GeminiProtocol, plain_path, questions
from tests.lookalike_plugins.critics.small_video import STRIP, colour_of, strip_is_black, write_video
from tests.loopback_server import Answer, LoopbackServer

BRIEF = Brief("zork", "reach a score of 40", "Zork I, a text adventure.")
STEP = {"time": 1.0, "cue": "West of House", "action": "north", "outcome": "North", "milestone": "", "weight": 1.0}
OUTLINE = json.dumps({"steps": [STEP], "rules": ["Go round."], "vocabulary": ["north"]})

pytestmark = pytest.mark.skipif(find_spec("google.genai") is None, reason="the gemini extra is not installed")


def run(server: LoopbackServer, use: Callable[[Gemini], Any], **arguments: Any) -> Any:
    async def play() -> Any:
        critic = Gemini(model="gemini-test", base_url=server.url, **arguments)
        critic.transport = Transport(timeout=5, attempts=2, backoff=0.01)
        critic.poll_seconds = 0.01
        try:
            return await use(critic)
        finally:
            await critic.close()

    return asyncio.run(play())


def test_a_video_is_uploaded_once_waited_for_and_asked_about_by_windows(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", start=1.0, end=5.0)
    protocol = GeminiProtocol(OUTLINE)
    with LoopbackServer(protocol) as server:
        reward_model = run(server, lambda critic: critic.watch([video], BRIEF), window=2.0, fps=0.5)
    assert protocol.uploaded == [video.path.read_bytes()]
    assert protocol.asked_after == 2
    first, second = questions(server.calls)
    [part] = first["contents"][0]["parts"]
    assert part["fileData"]["fileUri"] == "https://files.invalid/files/video-1"
    assert part["videoMetadata"] == {"fps": 0.5, "startOffset": "1s", "endOffset": "3s"}
    assert part["mediaResolution"] == {"level": "MEDIA_RESOLUTION_HIGH"}
    assert '"startOffset": "3s"' in json.dumps(second) and '"endOffset": "5s"' in json.dumps(second)
    assert "steps" in first["generationConfig"]["responseJsonSchema"]["properties"]
    # Offsets leave the file's clock as it is.
    assert [step.time for step in reward_model.outline] == [1.0, 1.0]
    assert [plain_path(call) for call in server.calls if call.method == "DELETE"] == ["/files/video-1"]


def test_a_masked_video_is_uploaded_without_what_is_masked(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", mask_top=STRIP, start=2.0, end=4.0)
    protocol = GeminiProtocol(OUTLINE)
    with LoopbackServer(protocol) as server:
        reward_model = run(server, lambda critic: critic.watch([video], BRIEF))
    [uploaded] = protocol.uploaded
    with av.open(io.BytesIO(uploaded)) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert {colour_of(image) for image in images} == {2, 3} and all(map(strip_is_black, images))
    assert "startOffset" not in json.dumps(questions(server.calls)[0])
    assert reward_model.outline[0].time == 3.0


def test_frames_can_be_shown_instead(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", seconds=3)
    with LoopbackServer(GeminiProtocol(OUTLINE)) as server:
        run(server, lambda critic: critic.watch([video], BRIEF), see="frames")
    assert json.dumps(questions(server.calls)[0]).count('"inlineData"') == 3


def test_what_a_video_takes_is_counted_before_it_is_spent(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4")

    async def use(critic: Gemini) -> RewardModel:
        critic.budget = Budget(Prices({"gemini-test": Price(input=1.0, output=0)}), limit=0.2)
        return await critic.watch([video], BRIEF)

    with LoopbackServer(GeminiProtocol(OUTLINE)) as server:
        with pytest.raises(CriticFailure, match=r"500,000 tokens, \$0\.50, and of the budget \$0\.20 is left"):
            run(server, use)
        assert questions(server.calls) == []


LONG = RewardModel(outline=[OutlineStep(cue=f"Room {number} " + "x" * 80, action="north") for number in range(300)])


async def judged(critic: Gemini) -> None:
    judge = critic.judge(LONG)
    judge.observe(None, Observation("Room 1"), ["north"])
    await judge.review()
    judge.observe("north", Observation("Room 2"), ["north"])
    await judge.review()


REVIEW = json.dumps({"reward": 1, "reason": "", "possible_actions": ["north"], "recommended_action": "north"})


def test_the_judges_outline_is_kept_in_a_cached_context() -> None:
    with LoopbackServer(GeminiProtocol(REVIEW)) as server:
        run(server, judged, judge="model")
    [created] = [call.json for call in server.posts if plain_path(call) == "/cachedContents"]
    assert "Room 299" in json.dumps(created) and created["ttl"] == "3600s"
    first, second = questions(server.calls)
    assert first["cachedContent"] == second["cachedContent"] == "cachedContents/kept-1"
    assert "systemInstruction" not in first
    assert server.calls[-1].method == "DELETE" and "kept-1" in server.calls[-1].path


def test_a_model_that_keeps_no_context_is_told_the_outline_each_time() -> None:
    with LoopbackServer(GeminiProtocol(REVIEW, caches=False)) as server:
        run(server, judged, judge="model")
    assert len([call for call in server.posts if plain_path(call) == "/cachedContents"]) == 1
    assert all("Room 299" in json.dumps(question["systemInstruction"]) for question in questions(server.calls))


def test_a_context_that_ran_out_is_made_anew() -> None:
    protocol = GeminiProtocol(REVIEW)
    gone: list[bool] = []

    def forgetful(call: Any) -> Answer:
        if ":generateContent" in call.path and not gone:
            gone.append(True)
            return Answer(403, {"error": {"code": 403, "message": "CachedContent not found"}})
        return protocol(call)

    with LoopbackServer(forgetful) as server:
        run(server, judged, judge="model")
    assert len([call for call in server.posts if plain_path(call) == "/cachedContents"]) == 2


def test_a_video_that_cannot_be_processed_is_one_clear_line(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", seconds=1)
    protocol = GeminiProtocol(OUTLINE)

    def failing(call: Any) -> Answer:
        if call.method == "GET":
            return Answer(content={"name": "files/video-1", "state": "FAILED"})
        return protocol(call)

    with LoopbackServer(failing) as server, pytest.raises(CriticFailure, match="could not be processed"):
        run(server, lambda critic: critic.watch([video], BRIEF))


def test_wrong_arguments_are_one_clear_line() -> None:
    with pytest.raises(PluginError, match="resolution is one of low, medium, high"):
        Gemini(base_url="http://localhost", resolution="best")
