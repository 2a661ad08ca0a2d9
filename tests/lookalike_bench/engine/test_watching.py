"""From videos to a reward model: what does not belong to the task is refused, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from lookalike_bench.cli.main import main
from lookalike_bench.engine.watching import failed_play, open_videos, watch
from lookalike_bench.errors import VideoError
from lookalike_bench.plugins.manager import PluginManager, load_plugins
from lookalike_bench.tasks.task import Task, load_task

from tests.conftest import FAKE_PLUGINS, write_task

SHORTSIGHTED = """
from lookalike_bench.errors import CriticFailure
from lookalike_bench.plugins import hookimpl
from lookalike_bench.plugins.critic import Critic, Judge
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.types import Judgement


class Shortsighted(Critic):
    def __init__(self, broken=False):
        self.broken = broken

    async def watch(self, videos, brief):
        return RewardModel(rules=["Go."])

    def judge(self, reward_model):
        return ShortsightedJudge(self.broken)


class ShortsightedJudge(Judge):
    def __init__(self, broken):
        self.broken = broken

    def observe(self, action, observation, actions):
        assert actions == ["west", "wait", "east"] and "0 steps" in observation.text
        raise ValueError("oops") if self.broken else CriticFailure("this is not what was watched")

    async def judge(self, proposals):
        return [Judgement(0.0) for _ in proposals]

    async def review(self):
        return Judgement(0.0)


@hookimpl
def lookalike_critics():
    return {"shortsighted": Shortsighted}
"""


def plugins(*files: Path) -> PluginManager:
    return load_plugins([FAKE_PLUGINS, *files])


def demonstration_task(folder: Path, video: str, plays: str) -> Task:
    """A task that shows a walk through the corridor as its demonstration."""
    recorded = {"environment": {"plugin": "corridor"}, "seed": 0, "origin": "scripted", "actions": ["east", "east"]}
    (folder / "play.json").write_text(json.dumps(recorded))
    write_task(folder, f"videos: [{video}]\nenvironment: {plays}", without=("videos", "environment"))
    return load_task(folder / "corridor.yaml")


def test_a_demonstration_of_another_game_is_refused(tmp_path: Path, own_cache: Path) -> None:
    task = demonstration_task(tmp_path, "{demonstration: play.json}", "{plugin: adventure}")
    with pytest.raises(VideoError, match=r"play\.json: was played in corridor, not in .*adventure") as caught:
        open_videos(task, task.file.videos, plugins())
    assert "\n" not in str(caught.value)
    assert not list(own_cache.glob("videos/*.mp4"))


def test_a_demonstration_of_another_game_is_shown_where_the_task_says_so(tmp_path: Path, own_cache: Path) -> None:
    shown = "{demonstration: play.json, environment: {plugin: corridor}}"
    task = demonstration_task(tmp_path, shown, "{plugin: adventure}")
    [video] = open_videos(task, task.file.videos, plugins())
    assert video.path.exists() and video.origin == "scripted"


@pytest.mark.usefixtures("procgen")
def test_a_demonstration_in_another_mode_is_refused_and_one_played_by_hand_is_not(
    tmp_path: Path, own_cache: Path
) -> None:
    (tmp_path / "play.json").write_text("{}")
    task = demonstration_task(tmp_path, "{demonstration: play.json}", "{plugin: procgen, game: maze, hold: 4}")
    recorded = {"seed": 3, "origin": "human", "actions": ["up"]}
    for environment in ({"mode": "hard", "hold": 1}, {"mode": "easy", "hold": 1}):
        recorded["environment"] = {"plugin": "procgen", "game": "maze", **environment}
        (tmp_path / "play.json").write_text(json.dumps(recorded))
        if environment["mode"] == "hard":
            with pytest.raises(VideoError, match="was played in procgen-maze-hard-hold-1, not in procgen-maze-easy"):
                open_videos(task, task.file.videos, plugins())
        else:
            assert len(open_videos(task, task.file.videos, plugins())) == 1


def test_a_damaged_reward_model_costs_another_look(tmp_path: Path, own_cache: Path) -> None:
    task = load_task(write_task(tmp_path))
    first = asyncio.run(watch(plugins(), task, task.file.critic, []))
    assert asyncio.run(watch(plugins(), task, task.file.critic, [])).from_cache
    first.path.with_suffix(".npz").write_bytes(b"PK")
    assert not asyncio.run(watch(plugins(), task, task.file.critic, [])).from_cache


def test_play_that_came_to_nothing_is_told(tmp_path: Path, own_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = demonstration_task(tmp_path, "{demonstration: play.json}", "{plugin: corridor, length: 2}")
    recorded = json.loads((tmp_path / "play.json").read_text())
    told = []
    for steps, complete in ((1, False), (2, True)):
        recorded |= {"environment": {"plugin": "corridor", "length": 2}, "actions": ["east"] * steps}
        recorded["result"] = {"steps": steps, "score": steps, "complete": complete}
        (tmp_path / "play.json").write_text(json.dumps(recorded))
        told.append(failed_play(task, open_videos(task, task.file.videos, plugins())))
    assert told[1] == [] and "the play in it does not reach the goal" in told[0][0]


def test_what_a_judge_refuses_at_first_sight_is_known_before_anything_is_spent(
    tmp_path: Path, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short.py").write_text(SHORTSIGHTED)
    path = write_task(tmp_path, "critic: {plugin: shortsighted}", without=("critic",))
    task = load_task(path)
    for _ in range(2):
        with pytest.raises(VideoError, match=r"corridor\.yaml: videos: this is not what was watched \(corridor\)"):
            asyncio.run(watch(plugins(tmp_path / "short.py"), task, task.file.critic, []))
        assert not list(own_cache.glob("reward-models/*.yaml")), "nothing that was refused is kept"
    code = main(["watch", str(path), "--plugin", str(FAKE_PLUGINS), "--plugin", str(tmp_path / "short.py")])
    assert code == 2
    assert "this is not what was watched" in capsys.readouterr().err


def test_a_broken_judge_is_left_to_the_episodes(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "short.py").write_text(SHORTSIGHTED)
    task = load_task(write_task(tmp_path, "critic: {plugin: shortsighted, broken: true}", without=("critic",)))
    assert not asyncio.run(watch(plugins(tmp_path / "short.py"), task, task.file.critic, [])).from_cache
