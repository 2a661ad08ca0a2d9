"""The openai critic, and with it the core of all critics that ask a model, against a real HTTP server and real
video files: what the model is shown, what it is never shown, and what becomes of its answers."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from lookalike_bench.engine.cache import ResponseCache
from lookalike_bench.engine.engine import Engine
from lookalike_bench.engine.manifest import make_manifest
from lookalike_bench.engine.models import Models
from lookalike_bench.engine.plan import plan
from lookalike_bench.engine.prices import Budget, Price, Prices
from lookalike_bench.engine.remote import Transport
from lookalike_bench.errors import CriticFailure, PluginError
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.records.store import Run
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.tasks.task import load_task
from lookalike_bench.types import Brief, Description, Judgement, Observation, Usage
from lookalike_plugins.critics.openai import OpenAI
from PIL import Image

from tests.conftest import FAKE_PLUGINS
from tests.lookalike_plugins.critics.small_video import STRIP, colour_of, strip_is_black, write_video
from tests.loopback_server import Answer, Call, LoopbackServer, chat_answer, chat_protocol

BRIEF = Brief("zork", "reach a score of 40", "Zork I, a text adventure.")
QUICK = Transport(timeout=5, attempts=2, backoff=0.01)
STEP = {
    "time": 1.0,
    "cue": "West of House. You are standing in an open field.",
    "action": " go   north ",
    "outcome": "North of House. You are facing the north side.",
    "milestone": "",
    "weight": 1.0,
}
OUTLINE = {"steps": [STEP], "rules": ["Go round the house."], "vocabulary": ["go", "north"]}


pytestmark = pytest.mark.skipif(find_spec("aiohttp") is None, reason="the openai extra is not installed")


def run(server: LoopbackServer, use: Callable[[OpenAI], Any], **arguments: Any) -> Any:
    """What an awaitable that is made with a fresh critic gives."""

    async def play() -> Any:
        critic = OpenAI(base_url=f"{server.url}/v1", **arguments)
        critic.transport = QUICK
        try:
            return await use(critic)
        finally:
            await critic.close()

    return asyncio.run(play())


def shown(call: Call, kind: str) -> list[bytes]:
    """The pictures or videos in a call, as bytes."""
    content = call.json["messages"][1]["content"]
    return [base64.b64decode(part[kind]["url"].partition("base64,")[2]) for part in content if part["type"] == kind]


def told(call: Call) -> str:
    """All the text in a call."""
    system, user = (message["content"] for message in call.json["messages"])
    return "\n".join([system, *(part["text"] for part in user if part["type"] == "text")])


def test_frames_are_shown_with_their_times_and_the_mask(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", mask_top=STRIP, start=1.0, end=4.0)
    with LoopbackServer(chat_protocol(json.dumps(OUTLINE))) as server:
        reward_model: RewardModel = run(server, lambda critic: critic.watch([video], BRIEF))
    [call] = server.posts
    pictures = [Image.open(io.BytesIO(picture)) for picture in shown(call, "image_url")]
    assert [colour_of(picture) for picture in pictures] == [1, 2, 3]
    assert all(strip_is_black(picture) for picture in pictures)
    assert [f"At {second}.0 s:" in told(call) for second in range(6)] == [False, True, True, True, False, False]
    assert "Zork I, a text adventure." in told(call) and "reach a score of 40" in told(call)
    assert call.json["response_format"]["json_schema"]["strict"] is True
    [step] = reward_model.outline
    assert (step.action, step.time, step.video) == ("go north", 1.0, 0)
    assert reward_model.rules == ["Go round the house."] and reward_model.vocabulary == ["go", "north"]
    provenance = reward_model.provenance
    assert provenance["model"] == "test-model" and provenance["videos"][0]["sha256"] == video.sha256
    assert provenance["prompt_tokens"] == 100 and set(provenance["prompts"]) == {"watch", "judge", "describe"}


def test_vllm_is_shown_a_video_that_holds_nothing_else(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", mask_top=STRIP, start=2.0, end=4.0)
    with LoopbackServer(chat_protocol(json.dumps(OUTLINE), owner="vllm")) as server:
        reward_model = run(server, lambda critic: critic.watch([video], BRIEF))
    [clip] = shown(server.posts[0], "video_url")
    with av.open(io.BytesIO(clip)) as container:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert {colour_of(image) for _, image in frames} == {2, 3}
    assert all(strip_is_black(image) for _, image in frames)
    assert 1.5 < frames[-1][0] < 2.0
    # The model counted from the beginning of the clip, which is at 2 s of the file.
    assert reward_model.outline[0].time == 3.0


def test_a_video_without_mask_or_cut_goes_as_it_is(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4")
    with LoopbackServer(chat_protocol(json.dumps(OUTLINE), owner="vllm")) as server:
        run(server, lambda critic: critic.watch([video], BRIEF))
    assert shown(server.posts[0], "video_url") == [video.path.read_bytes()]


def test_a_long_video_is_shown_in_windows(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4")
    with LoopbackServer(chat_protocol(json.dumps(OUTLINE))) as server:
        reward_model = run(server, lambda critic: critic.watch([video], BRIEF), frames=2)
    assert [len(shown(call, "image_url")) for call in server.posts] == [2, 2, 2]
    assert "Already written down" not in told(server.posts[0])
    assert "Already written down, so not to be repeated: go north (1 s)" in told(server.posts[1])
    assert len(reward_model.outline) == 3
    with LoopbackServer(chat_protocol(json.dumps(OUTLINE), owner="vllm")) as server:
        run(server, lambda critic: critic.watch([video], BRIEF), window=2)
    assert len(server.posts) == 3


def test_the_suites_own_judge_follows_the_outline_for_nothing(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4")

    async def use(critic: OpenAI) -> tuple[Judgement, Judgement]:
        judge = critic.judge(await critic.watch([video], BRIEF))
        judge.observe(None, Observation(STEP["cue"]), ["go north", "go south"])
        before = await judge.review()
        judge.observe("go north", Observation(STEP["outcome"]), ["go south"])
        return before, await judge.review()

    with LoopbackServer(chat_protocol(json.dumps(OUTLINE))) as server:
        before, after = run(server, use)
    assert before.recommended == "go north" and after.reward > 0
    assert len(server.posts) == 1


def judging(body: Any) -> str:
    """A model that likes north, and says so in JSON with a fence around it."""
    question = body["messages"][1]["content"][-1]["text"]
    if "Judge each" in question:
        listed = [line.split(". ", 1)[1] for line in question.splitlines() if line[:1].isdigit()]
        rewards = [{"action": a, "reward": 9.0 if a == "north" else -0.5, "reason": "so"} for a in reversed(listed)]
        return json.dumps({"judgements": rewards})
    review = {"reward": 0.5, "reason": "ok", "possible_actions": ["south", "up"], "recommended_action": "north"}
    return f"Here you are:\n```json\n{json.dumps(review)}\n```"


def test_a_model_that_judges_each_step_reads_the_outline_first_and_the_question_last() -> None:
    reward_model = RewardModel(
        provenance={"brief": {"task": "zork", "goal": "win"}},
        outline=[{"cue": "West of House", "action": "north"}],  # type: ignore[list-item]
    )

    async def use(critic: OpenAI) -> list[Any]:
        judge = critic.judge(reward_model)
        judge.observe(None, Observation("West of House", score=17), ["north", "south"])
        start = await judge.review()
        proposals = await judge.judge(["south", "north"])
        judge.observe("north", Observation("North of House", score=23), ["up"])
        return [start, proposals, await judge.review(), judge.usage]

    with LoopbackServer(chat_protocol(judging)) as server:
        start, proposals, review, usage = run(server, use, judge="model")
    assert start == Judgement(0.0, "ok", ("north", "south", "up"), "north")
    assert [judgement.reward for judgement in proposals] == [-0.5, 1.0]
    assert review.reward == 0.5
    assert usage == Usage(300, 270, 9)
    systems = {call.json["messages"][0]["content"] for call in server.posts}
    assert len(systems) == 1 and "> north" in systems.pop()
    texts = [told(call) for call in server.posts]
    assert texts[2].partition("Judge the last")[0].startswith(texts[0].partition("Nothing was played")[0].rstrip())
    assert not any("17" in text or "23" in text for text in texts)


def test_a_proposal_that_is_left_unjudged_is_an_error() -> None:
    half = json.dumps({"judgements": [{"action": "up", "reward": 1, "reason": ""}]})

    async def use(critic: OpenAI) -> None:
        judge = critic.judge(RewardModel())
        judge.observe(None, Observation("West of House"), [])
        await judge.judge(["south", "north"])

    with LoopbackServer(chat_protocol(half)) as server, pytest.raises(CriticFailure, match="judged 1 actions of 2"):
        run(server, use, judge="model")


def test_an_answer_that_does_not_fit_is_repaired_once(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", seconds=1)
    with LoopbackServer(chat_protocol(json.dumps(OUTLINE))) as server:
        server.next(Answer(content=chat_answer('{"steps": [{"time": "soon"}]}')))
        run(server, lambda critic: critic.watch([video], BRIEF))
    assert "steps.0.time" in told(server.posts[1]) and '{"steps": [{"time": "soon"}]}' in told(server.posts[1])
    wrong = pytest.raises(CriticFailure, match="does not answer in the form")
    with LoopbackServer(chat_protocol("I saw a house.")) as server, wrong:
        run(server, lambda critic: critic.watch([video], BRIEF))
    assert len(server.posts) == 2


def test_a_server_without_schemas_is_asked_in_words(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", seconds=1)

    def protocol(call: Call) -> Answer:
        if call.method == "POST" and "response_format" in call.json:
            return Answer(400, {"error": {"message": "unknown field response_format"}})
        return chat_protocol(json.dumps(OUTLINE))(call)

    with LoopbackServer(protocol) as server:
        run(server, lambda critic: critic.watch([video], BRIEF))
    assert "JSON of this schema" not in told(server.posts[0])
    assert "JSON of this schema" in told(server.posts[1])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(500, {}), "HTTP 500"),
        (Answer(400, {"error": {"message": "image input is not supported"}}), "image input is not supported"),
        (Answer(content=chat_answer(None, refusal="No.")), "refuses: No."),
        (Answer(content=chat_answer(json.dumps({**OUTLINE, "steps": []}))), "saw no action"),
    ],
)
def test_failures_are_the_critics_and_one_line(tmp_path: Path, answer: Answer, message: str) -> None:
    video = write_video(tmp_path / "play.mp4", seconds=1)
    with LoopbackServer(chat_protocol("")) as server:
        server.next(*[answer] * 3)
        with pytest.raises(CriticFailure, match=message) as failure:
            run(server, lambda critic: critic.watch([video], BRIEF))
    assert "\n" not in str(failure.value)


def test_what_was_asked_before_is_not_asked_again_and_only_calls_cost(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4", seconds=2)
    cache = ResponseCache(tmp_path / "responses.sqlite3")
    budget = Budget(Prices({"test-model": Price(input=1e4, output=0)}))

    async def use(critic: OpenAI) -> RewardModel:
        critic.cache, critic.budget = cache, budget
        return await critic.watch([video], BRIEF)

    with LoopbackServer(chat_protocol(json.dumps(OUTLINE))) as server:
        first, second = (run(server, use) for _ in range(2))
        assert first.outline == second.outline and len(server.posts) == 1
        assert budget.spent == pytest.approx(1.0)
        run(server, use, fps=2.0)
    assert len(server.posts) == 2


def test_a_picture_is_put_into_words() -> None:
    with LoopbackServer(chat_protocol('{"description": "A maze."}')) as server:
        words = run(server, lambda critic: critic.describe(np.zeros((64, 64, 3), np.uint8)))
    assert words == Description("A maze.", Usage(100, 90, 3)) and len(shown(server.posts[0], "image_url")) == 1


@pytest.mark.parametrize("judge", ["outline", "model"])
def test_a_game_of_pictures_is_played_by_what_the_model_sees(tmp_path: Path, judge: str, own_cache: Path) -> None:
    """A whole run over HTTP: the model watches, describes every picture, and its words are the player's eyes."""

    def model(body: Any) -> str:
        content = body["messages"][1]["content"]
        form = body["response_format"]["json_schema"]["name"]
        if form == "WrittenDescription":
            [picture] = [part for part in content if part["type"] == "image_url"]
            encoded = picture["image_url"]["url"].partition("base64,")[2]
            row = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("L"))[32]
            return json.dumps({"description": f"A dot at {round(float((row > 128).nonzero()[0].mean() + 0.5))}."})
        if form == "WrittenOutline":
            steps = [{**STEP, "cue": f"A dot at {place}.", "action": "right"} for place in range(10, 60, 4)]
            return json.dumps({**OUTLINE, "steps": steps})
        if form == "Rewards":
            return json.dumps({"judgements": [{"action": "right", "reward": 1, "reason": "on"}] * len(content)})
        review = {"reward": 1, "reason": "", "possible_actions": ["right", "left"], "recommended_action": "right"}
        return json.dumps(review)

    write_video(tmp_path / "lane.mp4", seconds=1)
    with LoopbackServer(chat_protocol(model)) as server:
        task = tmp_path / "lane.yaml"
        task.write_text(
            f"name: lane\nenvironment: {{plugin: lane}}\nvideos: [{{file: lane.mp4}}]\n"
            "goal: {level_complete: true}\nmax_steps: 20\nseeds: 0\nplayer: {plugin: believer}\n"
            f"critic: {{plugin: openai, base_url: '{server.url}/v1', judge: {judge}}}\nvariants: {{single: {{}}}}\n"
        )
        plugins = load_plugins([FAKE_PLUGINS])
        run_ = Run(tmp_path / "run")
        played = load_task(task)
        run_.write_manifest(make_manifest([played], plugins))
        with Engine(run_, plugins, models=Models(transport=QUICK)) as engine:
            [end] = [engine.submit(episode).result(60) for episode in plan([played])]
    assert end.status == "scored" and end.success, end.error
    [episode] = run_.episodes()
    assert episode.header.observation is not None
    seen = [episode.header.observation, *(step.observation for step in episode.steps)]
    assert [look.description for look in seen[:3]] == ["A dot at 10.", "A dot at 14.", "A dot at 18."]
    looks = [call for call in server.posts if shown(call, "image_url") and "Put this picture" in told(call)]
    assert len(looks) == len(seen)
    assert end.usage.completion_tokens >= 3 * len(looks)
    if judge == "model":
        last = next(told(call) for call in reversed(server.posts) if "Judge the last action" in told(call))
        assert "> right\n\nFrame 4.\n\nA dot at 14." in last


def test_prompts_can_be_replaced_and_are_part_of_the_identity(tmp_path: Path) -> None:
    (tmp_path / "describe.md").write_text("Only colours, please.")
    with LoopbackServer(chat_protocol('{"description": "Red."}')) as server:
        run(server, lambda critic: critic.describe(np.zeros((8, 8, 3), np.uint8)), prompts=str(tmp_path))
        assert "Only colours, please." in told(server.posts[0])
        own = OpenAI(base_url=server.url, prompts=str(tmp_path)).identity["prompts"]
        built_in = OpenAI(base_url=server.url).identity["prompts"]
    assert own["describe"] != built_in["describe"] and own["watch"] == built_in["watch"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"judge": "nobody"}, "judge is one of outline, model"),
        ({"see": "nothing"}, "see is one of auto, video, frames"),
        ({"fps": 0}, "fps must be above 0"),
        ({"prompts": "/no/such/folder"}, "there is no folder"),
    ],
)
def test_wrong_arguments_are_one_clear_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        OpenAI(base_url="http://localhost", **arguments)
