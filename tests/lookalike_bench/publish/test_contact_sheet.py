"""The contact sheet: a frame for each step of an outline, as a page that fetches nothing and escapes all text."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
from lookalike_bench.publish.contact_sheet import write_sheet
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.reward_models.sheet import MOST_MOMENTS, outline_sheet
from PIL import Image

from tests.lookalike_plugins.critics.small_video import colour_of, write_video


def outline(times: list[float]) -> RewardModel:
    steps = [OutlineStep(cue=f"place {time}", action=f"<b>go {time}</b>", time=time) for time in times]
    return RewardModel(outline=steps, rules=["Hostile </style><script>alert(1)</script>\u202e"])


def test_each_step_has_the_frame_of_its_time(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4")
    sheet = outline_sheet(outline([4.6, 0.5, 2.5]), [video])
    assert sheet is not None
    assert [colour_of(moment.pictures[0]) for moment in sheet.moments] == [0, 2, 4], "a colour for each second"
    assert "place 2.5" in sheet.moments[1].facts


def test_a_long_outline_is_thinned_out_evenly(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4")
    sheet = outline_sheet(outline([number / 100 for number in range(500)]), [video])
    assert sheet is not None and len(sheet.moments) == MOST_MOMENTS
    progress = [moment.progress for moment in sheet.moments]
    assert progress == sorted(progress) and progress[0] == 0 and progress[-1] > 0.98


def test_without_an_outline_or_a_video_there_is_no_sheet(tmp_path: Path) -> None:
    assert outline_sheet(RewardModel(rules=["Go."]), [write_video(tmp_path / "play.mp4")]) is None
    assert outline_sheet(outline([1.0]), []) is None


def test_the_page_holds_its_pictures_and_no_script(tmp_path: Path) -> None:
    video = write_video(tmp_path / "play.mp4")
    learned = outline([0.5, 2.5])
    sheet = outline_sheet(learned, [video])
    assert sheet is not None
    write_sheet(tmp_path / "sheet.html", "zork", learned, sheet)
    page = (tmp_path / "sheet.html").read_text()
    stored = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in stored]
    assert [colour_of(picture) for picture in pictures] == [0, 2]
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert "&lt;b&gt;go 0.5" in page and "⟨U+202E⟩" in page
