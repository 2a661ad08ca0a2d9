"""Colossal Cave, the real game: the packaged walkthrough wins it, and the contract holds on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalike_bench.engine.checker import check_environment
from lookalike_bench.errors import EnvironmentFailure

pytest.importorskip("adventure", reason="the adventure extra is not installed")

from lookalike_plugins.environments.adventure import ColossalCave, Memento


@pytest.fixture
def cave() -> ColossalCave:
    return ColossalCave()


def play(cave: ColossalCave, *actions: str) -> str:
    return [cave.step(action) for action in actions][-1].text


def test_the_packaged_walkthrough_wins_the_game(cave: ColossalCave) -> None:
    walkthrough = cave.walkthrough()
    assert walkthrough.origin == "human-authored walkthrough, replayed"
    assert (walkthrough.seed, walkthrough.package) == (2, "adventure")
    start = cave.reset(walkthrough.seed)
    played = [cave.step(action) for action in walkthrough.actions]
    assert cave.info.score_range == (start.score, played[-1].score) == (36, 350)
    assert played[-1].victory and played[-1].terminated
    assert not any(step.terminated for step in played[:-1])
    assert "350 OUT OF A POSSIBLE 350 USING 266 TURNS" in played[-1].text


def test_the_contract_holds() -> None:
    checks = check_environment(ColossalCave, steps=16)
    assert [check for check in checks if not check.passed] == []


def test_chance_depends_on_the_seed_alone(cave: ColossalCave) -> None:
    actions = cave.walkthrough().actions[:60]

    def texts(seed: int) -> list[str]:
        cave.reset(seed)
        return [cave.step(action).text for action in actions]

    assert texts(2) == texts(2)
    assert len({tuple(texts(seed)) for seed in range(5)}) > 1


def test_a_snapshot_continues_exactly_in_another_instance(cave: ColossalCave) -> None:
    walkthrough = cave.walkthrough()
    cave.reset(walkthrough.seed)
    for action in walkthrough.actions[:100]:
        cave.step(action)
    other = ColossalCave()
    other.restore(cave.snapshot())
    assert other.digest() == cave.digest()
    played = [other.step(action) for action in walkthrough.actions[100:]]
    assert played == [cave.step(action) for action in walkthrough.actions[100:]]
    assert played[-1].victory


@pytest.mark.parametrize("snapshot", [b"", b"\xff", b"[]", b'{"seed": 1}', b'{"seed": "x", "played": []}'])
def test_what_is_not_a_snapshot_is_refused(cave: ColossalCave, snapshot: bytes) -> None:
    with pytest.raises(EnvironmentFailure, match="not a snapshot"):
        cave.restore(snapshot)


def test_actions_come_from_what_is_in_sight(cave: ColossalCave) -> None:
    cave.reset(0)
    assert "east" in cave.actions() and not [action for action in cave.actions() if "lamp" in action]
    cave.step("enter")
    assert {"take lamp", "take keys", "take bottle", "take food", "west"} <= {
        action.replace("headlamp", "lamp").replace("lantern", "lamp") for action in cave.actions()
    }


def test_magic_words_are_listed_only_once_they_were_read(cave: ColossalCave) -> None:
    cave.reset(2)
    play(cave, "enter", "take lamp")
    assert "xyzzy" not in cave.actions()
    play(cave, "xyzzy", "on", "xyzzy")
    assert "xyzzy" in cave.actions()


def test_actions_leave_most_of_the_walkthrough_within_reach(cave: ColossalCave) -> None:
    walkthrough = cave.walkthrough()
    cave.reset(walkthrough.seed)
    within_reach = 0
    for action in walkthrough.actions[:60]:
        memento = Memento(cave.game)
        wanted = cave._trial(action, memento)[0]
        within_reach += any(cave._trial(listed, memento)[0] == wanted for listed in cave.actions())
        cave.step(action)
    assert within_reach >= 55


def test_death_asks_and_the_episode_goes_on(cave: ColossalCave) -> None:
    cave.reset(1)
    play(cave, "enter", "take lamp", "xyzzy")
    before = cave.game.compute_score()[0]
    for _ in range(40):  # in the dark, until a pit is found
        if cave.game.yesno_callback:
            break
        cave.step("west")
        cave.step("east")
    assert cave.actions() == ["yes", "no"]
    observation = cave.step("yes")
    assert not observation.terminated and observation.score <= before - 10 + 2
    assert cave.actions()


def test_giving_up_ends_the_episode_for_good(cave: ColossalCave) -> None:
    cave.reset(0)
    play(cave, "quit", "yes")
    ended = cave.step("east")
    assert ended.terminated and not ended.victory
    assert cave.actions() == []


@pytest.mark.parametrize("action", ["save game", "suspend", "pause x"])
def test_nothing_writes_files(cave: ColossalCave, action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cave.reset(0)
    assert "switched off" in play(cave, action)
    assert list(tmp_path.iterdir()) == []


WORDS = st.sampled_from(
    ["take", "lamp", "say", "fee", "feed", "wave", "rod", "back", "yes", "fill", "bottle", "water", "lock", "hours"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.lists(WORDS, max_size=3).map(" ".join), st.text(max_size=30)), max_size=8))
def test_no_string_is_too_much(actions: list[str]) -> None:
    cave = ColossalCave()
    cave.reset(0)
    cave.step("enter")
    for action in actions:
        cave.step(action)
    again = ColossalCave()
    again.restore(cave.snapshot())
    assert again.digest() == cave.digest()
