from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from lookalike_bench.errors import EnvironmentFailure, PluginError, VideoError
from lookalike_bench.videos.demonstrations import check_demonstration, read_demonstration
from lookalike_plugins.environments.procgen import GymnasiumMachine, Machine, Procgen
from lookalike_plugins.environments.procgen_games import GAMES
from lookalike_plugins.environments.search import find_solution

DEMONSTRATIONS = Path(__file__).parents[3] / "tasks" / "demonstrations" / "procgen"


def test_an_unknown_game_is_named_with_the_nearest_one() -> None:
    with pytest.raises(PluginError, match="did you mean 'coinrun'"):
        Procgen("coinrum")


@pytest.mark.parametrize("arguments", [{"mode": "medium"}, {"hold": 0}, {"hold": 33}, {"hold": "until-dawn"}])
def test_arguments_that_do_not_exist_are_refused(arguments: dict) -> None:
    with pytest.raises(PluginError, match=str(next(iter(arguments.values())))):
        Procgen("maze", **arguments)


def test_held_actions_are_a_handicap() -> None:
    assert "actions held 4 frames" in Procgen("heist", hold=4).info.handicaps
    assert not any("held" in handicap for handicap in Procgen("heist").info.handicaps)


def test_every_game_has_distinct_buttons_and_a_range() -> None:
    assert len(GAMES) == 16
    for game in GAMES.values():
        assert len(set(game.actions.values())) == len(game.actions)
        assert all(0 <= button <= 14 for button in game.actions.values())
        assert game.easy[0] < game.easy[1] and game.hard[0] < game.hard[1]


def test_a_missing_system_library_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_gl(**settings: object) -> None:
        raise OSError("libGL.so.1: cannot open shared object file")

    package = ModuleType("procgen")
    package.__spec__ = ModuleSpec("procgen", None)
    package.ProcgenGym3Env = without_gl  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "procgen", package)
    with pytest.raises(EnvironmentFailure, match=r"libGL\.so\.1: cannot open .* slim images also need libgl1"):
        Procgen("maze").reset(0)


@pytest.mark.usefixtures("procgen")
class TestPlay:
    @pytest.mark.parametrize("game", sorted(GAMES))
    def test_a_restored_game_goes_on_exactly(self, game: str) -> None:
        one, other = Procgen(game, hold=3), Procgen(game, hold=3)
        one.reset(11)
        actions = one.actions() * 2
        for action in actions[:5]:
            one.step(action)
        other.restore(one.snapshot())
        for action in actions:
            seen, again = one.step(action), other.step(action)
            assert seen == again
            assert (seen.frame == again.frame).all()  # type: ignore[union-attr]
            assert one.digest() == other.digest()

    def test_the_same_level_again_and_another_level(self) -> None:
        environment = Procgen("maze")
        first = environment.reset(1)
        environment.step("up")
        assert (environment.reset(1).frame == first.frame).all()  # type: ignore[union-attr]
        assert (environment.reset(2).frame != first.frame).any()  # type: ignore[union-attr]

    def test_success_is_the_games_own_signal_and_nothing_is_played_after_it(self) -> None:
        environment = Procgen("maze")
        solution = find_solution(environment, seed=2, budget=2000, exact=True)
        assert solution is not None
        environment.reset(2)
        *before, end = [environment.step(action) for action in solution]
        assert not any(step.level_complete or step.terminated for step in before)
        assert end.level_complete and end.victory and end.terminated and end.score == 10
        digest = environment.digest()
        assert environment.step("up") == end
        assert environment.digest() == digest

    def test_the_clock_truncates(self) -> None:
        environment = Procgen("maze", hold=32)
        environment.reset(1)
        last = environment.step("left")
        for _ in range(20):
            last = environment.step("left")
        assert last.truncated and not last.terminated
        assert "frame 500 of 500" in last.text

    def test_any_string_is_a_turn(self) -> None:
        environment = Procgen("coinrun")
        environment.reset(0)
        assert environment.step("\x1b[2J 'fly away'").text.startswith("Coinrun, frame 1")

    def test_until_change_ends_at_a_wall(self) -> None:
        environment = Procgen("heist", hold="until-change")
        environment.reset(1)
        frames = int(environment.step("left").text.split("frame ")[1].split()[0])
        assert 1 <= frames < 10

    def test_the_picture_is_large_and_of_now(self) -> None:
        environment = Procgen("heist", hold=4)
        environment.reset(1)
        before = environment.picture()
        environment.step("up left")
        after = environment.picture()
        assert before.shape == after.shape == (512, 512, 3)
        assert (before != after).any()

    @pytest.mark.parametrize("path", sorted(DEMONSTRATIONS.glob("*-[0-9].json")), ids=lambda path: path.stem)
    def test_every_demonstration_replays_exactly_and_completes_its_level(self, path: Path) -> None:
        demonstration = read_demonstration(path)
        assert demonstration.origin == "searched"
        environment = Procgen(**demonstration.environment.arguments)
        assert check_demonstration(demonstration, environment).level_complete

    def test_a_digest_is_of_the_state_and_not_of_its_picture(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """procgen-gym draws a few pixels of coinrun differently than procgen-mirror."""

        def play() -> list[str]:
            environment = Procgen("coinrun", hold=4)
            environment.reset(0)
            digests = [environment.digest()]
            for _ in range(3):
                environment.step("right")
                digests.append(environment.digest())
            return digests

        digests = play()
        for package in (Machine, GymnasiumMachine):
            monkeypatch.setattr(package, "frame", lambda machine: np.zeros((64, 64, 3), np.uint8))
        assert play() == digests
        assert len(set(digests)) == 4

    def test_a_replay_that_diverges_names_the_step(self) -> None:
        demonstration = read_demonstration(DEMONSTRATIONS / "maze-1.json")
        actions = list(demonstration.actions)
        actions[2] = "left" if actions[2] != "left" else "right"
        changed = demonstration.model_copy(update={"actions": actions})
        with pytest.raises(VideoError, match="diverges at step 3 of"):
            check_demonstration(changed, Procgen("maze"))
