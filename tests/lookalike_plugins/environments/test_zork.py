"""Zork I, the real game: skipped, with its reason, where the story file or jericho cannot be had."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from lookalike_bench.engine.checker import check_environment
from lookalike_bench.engine.isolation import IsolatedEnvironment
from lookalike_bench.errors import AssetError, AssetUnavailable, EnvironmentFailure, PluginError
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.tasks.assets import resolve

pytest.importorskip("jericho", reason="the zork extra is not installed")

from lookalike_plugins.environments.parser_actions import Trial
from lookalike_plugins.environments.stories import STORIES
from lookalike_plugins.environments.zmachine import ZMachine
from lookalike_plugins.environments.zork import Zork


@pytest.fixture(scope="module")
def story() -> Path:
    try:
        return resolve(STORIES["zork1-r119"].asset, progress=False)
    except AssetUnavailable as unavailable:
        pytest.skip(f"no story file: {str(unavailable).splitlines()[0]}")


@pytest.fixture(scope="module")
def zork(story: Path) -> Zork:
    return Zork()


def play(zork: Zork, *actions: str) -> str:
    return [zork.step(action) for action in actions][-1].text


# --- the game ---------------------------------------------------------------------------------------------------


def test_the_walkthrough_reaches_every_point_with_its_seed(zork: Zork) -> None:
    walkthrough = zork.walkthrough()
    assert walkthrough is not None and walkthrough.origin == "human-authored walkthrough, replayed"
    assert (walkthrough.seed, len(walkthrough.actions)) == (12, 396)
    zork.reset(walkthrough.seed)
    played = [zork.step(action) for action in walkthrough.actions]
    assert [step.score for step in played].index(40) == 24  # command 25
    assert played[-1].score == 350 == zork.info.score_range[1]
    assert played[-1].victory and played[-1].terminated
    assert not any(step.terminated for step in played[:-1])


def test_the_status_line_is_not_in_the_text(zork: Zork) -> None:
    assert "Score:" not in zork.reset(0).text
    assert play(zork, "open mailbox") == "Opening the small mailbox reveals a leaflet."
    assert "Moves:" not in play(zork, "read leaflet", "north", "look")
    assert "Your score is" in play(zork, "score")  # what the player asks for is shown


def test_rooms_are_milestones(zork: Zork) -> None:
    assert zork.reset(0).milestones == ("West of House",)
    assert [zork.step(action).milestones[0] for action in ("north", "north", "up", "take egg")] == [
        *("North of House", "Forest Path", "Up a Tree", "Up a Tree"),
    ]


def test_a_death_costs_points_and_the_third_ends_the_episode(zork: Zork) -> None:
    """The player walks about the forest at random, and jumps wherever there is a canyon to jump into."""
    dice = random.Random(0)
    zork.reset(1)
    deaths = []
    for _ in range(2000):
        before = zork.step("look")
        at_canyon = before.milestones == ("Canyon View",)
        after = zork.step("jump" if at_canyon else dice.choice(["north", "south", "east", "west"]))
        if "You have died" in after.text:
            deaths.append((after.score - before.score, after.terminated))
        if after.terminated:
            break
        assert zork.actions()
    assert deaths == [(-10, False), (-10, False), (-10, True)]
    assert not after.victory and zork.actions() == []
    assert zork.step("north") == after


def test_chance_depends_on_the_seed_alone(zork: Zork) -> None:
    def greetings(seed: int) -> list[str]:
        zork.reset(seed)
        return [zork.step("hello").text for _ in range(8)]

    assert greetings(0) == greetings(0)
    assert len({tuple(greetings(seed)) for seed in (0, 1, 2, -5, 2**40)}) > 2


def test_the_contract_holds(story: Path) -> None:
    checks = check_environment(Zork, steps=12)
    assert [check for check in checks if not check.passed] == []


# --- what an action may be --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "played"),
    [
        ("Open mailbox.", "open mailbox"),
        ("open mailbox. north. up", "open mailbox"),
        ("open mailbox then north", "open mailbox"),
        ("take leaflet and go north", "take leaflet"),
        ("take leaflet, open mailbox", "take leaflet"),
        ("take sword and lamp", "take sword and lamp"),
        ("troll, give me axe", "troll, give me axe"),
        ("> look\nnorth", "look north"),
        (" ... ", ""),
    ],
)
def test_one_command_a_step(zork: Zork, action: str, played: str) -> None:
    assert zork._one_command(action) == played


@pytest.mark.parametrize(
    "action", ["save", "restore", "RESTART", "quit", "q", "script", "#record", "$verify", "#command", "troll, save"]
)
def test_what_reaches_outside_the_episode_is_switched_off(
    zork: Zork, action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    zork.reset(0)
    zork.step("north")
    digest = zork.digest()
    assert "switched off" in zork.step(action).text
    assert zork.digest() == digest
    assert list(tmp_path.iterdir()) == []


# --- states -----------------------------------------------------------------------------------------------------


def test_snapshots_are_exact_at_every_step_to_the_victory(story: Path, zork: Zork) -> None:
    other, walkthrough = Zork(), zork.walkthrough()
    assert walkthrough is not None
    zork.reset(walkthrough.seed)
    for number, action in enumerate(walkthrough.actions):
        here, there = (zork, other) if number % 2 else (other, zork)
        here.restore(there.snapshot())
        assert here.digest() == there.digest()
        observation = here.step(action)
    assert observation.victory and observation.score == 350


@pytest.mark.parametrize("snapshot", [b"", b"LZ1\n", b"x" * 20_000])
def test_what_is_not_a_snapshot_is_refused(zork: Zork, snapshot: bytes) -> None:
    with pytest.raises(EnvironmentFailure, match="snapshot"):
        zork.restore(snapshot)


def test_an_ended_episode_stays_ended_through_a_snapshot(zork: Zork) -> None:
    walkthrough = zork.walkthrough()
    assert walkthrough is not None
    zork.reset(walkthrough.seed)
    for action in walkthrough.actions:
        zork.step(action)
    ended, snapshot = zork.step("look"), zork.snapshot()
    zork.reset(0)
    zork.restore(snapshot)
    assert zork.step("north") == ended and ended.victory
    assert zork.actions() == []


# --- actions ----------------------------------------------------------------------------------------------------


def test_actions_are_what_can_be_done(zork: Zork) -> None:
    zork.reset(0)
    assert {"open mailbox", "north", "south", "west"} <= set(zork.actions())
    assert not {"east", "up", "down", "take house", "open door"} & set(zork.actions())
    play(zork, "north", "north")
    assert "up" in zork.actions()
    zork.step("up")
    assert "take egg" in zork.actions()


def test_actions_leave_the_walkthrough_within_reach(zork: Zork) -> None:
    """Measured against the walkthrough here and nowhere else: the list itself never sees it."""
    walkthrough = zork.walkthrough()
    assert walkthrough is not None
    zork.reset(walkthrough.seed)
    within_reach = []
    for action in walkthrough.actions[:60]:
        trial = Trial(zork.machine, zork.machine.state(), zork.finder.noise)
        wanted, _ = trial.change(action)
        zork.machine.set_state(trial.state)
        listed = zork.actions()
        within_reach.append(any(trial.change(other)[0] == wanted for other in listed))
        zork.machine.set_state(trial.state)
        zork.step(action)
    assert all(within_reach[:25])
    assert sum(within_reach) >= 57


def test_plausible_actions_are_not_tried(story: Path) -> None:
    zork = Zork(list_actions="plausible")
    zork.reset(0)
    digest = zork.digest()
    assert {"north", "down", "open mailbox", "take mailbox"} <= set(zork.actions())
    assert zork.digest() == digest
    assert "untried" in zork.info.handicaps[0]


# --- arguments and stories --------------------------------------------------------------------------------------


def test_a_path_is_a_story_too(story: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mine.z3"
    copy.write_bytes(story.read_bytes())
    with pytest.raises(PluginError, match="max_score"):
        Zork(story=str(copy))
    named = Zork(story=str(copy), max_score=350)
    assert "West of House" in named.reset(1).text
    assert Zork.assets(story=str(copy)) == ()
    assert named.walkthrough() is None


def test_wrong_arguments_are_told_clearly(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no story")
    with pytest.raises(PluginError, match="known: zork1-r119"):
        Zork(story="zork1-r911")
    with pytest.raises(PluginError, match=r"expected a Z-machine file"):
        Zork(story=str(tmp_path / "notes.txt"))
    with pytest.raises(PluginError, match='expected "valid" or "plausible"'):
        Zork(list_actions="all")  # type: ignore[arg-type]


def test_a_wrong_story_file_in_the_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "zork1-r119.z3").write_bytes(b"another story")
    with pytest.raises(AssetError, match=r"zork1-r119\.z3.*expected 86,838 bytes, got 13"):
        Zork()


def test_object_names_are_decoded(story: Path) -> None:
    machine = ZMachine(story)
    names = {machine.name(number) for number in range(251)}
    assert {"Living Room", "jewel-encrusted egg", "The Troll Room", "brass lantern"} <= names
    assert machine.name(0) == machine.name(9999) == ""


def test_it_plays_the_same_behind_a_process_boundary(story: Path, zork: Zork) -> None:
    walkthrough = zork.walkthrough()
    assert walkthrough is not None
    with IsolatedEnvironment(load_plugins().find("environment", "zork")) as isolated:
        assert isolated.info == zork.info
        played = isolated.play(walkthrough.seed, walkthrough.actions)
    zork.reset(walkthrough.seed)
    for (observation, digest), action in zip(played[1:], walkthrough.actions, strict=True):
        assert (zork.step(action), zork.digest()) == (observation, digest)
