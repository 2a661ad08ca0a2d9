"""The reward model: an outline of the steps that a human took, rules and vocabulary, with provenance.

As a file it is YAML that a person can read, edit and give back with `critic: {outline: file}`:

    provenance: {critic: transcript, ...}
    outline:
      - cue: "West of House. You are standing in an open field west of a white house."
        action: north
        outcome: "North of House. You are facing the north side of a white house."
        weight: 1.0
        time: 2.0
    rules: []
    vocabulary: [north, ...]

A critic of pictures keeps numbers too: `arrays`, stored beside the YAML as .npz (read without pickle).
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from lookalike_bench.errors import RecordError


class OutlineStep(BaseModel):
    """One step that the human took: what was on the screen (`cue`), what was done (`action`), what came of it
    (`outcome`). `weight` is how much the step matters (0: a detour, 1: an ordinary step, more: a milestone);
    `time` is seconds into the video and `frame` the index of the frame that showed it."""

    model_config = ConfigDict(extra="forbid")

    cue: str
    action: str
    outcome: str = ""
    milestone: str = ""
    weight: float = Field(default=1.0, ge=0)
    time: float = Field(default=0.0, ge=0)
    frame: int = Field(default=0, ge=0)
    video: int = Field(default=0, ge=0)


class RewardModel(BaseModel):
    """What a critic learned. `provenance` says what made it; `quality` what is known of how well."""

    model_config = ConfigDict(extra="forbid")

    provenance: dict[str, Any] = Field(default_factory=dict)
    quality: dict[str, float] = Field(default_factory=dict)
    outline: list[OutlineStep] = Field(default_factory=list)
    rules: list[str] = Field(default_factory=list)
    vocabulary: list[str] = Field(default_factory=list)
    arrays: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)

    @property
    def origins(self) -> list[str]:
        """Who played in the videos: "human", "searched", ... What a stranger's file may have instead is passed over."""
        # `origins` is how critics of pixels told it at first: some reward models are published so.
        videos, named = (self.provenance.get(key) for key in ("videos", "origins"))
        told = [video.get("origin") if isinstance(video, dict) else None for video in _listed(videos)] + _listed(named)
        return list(dict.fromkeys(origin for origin in told if isinstance(origin, str)))

    def save(self, path: Path) -> None:
        """Write the YAML, and the arrays beside it if there are any."""
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.arrays:
            import numpy as np

            arrays = path.with_suffix(".npz.partial")
            with arrays.open("wb") as file:
                np.savez_compressed(file, **self.arrays)
            arrays.replace(path.with_suffix(".npz"))
        # The YAML comes last: where it stands, the arrays stand too.
        partial = path.with_suffix(path.suffix + ".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> RewardModel:
        """Read what `save` wrote, or what a person made of it. Raises RecordError."""
        from lookalike_bench.tasks.yaml_file import read_yaml

        document = read_yaml(path, error=RecordError)
        reward_model = document.validate(cls)
        if path.with_suffix(".npz").exists():
            import numpy as np

            try:
                with np.load(path.with_suffix(".npz"), allow_pickle=False) as stored:
                    reward_model.arrays = dict(stored)
            except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
                raise RecordError(f"{path.with_suffix('.npz')}: damaged: {error}") from error
        return reward_model


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
