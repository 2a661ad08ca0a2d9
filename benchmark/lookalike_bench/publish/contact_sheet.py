"""A contact sheet as one page: what the critic learned, to be understood at a glance.

write_sheet(Path("maze.html"), task="procgen-maze", reward_model=reward_model, sheet=sheet)
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.publish.pages import render, write_page

if TYPE_CHECKING:
    from lookalike_bench.reward_models.model import RewardModel
    from lookalike_bench.reward_models.sheet import Sheet
    from lookalike_bench.types import Frame


LARGE = 400
"""Pixels across from which on a picture is a screen, of few colours."""


def write_sheet(path: Path, task: str, reward_model: RewardModel, sheet: Sheet) -> None:
    """Write the page, whole or not at all."""
    write_page(path, render("sheet.html", task=task, reward_model=reward_model, sheet=sheet, address=_address))


def _address(picture: Frame) -> str:
    """A picture as a data: address, so that the page fetches nothing."""
    from PIL import Image

    image, stored = Image.fromarray(picture), io.BytesIO()
    # The noise of a video's compression would fill megabytes; a small picture keeps all its colours.
    (image.quantize(24) if image.width > LARGE else image).save(stored, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stored.getvalue()).decode()}"
