"""The reward model as a file: what is saved is loaded again, and nothing else is."""

from __future__ import annotations

import pytest
from lookalike_bench.errors import RecordError
from lookalike_bench.reward_models.model import OutlineStep, RewardModel


def model() -> RewardModel:
    return RewardModel(
        provenance={"critic": "transcript", "video": "a" * 8},
        quality={"word_accuracy": 0.98},
        outline=[
            OutlineStep(cue="West of House\nA field.", action="north", outcome="North of House", weight=2, time=1.5),
            OutlineStep(cue="Grüße: - # 'x' \"y\"", action="yes", milestone="m", frame=3, video=1),
        ],
        rules=["Light the lamp before it is dark."],
        vocabulary=["north", "yes", "no", "on", "null", "1e3"],
    )


def test_round_trip(tmp_path):
    path = tmp_path / "new" / "outline.yaml"
    model().save(path)
    assert RewardModel.load(path) == model()
    assert sorted(file.name for file in path.parent.iterdir()) == ["outline.yaml"]


@pytest.mark.parametrize(
    ("provenance", "origins"),
    [
        ({"videos": [{"origin": "human"}, {"origin": "searched"}, {"origin": "human"}]}, ["human", "searched"]),
        ({"origins": ["searched"]}, ["searched"]),
        ({}, []),
        ({"videos": "hostile", "origins": {"a": 1}}, []),
        ({"videos": [7, {"origin": ["x"]}, {"origin": "scripted"}], "origins": [None]}, ["scripted"]),
    ],
)
def test_who_played_in_the_videos(provenance, origins):
    assert RewardModel(provenance=provenance).origins == origins


def test_arrays_are_kept_beside_the_yaml(tmp_path):
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "outline.yaml"
    saved = model()
    saved.arrays = {"places": numpy.arange(6, dtype=numpy.float32).reshape(2, 3)}
    saved.save(path)
    loaded = RewardModel.load(path)
    assert loaded.arrays["places"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert "places" not in path.read_text()


def test_pickled_arrays_are_refused(tmp_path):
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "outline.yaml"
    model().save(path)
    numpy.savez(path.with_suffix(".npz"), hostile=numpy.array([object()], dtype=object))
    with pytest.raises(RecordError, match="allow_pickle"):
        RewardModel.load(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("outline:\n  - {cue: a, actoin: b}\n", "action"),
        ("outline:\n  - {cue: a, action: b, weight: -1}\n", "weight"),
        ("provenance: !!python/object/apply:os.system [id]\n", "tag"),
        ("rules: []\nrules: []\n", "rules"),
        ("outline: 3\n", "outline"),
    ],
)
def test_bad_files_are_named_with_file_and_line(tmp_path, text, complaint):
    path = tmp_path / "outline.yaml"
    path.write_text(text)
    with pytest.raises(RecordError, match=complaint) as error:
        RewardModel.load(path)
    assert "outline.yaml:" in str(error.value) and "\n" not in str(error.value).strip()
