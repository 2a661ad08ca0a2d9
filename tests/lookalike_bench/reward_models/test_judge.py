"""The default judge on an invented game of five places, small enough to be checked by eye.

    Lighthouse -- down --> Beach -- east --> Cave -- down --> Grotto
                           Beach -- west --> Dunes   (a detour)

The human took the lamp in the lighthouse and the spade on the beach, dug in the cave and took the pearl.
"""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalike_bench.reward_models.judge import OutlineJudge
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.types import Judgement, Observation

LIGHTHOUSE = "Lighthouse\nYou are at the top of an old lighthouse above the sea. Stairs wind down.\nA lamp hangs here."
BEACH = "Windy Beach\nThe tide has left this beach strewn with weed. A cave yawns to the east, dunes rise in the west."
CAVE = "Cave\nThis dripping cave smells of salt and of something older. The floor is soft sand."
GROTTO = "Grotto\nLight plays on the walls of a small round grotto beneath the cave floor.\nA pearl lies here."
DUNES = "Dunes\nSand hills roll on without an end, and the wind has wiped away every track you made."
HOLE = "Your spade breaks through the sand, and a hole opens into darkness below."

OUTLINE = [
    OutlineStep(cue=LIGHTHOUSE, action="Get lamp", outcome="Taken."),
    OutlineStep(cue="Taken.", action="Down", outcome=BEACH + "\nA spade lies here."),
    OutlineStep(cue=BEACH, action="Get spade", outcome="Taken."),
    OutlineStep(cue="Taken.", action="E", outcome=CAVE),
    OutlineStep(cue=CAVE, action="Dig sand", outcome=HOLE),
    OutlineStep(cue=HOLE, action="D", outcome=GROTTO),
    OutlineStep(cue=GROTTO, action="Get pearl", outcome="Taken.", milestone="the pearl"),
]
ACTIONS = ("north", "south", "east", "west", "up", "down", "take lamp", "take spade", "dig sand", "look")


class Game:
    """The invented game itself, played by its rules."""

    WAYS = {  # noqa: RUF012
        ("Lighthouse", "down"): "Windy Beach", ("Windy Beach", "up"): "Lighthouse", ("Windy Beach", "east"): "Cave",
        ("Cave", "west"): "Windy Beach", ("Windy Beach", "west"): "Dunes", ("Dunes", "east"): "Windy Beach",
        ("Cave", "down"): "Grotto", ("Grotto", "up"): "Cave",
    }  # fmt: skip
    TEXTS = {text.partition("\n")[0]: text for text in (LIGHTHOUSE, BEACH, CAVE, GROTTO, DUNES)}  # noqa: RUF012
    THINGS = {"lamp": "Lighthouse", "spade": "Windy Beach", "pearl": "Grotto"}  # noqa: RUF012

    def __init__(self, judge: OutlineJudge, event: str = "") -> None:
        self.place, self.visited, self.hole, self.things = "Lighthouse", {"Lighthouse"}, False, dict(self.THINGS)
        self.judge, self.event = judge, event
        judge.observe(None, Observation(LIGHTHOUSE), ACTIONS)

    def play(self, action: str) -> Judgement:
        from lookalike_bench.reward_models.actions import action_key

        self.judge.observe(action, Observation(self.reply(action_key(action)) + self.event), ACTIONS)
        return run(self.judge.review())

    def reply(self, key: str) -> str:
        verb, _, thing = key.partition(" ")
        there = self.WAYS.get((self.place, key))
        if there is not None and (there != "Grotto" or self.hole):
            self.place, new = there, there not in self.visited
            self.visited.add(there)
            return self.TEXTS[there] if new else there  # a revisit prints the name alone
        if verb == "take" and self.things.get(thing) == self.place:
            self.things[thing] = "you"
            return "Taken."
        if verb == "drop" and self.things.get(thing) == "you":
            self.things[thing] = self.place
            return "Dropped."
        if key == "dig sand" and self.place == "Cave" and self.things["spade"] == "you":
            self.hole = True
            return HOLE
        return "You can't do that here."


def run(coroutine):
    """The judge never waits, so its coroutines end at the first step."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


def rewards(judge: OutlineJudge, *actions: str) -> list[float]:
    return [judgement.reward for judgement in run(judge.judge(actions))]


@pytest.fixture
def judge() -> OutlineJudge:
    return OutlineJudge(RewardModel(outline=OUTLINE))


def follow(game: Game, judgement: Judgement, steps: int = 20) -> list[str]:
    """Play what is recommended until nothing is."""
    played = []
    while judgement.recommended is not None and len(played) < steps:
        played.append(judgement.recommended)
        judgement = game.play(judgement.recommended)
    return played


def test_recommends_every_step_and_then_nothing(judge):
    game = Game(judge)
    assert follow(game, run(judge.review())) == [
        "take lamp", "down", "take spade", "east", "dig sand", "down", "get pearl",
    ]  # fmt: skip
    assert game.things == {"lamp": "you", "spade": "you", "pearl": "you"}
    after = run(judge.review())
    assert after.reward == 1.0 and "the pearl" in after.reason
    assert rewards(judge, "up", "dance") == [0.0, 0.0]
    after = game.play("up")
    assert (after.reward, after.recommended) == (0.0, None) and "beyond what the video shows" in after.reason
    assert set(after.possible) <= set(ACTIONS) and len(after.possible) == 4


def test_first_review_judges_nothing(judge):
    Game(judge)
    review = run(judge.review())
    assert review.reward == 0.0 and review.recommended == "take lamp"


def test_each_step_of_the_outline_is_rewarded(judge):
    game = Game(judge)
    assert all(game.play(step.action).reward == 1.0 for step in OUTLINE)


def test_proposals_are_ranked_before_they_are_played(judge):
    Game(judge)
    recommended, synonym, look, dance, away = rewards(judge, "take lamp", "GET the lamp", "look", "dance", "west")
    assert recommended == synonym == 1.0
    assert away < dance < look < 0.0 < recommended


def test_step_passed_over_is_asked_for_again(judge):
    game = Game(judge)
    for action in ("take lamp", "down", "east"):  # past the spade
        review = game.play(action)
    assert review.recommended == "west"
    assert game.play("west").recommended == "take spade"
    assert follow(game, game.play("take spade")) == ["east", "dig sand", "down", "get pearl"]


def test_steps_in_another_order_are_not_asked_for_twice(judge):
    game = Game(judge)
    game.play("down")
    out_of_order = game.play("take spade")
    assert out_of_order.reward > 0 and out_of_order.recommended == "up"
    assert "take spade" not in follow(game, out_of_order)
    assert game.things["pearl"] == "you"


def test_detour_is_punished_and_the_way_back_is_known(judge):
    game = Game(judge)
    game.play("take lamp")
    game.play("down")
    assert rewards(judge, "west") < [0.0]
    detour = game.play("west")
    assert detour.reward < 0 and detour.recommended == "east"
    back = game.play("east")  # the reply is the bare name of the beach
    assert back.reward > 0 and back.recommended == "take spade"


def test_what_had_no_effect_is_punished_more_the_second_time(judge):
    game = Game(judge)
    first, second = game.play("eat lamp").reward, game.play("eat lamp").reward
    assert second < first < 0
    assert rewards(judge, "eat lamp")[0] < rewards(judge, "eat spade")[0]


def test_step_that_is_taken_back_is_wanted_again(judge):
    game = Game(judge)
    game.play("take lamp")
    assert rewards(judge, "drop lamp")[0] <= -0.5
    dropped = game.play("drop lamp")
    assert dropped.reward <= -0.5 and dropped.recommended == "take lamp"
    assert game.play("take lamp").recommended == "down"


def test_event_in_the_reply_does_not_confuse(judge):
    game = Game(judge, event="\nA gull cries overhead, and the foghorn answers from far away.")
    assert len(follow(game, run(judge.review()))) == len(OUTLINE)
    assert game.things["pearl"] == "you"


@pytest.mark.parametrize("seed", range(5))
def test_misread_letters_do_not_confuse(seed):
    chance = random.Random(seed)

    def misread(text: str) -> str:
        return "".join(chance.choice("lirnc") if c.isalpha() and chance.random() < 0.01 else c for c in text)

    noisy = [step.model_copy(update={"cue": misread(step.cue), "outcome": misread(step.outcome)}) for step in OUTLINE]
    game = Game(OutlineJudge(RewardModel(outline=noisy)))
    assert len(follow(game, run(game.judge.review()))) <= len(OUTLINE) + 2
    assert game.things["pearl"] == "you"


def test_outline_without_line_ends_is_followed():
    flat = [step.model_copy(update={"outcome": step.outcome.replace("\n", ". ", 1)}) for step in OUTLINE]
    game = Game(OutlineJudge(RewardModel(outline=flat)))
    follow(game, run(game.judge.review()))
    assert game.things["pearl"] == "you"


def test_possible_actions_hide_the_recommended_one():
    places = []
    judge = OutlineJudge(RewardModel(outline=OUTLINE))
    game = Game(judge)
    for step in OUTLINE[:-1]:
        review = run(judge.review())
        assert len(review.possible) == len(set(review.possible)) == 4
        places.append(review.possible.index(review.recommended))
        game.play(step.action)
    assert len(set(places)) > 1


def test_same_play_is_judged_the_same():
    def episode() -> list[Judgement]:
        game = Game(OutlineJudge(RewardModel(outline=OUTLINE)))
        return [game.play(action) for action in ("down", "west", "look", "east", "up", "take lamp", "down")]

    assert episode() == episode()


def test_empty_outline_recommends_nothing():
    game = Game(OutlineJudge(RewardModel()))
    assert game.play("down").recommended is None
    assert rewards(game.judge, "down") == [0.0]


def test_observing_is_cheap_with_a_long_outline():
    words = [f"{a}{b}" for a in ("mossy", "dark", "wide", "cold") for b in ("hall", "den", "loft", "vault", "shaft")]
    texts = [
        f"Room of {words[i % 20].title()} {words[i // 20].title()}\nIn this {words[i % 20]} a {words[i // 20]} of "
        f"stone number {i} leads on into the next chamber of the maze."
        for i in range(400)
    ]
    steps = [OutlineStep(cue=texts[i], action="north", outcome=texts[i + 1]) for i in range(399)]
    judge = OutlineJudge(RewardModel(outline=steps))
    judge.observe(None, Observation(texts[0]), ACTIONS)
    began = time.perf_counter()
    for text in texts[1:101]:
        judge.observe("north", Observation(text + "\nA bat flits by."), ACTIONS)
    assert (time.perf_counter() - began) / 100 < 0.02  # 5 ms where nothing else runs


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=200)), max_size=6), st.lists(st.text(), max_size=4))
def test_any_text_is_judged_within_bounds(played, proposals):
    judge = OutlineJudge(RewardModel(outline=OUTLINE))
    judge.observe(None, Observation(LIGHTHOUSE), ACTIONS)
    for action, text in played:
        judge.observe(action, Observation(text), [*proposals, "north"])
        judgements = [*run(judge.judge(proposals)), run(judge.review())]
        assert all(-1.0 <= judgement.reward <= 1.0 for judgement in judgements)
        assert len(judgements) == len(proposals) + 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*ACTIONS, "take pearl", "drop lamp", "drop spade"]), max_size=25))
def test_whatever_was_played_the_pearl_is_still_found(wandering):
    game = Game(OutlineJudge(RewardModel(outline=OUTLINE)))
    for action in wandering:
        game.play(action)
    follow(game, run(game.judge.review()), steps=60)
    assert game.things["pearl"] == "you"
