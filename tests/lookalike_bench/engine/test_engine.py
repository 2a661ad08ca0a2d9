"""The engine on the corridor: what is played, what is recorded, what fails and what is resumed."""

from __future__ import annotations

import ast
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lookalike_bench.engine.engine import Engine
from lookalike_bench.engine.manifest import make_manifest
from lookalike_bench.engine.plan import plan
from lookalike_bench.plugins.manager import PluginManager, load_plugins
from lookalike_bench.records.prompts import prompts
from lookalike_bench.records.schema import EpisodeEnd
from lookalike_bench.records.store import Run, partial_path, read_episode
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.tasks.task import Task, load_task

from tests.conftest import FAKE_PLUGINS, write_task
from tests.fake_plugins import EastJudge

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def plugins() -> PluginManager:
    return load_plugins([FAKE_PLUGINS])


def play(folder: Path, task: Task, plugins: PluginManager, *, resume: bool = False) -> tuple[Run, list[EpisodeEnd]]:
    run = Run(folder / "run")
    run.write_manifest(make_manifest([task], plugins))
    with Engine(run, plugins, resume=resume) as engine:
        return run, [future.result(60) for future in [engine.submit(episode) for episode in plan([task])]]


def test_the_method_plays_and_the_records_tell_it(tmp_path: Path, plugins: PluginManager) -> None:
    task = load_task(write_task(tmp_path))
    run, ends = play(tmp_path, task, plugins)
    assert [end.status for end in ends] == ["scored"] * 9
    episodes = {episode.key: episode for episode in run.episodes()}
    for seed in range(3):
        for variant in ("single", "swarm"):
            end = episodes["corridor", variant, seed].end
            assert end is not None and (end.success, end.steps, end.progress) == (True, 4, 1.0)
    swarm = episodes["corridor", "swarm", 0]
    assert [proposal.member for proposal in swarm.steps[0].proposals] == [0, 1, 2]
    assert len({proposal.seed for step in swarm.steps for proposal in step.proposals}) == 12
    assert swarm.steps[0].proposals[0].judgement is not None
    assert swarm.header.roles and swarm.header.reward_model
    assert swarm.end is not None and swarm.end.usage.prompt_tokens == 1200
    baseline = episodes["corridor", "baseline", 0]
    assert baseline.steps[0].review is None and baseline.header.critic is None


def test_every_variant_and_control_plays(tmp_path: Path, plugins: PluginManager) -> None:
    names = "baseline single swarm independent same-temperature retry no-memory score-only random-critic random-player"
    changes = "variants: {" + ", ".join(f"{name}: {{}}" for name in (names + " replay").split())
    changes += ", parallel: {method: swarm, mode: parallel, members: 3}}"
    changes += "\ngoal: {score: 4}\nseeds: 0"
    task = load_task(write_task(tmp_path, changes, without=("variants", "goal", "seeds")))
    run, ends = play(tmp_path, task, plugins)
    by_name = dict(zip((variant.name for variant in task.variants), ends, strict=True))
    assert {name: end.error for name, end in by_name.items() if end.status == "errored"} == {}
    assert by_name["replay"].success and by_name["parallel"].success
    independent = read_episode(run.episode_path("corridor", "independent", 0))
    assert independent is not None
    assert {step.copy_index for step in independent.steps} == set(range(5))
    assert all("Pay attention" not in message.content for *_, sent in prompts(independent) for message in sent)
    score_only = read_episode(run.episode_path("corridor", "score-only", 0))
    assert score_only is not None
    assert all("recommends:" not in message.content for *_, sent in prompts(score_only) for message in sent)
    assert any("The expert" in message.content for *_, sent in prompts(score_only) for message in sent)


def test_the_record_says_what_was_sent(tmp_path: Path, plugins: PluginManager, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "sent.txt"
    monkeypatch.setenv("FAKE_PLAYER_LOG", str(log))
    changes = "variants: {swarm: {members: 3}}\nseeds: 0\nhistory: 2\ngoal: {score: 9}\nmax_steps: 8"
    changes += "\nenvironment: {plugin: corridor, length: 9}"
    without = ("variants", "seeds", "goal", "max_steps", "environment")
    run, _ = play(tmp_path, load_task(write_task(tmp_path, changes, without=without)), plugins)
    sent = [ast.literal_eval(line) for line in log.read_text().splitlines()]
    [episode] = run.episodes()
    recorded = [[(message.role, message.content) for message in messages] for *_, messages in prompts(episode)]
    assert recorded == sent
    assert len(sent) == 24


def test_prompts_only_grow(tmp_path: Path, plugins: PluginManager) -> None:
    run, _ = play(tmp_path, load_task(write_task(tmp_path)), plugins)
    episode = read_episode(run.episode_path("corridor", "swarm", 0))
    assert episode is not None
    first_member = [messages for _, _, member, messages in prompts(episode) if member == 0]
    for before, after in itertools.pairwise(first_member):
        assert after[: len(before) - 1] == before[:-1]
        # The last message of the step before, without its tail, begins the same message now.
        assert before[-1].content.startswith(after[len(before) - 1].content)


def test_the_same_seed_gives_the_same_episode(tmp_path: Path, plugins: PluginManager) -> None:
    task = load_task(write_task(tmp_path))
    first, _ = play(tmp_path / "a", task, plugins)
    second, _ = play(tmp_path / "b", task, plugins)
    for one, other in zip(first.episodes(), second.episodes(), strict=True):
        assert [step.model_copy(update={"seconds": 0}) for step in one.steps] == [
            step.model_copy(update={"seconds": 0}) for step in other.steps
        ]


def test_episodes_wait_together(tmp_path: Path, plugins: PluginManager) -> None:
    player = PluginSpec.model_validate({"plugin": "believer", "together": 8})
    task = load_task(write_task(tmp_path)).with_options(variants=["single"], seeds=list(range(8)), player=player)
    _, ends = play(tmp_path, task, plugins)
    assert [(end.status, end.error) for end in ends] == [("scored", None)] * 8


def test_a_failing_player_is_an_error_and_not_a_score(tmp_path: Path, plugins: PluginManager) -> None:
    failing = PluginSpec.model_validate({"plugin": "believer", "fail_at": 3})
    task = load_task(write_task(tmp_path)).with_options(variants=["single"], seeds=[0], player=failing)
    run, [end] = play(tmp_path, task, plugins)
    assert (end.status, end.success, end.progress, end.score) == ("errored", None, None, None)
    assert end.error == "PlayerFailure: the server answered 500"
    assert end.steps == 2
    [episode] = run.episodes()
    assert len(episode.steps) == 2


@pytest.mark.parametrize(
    ("player", "critic", "error"),
    [
        ({"plugin": "believer", "broken": True}, {"plugin": "east"}, "PlayerFailure: the server refused"),
        ({"plugin": "believer"}, {"plugin": "east", "broken": True}, "CriticFailure: the model saw nothing"),
    ],
)
def test_what_fails_before_the_first_step_is_on_record(
    tmp_path: Path, plugins: PluginManager, player: dict[str, object], critic: dict[str, object], error: str
) -> None:
    task = load_task(write_task(tmp_path)).with_options(
        variants=["single"], player=PluginSpec.model_validate(player), critic=PluginSpec.model_validate(critic)
    )
    run, ends = play(tmp_path, task, plugins)
    assert [end.error is not None and end.error.startswith(error) for end in ends] == [True] * 3
    assert all(episode.header.observation is None for episode in run.episodes())


@pytest.mark.parametrize("praise", [1.2, float("nan")])
def test_a_reward_out_of_bounds_is_the_critics_failure(
    tmp_path: Path, plugins: PluginManager, monkeypatch: pytest.MonkeyPatch, praise: float
) -> None:
    monkeypatch.setattr(plugins.find("critic", "east").load(), "judge", lambda *_: EastJudge(praise))
    task = load_task(write_task(tmp_path)).with_options(variants=["swarm"], seeds=[0])
    _, [end] = play(tmp_path, task, plugins)
    assert end.error == f"CriticFailure: the critic gave a reward of {praise:g}: expected a number from -1 to 1"


def test_a_crash_of_the_environment_costs_its_episode_only(tmp_path: Path, plugins: PluginManager) -> None:
    changes = "environment: {plugin: corridor, crash_at: 2}"
    task = load_task(write_task(tmp_path, changes, without=("environment",))).with_options(variants=["single"])
    _, ends = play(tmp_path, task, plugins)
    assert [end.status for end in ends] == ["errored"] * 3
    assert all("EnvironmentFailure" in (end.error or "") for end in ends)


def test_what_an_earlier_run_finished_is_not_played_again(tmp_path: Path, plugins: PluginManager) -> None:
    task = load_task(write_task(tmp_path))
    run, before = play(tmp_path, task, plugins)
    times = {episode.path: episode.path.stat().st_mtime_ns for episode in run.episodes()}
    _, after = play(tmp_path, task, plugins, resume=True)
    assert after == before
    assert times == {episode.path: episode.path.stat().st_mtime_ns for episode in run.episodes()}


def test_an_errored_episode_is_played_again_on_resume(tmp_path: Path, plugins: PluginManager) -> None:
    task = load_task(write_task(tmp_path)).with_options(variants=["single"], seeds=[0])
    failing = task.with_options(player=PluginSpec.model_validate({"plugin": "believer", "fail_at": 3}))
    _, [end] = play(tmp_path, failing, plugins)
    assert end.status == "errored"
    _, [end] = play(tmp_path, task, plugins, resume=True)
    assert (end.status, end.success) == ("scored", True)


LANE = """
environment: {plugin: lane}
goal: {level_complete: true}
critic: {plugin: onlooker}
max_steps: 20
seeds: 0
variants: {baseline: {}, single: {}, swarm: {members: 3, mode: parallel}}
"""
IN_LANE = ("environment", "goal", "critic", "max_steps", "seeds", "variants")


def test_a_player_reads_what_the_critic_sees(tmp_path: Path, plugins: PluginManager) -> None:
    run, _ = play(tmp_path, load_task(write_task(tmp_path, LANE, without=IN_LANE)), plugins)
    blind, single, swarm = run.episodes()
    assert single.end is not None and single.end.success
    assert single.header.observation is not None and single.header.observation.description == "A dot at 10."
    seen = [step.observation.description for step in single.steps]
    assert seen == [f"A dot at {min(60, 10 + 4 * step)}." for step in range(1, 14)]
    # It stands in the prompt, under the environment's own text, and the outline's cues were found by it.
    last = list(prompts(single))[-1][3]
    assert last[1].content.startswith("Frame 0.\n\nA dot at 10.")
    assert last[3].content.startswith("Frame 4.\n\nA dot at 14.\n\nThe expert rewards the last step")
    # A look costs, the first one too.
    assert [step.judging and step.judging.completion_tokens for step in single.steps] == [10] + [5] * 12
    assert {step.observation.description for step in blind.steps} == {""}
    assert not any("A dot" in message.content for *_, sent in prompts(blind) for message in sent)
    assert all(step.observation.description for step in swarm.steps)


def test_a_resumed_episode_is_not_looked_at_again(tmp_path: Path, plugins: PluginManager) -> None:
    task = load_task(write_task(tmp_path, LANE, without=IN_LANE)).with_options(variants=["single"])
    run, _ = play(tmp_path, task, plugins)
    path = run.episode_path("corridor", "single", 0)
    lines = path.read_text().splitlines(keepends=True)
    partial_path(path).write_text("".join(lines[:4]))
    path.unlink()
    other = task.with_options(critic=PluginSpec.model_validate({"plugin": "onlooker", "says": "There is"}))
    play(tmp_path, other, plugins, resume=True)
    episode = read_episode(path)
    assert episode is not None and episode.end is not None and episode.end.status == "scored"
    seen = [step.observation.description for step in episode.steps]
    assert seen[:4] == ["A dot at 14.", "A dot at 18.", "A dot at 22.", "There is 26."]
    conversation = "".join(message.content for message in list(prompts(episode))[-1][3])
    assert "A dot at 10." in conversation and "There is 10." not in conversation
    assert sum(step.judging.completion_tokens for step in episode.steps if step.judging) == 5 * (len(seen) + 1)


SCRIPT = """
import sys
from pathlib import Path
from lookalike_bench.engine.engine import Engine
from lookalike_bench.engine.plan import plan
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.records.store import Run
from lookalike_bench.tasks.task import load_task
task = load_task(Path(sys.argv[1])).with_options(variants=["swarm"], seeds=[0])
if __name__ == "__main__":
    with Engine(Run(Path(sys.argv[2])), load_plugins([sys.argv[3]]), resume=True) as engine:
        for future in [engine.submit(episode) for episode in plan([task])]:
            print(future.result())
"""


def test_a_killed_episode_goes_on_where_it_was(tmp_path: Path, plugins: PluginManager) -> None:
    """After `kill -9`: no step is lost, no call is repeated, and the episode is the one that it would have been."""
    changes = "environment: {plugin: corridor, length: 30}\nmax_steps: 40\nplayer: {plugin: believer, wait: 0.05}"
    path = write_task(tmp_path, changes, without=("environment", "max_steps", "player"))
    script = tmp_path / "play.py"
    script.write_text(SCRIPT)
    log = tmp_path / "sent.txt"
    command = [sys.executable, str(script), str(path), str(tmp_path / "run"), str(FAKE_PLUGINS)]
    environment = {**os.environ, "FAKE_PLAYER_LOG": str(log)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    partial = tmp_path / "run" / "episodes" / "corridor" / "swarm" / "seed-0.jsonl.partial"
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not (partial.exists() and partial.read_bytes().count(b"\n") > 8):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The kill may fall within a write: a torn last line is dropped.
    with partial.open("ab") as file:
        file.write(b'{"type": "step", "st')
    interrupted = read_episode(partial)
    assert interrupted is not None and 0 < len(interrupted.steps) < 30
    calls_before = len(log.read_text().splitlines())
    subprocess.run(command, env=environment, check=True, capture_output=True)
    episode = read_episode(partial.with_suffix(""))
    assert episode is not None and episode.end is not None
    assert (episode.end.success, episode.end.steps, episode.end.resumed) == (True, 30, 1)
    assert [step.step for step in episode.steps] == list(range(1, 31))
    assert episode.end.usage.prompt_tokens == 30 * 3 * 100
    # Three members a step; the step that was under way when the kill came may have been asked twice.
    assert len(log.read_text().splitlines()) - calls_before <= 3 * (30 - len(interrupted.steps))
    task = load_task(path).with_options(variants=["swarm"], seeds=[0])
    whole, _ = play(tmp_path / "whole", task, plugins)
    [uninterrupted] = whole.episodes()
    assert [step.model_copy(update={"seconds": 0}) for step in uninterrupted.steps] == [
        step.model_copy(update={"seconds": 0}) for step in episode.steps
    ]
