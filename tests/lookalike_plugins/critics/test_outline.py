"""An outline that a person edited is given as it stands in its file."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from lookalike_bench.errors import CriticFailure, PluginError, RecordError
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.types import Brief
from lookalike_plugins.critics.outline import Outline

BRIEF = Brief("lighthouse", "light the lamp", "Type commands.")


def test_edited_file_is_the_reward_model(tmp_path):
    path = tmp_path / "outline.yaml"
    RewardModel(outline=[OutlineStep(cue="Hall\nA stair winds up.", action="go up", weight=2.0)]).save(path)
    critic = Outline(path)
    before = critic.identity
    path.write_text(path.read_text().replace("go up", "climb stair"))
    assert critic.identity != before, "another file is another reward model"
    [step] = asyncio.run(critic.watch([], BRIEF)).outline
    assert (step.action, step.cue, step.weight) == ("climb stair", "Hall\nA stair winds up.", 2.0)


def test_missing_and_wrong_files_are_told_by_name(tmp_path):
    with pytest.raises(PluginError, match=r"no outline file .*none\.yaml"):
        Outline(tmp_path / "none.yaml")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("outline:\n  - {cue: Hall, actoin: up}\n")
    with pytest.raises(RecordError, match=r"wrong\.yaml"):
        asyncio.run(Outline(wrong).watch([], BRIEF))


def test_what_was_learned_of_pictures_is_no_outline_alone(tmp_path):
    path = tmp_path / "pixels.yaml"
    RewardModel(provenance={"critic": "frames"}, rules=["Go right."], arrays={"views": np.zeros(3)}).save(path)
    with pytest.raises(CriticFailure, match=r"pixels\.yaml: .* critic: \{plugin: frames\}"):
        asyncio.run(Outline(path).watch([], BRIEF))
