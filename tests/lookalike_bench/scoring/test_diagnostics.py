"""The failure signatures: each is found where it was put, and not found where it was not."""

from __future__ import annotations

from pathlib import Path

import pytest
from lookalike_bench.episodes.prompts import tail, verdict
from lookalike_bench.episodes.stage import from_record
from lookalike_bench.records.prompts import prompts
from lookalike_bench.scoring.diagnostics import Diagnostics, diagnose

from tests.lookalike_bench.records_fixture import make_run


def diagnosed(folder: Path, variant: str, *, trust: float, changes: str = "") -> Diagnostics:
    settings = f"seeds: 0-9\nvariants: {{baseline: {{}}, {changes or variant + ': {}'}}}"
    run = make_run(folder, trust=trust, task_changes=settings, without=("seeds", "variants"))
    return diagnose(episode for seed in range(10) if (episode := run.episode("corridor", variant, seed)))


def test_a_player_that_listens_and_one_that_does_not(tmp_path: Path) -> None:
    listens = diagnosed(tmp_path / "listens", "single", trust=6)
    deaf = diagnosed(tmp_path / "deaf", "single", trust=0)
    # Two actions are listed, one of them is recommended.
    assert listens.blind_uptake == deaf.blind_uptake == 0.5
    assert listens.uptake is not None and listens.uptake > 0.95
    assert deaf.uptake is not None and 0.3 < deaf.uptake < 0.7
    assert not [flag for flag in listens.flags if "ignores" in flag]
    [flag] = [flag for flag in deaf.flags if "ignores" in flag]
    assert flag.endswith("of proposals are the recommended action, blind choice would take 50%")


def test_diversity_falls_when_all_follow(tmp_path: Path) -> None:
    blind = diagnosed(tmp_path / "blind", "swarm", trust=0)
    follow = diagnosed(tmp_path / "follow", "swarm", trust=9)
    assert blind.diversity is not None and follow.diversity is not None and blind.unanimous is not None
    assert follow.diversity < 0.1 < 0.3 < blind.diversity
    assert follow.unanimous is not None and follow.unanimous > 0.9 > blind.unanimous
    # East is rewarded, west is punished: whoever disagrees is in conflict.
    assert blind.conflict == pytest.approx(1 - blind.unanimous)


def test_agreeing_is_a_fault_only_where_it_fails(tmp_path: Path) -> None:
    wins = diagnosed(tmp_path / "wins", "swarm", trust=9)
    loses = diagnosed(tmp_path / "loses", "swarm", trust=9, changes="swarm: {temperatures: [0, 0, 0]}")
    assert not [flag for flag in wins.flags if "converges" in flag]
    assert not [flag for flag in loses.flags if "converges" in flag]
    run = make_run(
        tmp_path / "long",
        trust=9,
        task_changes="environment: {plugin: corridor, length: 40}\nseeds: 0-4",
        without=("environment", "seeds"),
    )
    stuck = diagnose(episode for episode in run.episodes() if episode.header.variant == "swarm")
    assert [flag for flag in stuck.flags if flag.startswith("converges on one poor strategy")]


def test_temperature_has_an_effect_or_not(tmp_path: Path) -> None:
    spread = diagnosed(tmp_path / "spread", "swarm", trust=2, changes="swarm: {temperatures: [0.05, 0.7, 3]}")
    same_scores = diagnosed(tmp_path / "flat", "swarm", trust=0, changes="swarm: {temperatures: [0.05, 0.7, 3]}")
    one = diagnosed(tmp_path / "one", "swarm", trust=2, changes="swarm: {temperatures: [0.7, 0.7, 0.7]}")
    assert spread.temperature_correlation is not None and spread.temperature_correlation > 0.2
    assert spread.total_variation is not None and spread.total_variation > 0.1
    assert [temperature for temperature, *_ in spread.by_temperature] == [0.05, 0.7, 3]
    assert not [flag for flag in spread.flags if "temperatures" in flag]
    # Equal scores give the same distribution at any temperature.
    assert same_scores.total_variation == 0.0
    assert one.by_temperature == [] and one.total_variation is None


@pytest.mark.parametrize("variant", ["single", "swarm"])
def test_feedback_is_counted_as_it_stands_in_the_prompts(tmp_path: Path, variant: str) -> None:
    variants = f"variants: {{baseline: {{}}, {variant}: {{}}}}"
    run = make_run(tmp_path, trust=6, task_changes=variants, without=("variants",))
    [episode] = [e for e in run.episodes() if e.key == ("corridor", variant, 0)]
    asked = list(prompts(episode))
    prompt_characters = sum(len(message.content) for *_, messages in asked for message in messages)
    feedback_characters = 0
    reviews = [episode.header.review, *(step.review for step in episode.steps)]
    for step, _, _, messages in asked:
        # Every verdict so far is still in the conversation; the advice is there only for this step.
        for review in reviews[1:step]:
            told = verdict(from_record(review), "recommendation")
            assert any(message.content.endswith(told) for message in messages[:-1]) or told in messages[-1].content
            feedback_characters += len(told)
        review = reviews[step - 1]
        assert review is not None
        advice = tail(review.possible, review.recommended, "")
        assert advice in messages[-1].content
        feedback_characters += len(advice)
    share = diagnose([episode]).feedback_share
    assert share == pytest.approx(feedback_characters / prompt_characters)


def test_a_baseline_has_no_guidance_to_measure(tmp_path: Path) -> None:
    run = make_run(tmp_path, task_changes="variants: {baseline: {}}", without=("variants",))
    assert diagnose(run.episodes()) == Diagnostics()
