"""A critic that has watched already: its reward model is a file that another critic wrote or a person edited.

critic: {outline: my-outline.yaml}
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from lookalike_bench.errors import CriticFailure, PluginError
from lookalike_bench.plugins.critic import Critic
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.types import Brief
from lookalike_bench.videos.video import Video


class Outline(Critic):
    """Gives the reward model that stands in the YAML file `path`, whatever the videos."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise PluginError(f"critic: there is no outline file {self.path}")

    @property
    def identity(self) -> dict[str, object]:
        return {"outline": hashlib.sha256(self.path.read_bytes()).hexdigest()}

    async def watch(self, videos: Sequence[Video], brief: Brief) -> RewardModel:
        """Read the file. Raises RecordError if it is not a reward model, and CriticFailure if it is one of pictures,
        which is more than its outline."""
        reward_model = await asyncio.to_thread(RewardModel.load, self.path)
        if reward_model.arrays:
            maker = reward_model.provenance.get("critic", "another critic")
            raise CriticFailure(
                f"{self.path}: what {maker} learned of pictures is more than its outline, and only {maker} can "
                f"judge by it: critic: {{plugin: {maker}}}"
            )
        return reward_model
