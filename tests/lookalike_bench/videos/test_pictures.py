from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lookalike_bench.errors import VideoError
from lookalike_bench.videos.frames import read_frames
from lookalike_bench.videos.pictures import write_pictures
from lookalike_bench.videos.video import Video


def pictures(count: int, side: int = 64) -> list[np.ndarray]:
    """A white square that walks to the right, 4 pixels a picture."""
    made = []
    for number in range(count):
        picture = np.full((side, side, 3), 40, np.uint8)
        picture[20:36, 4 * number : 4 * number + 16] = 250
        made.append(picture)
    return made


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    write_pictures(pictures(10), path, frames_per_second=15)
    frames = list(read_frames(Video(path, "", "scripted"), fps=15, changed_only=False))
    assert len(frames) == 10
    for frame, picture in zip(frames, pictures(10), strict=True):
        assert np.abs(frame.image.astype(int) - picture).mean() < 6


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_pictures(pictures(6), tmp_path / name, frames_per_second=15)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("wrong", [[], [*pictures(2), *pictures(1, side=32)]], ids=["none", "another size"])
def test_nothing_half_written_stays(tmp_path: Path, wrong: list[np.ndarray]) -> None:
    with pytest.raises(VideoError, match="picture"):
        write_pictures(wrong, tmp_path / "x.mp4", frames_per_second=15)
    assert list(tmp_path.iterdir()) == []
