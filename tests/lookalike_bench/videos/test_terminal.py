"""The renderer: what a viewer of the video sees."""

from __future__ import annotations

import numpy as np
import pytest
from lookalike_bench.errors import VideoError
from lookalike_bench.tasks.assets import resolve
from lookalike_bench.videos.terminal import FONT, Exchange, Look, Screen, render_session, screens, transcript, wrap
from PIL import ImageFont

from tests.rendered_session import SESSION, require_font


@pytest.fixture
def screen() -> Screen:
    require_font()
    return Screen(Look(), ImageFont.truetype(str(resolve(FONT)), Look().font_size))


def test_same_session_gives_the_same_bytes(tmp_path):
    require_font()
    render_session(SESSION[:4], tmp_path / "one.mp4")
    render_session(SESSION[:4], tmp_path / "two.mp4")
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.mp4", "two.mp4"]


def test_typed_command_stands_before_its_reply(screen):
    seen = []
    for _, seconds in screens(SESSION[:3], screen):
        seen.append((screen.rows[-1], seconds))
    assert [row for row, _ in seen] == [">", ">north", ">", ">Take key", ">"]
    assert all(seconds >= 0.5 for row, seconds in seen if row != ">")
    assert all(seconds >= 1.0 for row, seconds in seen if row == ">")


def test_every_row_of_a_reply_longer_than_the_screen_is_shown(screen):
    reply = "\n".join(f"line {number}" for number in range(100))
    shown: set[str] = set()
    for _ in screens([Exchange(None, "Start"), Exchange("read", reply)], screen):
        assert len(screen.rows) <= Look().rows - 1
        shown |= set(screen.rows)
    assert {f"line {number}" for number in range(100)} <= shown


def test_score_is_inside_the_masked_share_and_nowhere_else(screen):
    pictures = []
    for score in ("Score: 0", "Score: 350"):
        screen.status = ("Cellar", score)
        screen.rows = ["Cellar", "", ">"]
        pictures.append(np.asarray(screen.draw()))
    masked = int(np.ceil(Look().status_share * pictures[0].shape[0]))
    assert (pictures[0][:masked] != pictures[1][:masked]).any()
    assert (pictures[0][masked:] == pictures[1][masked:]).all()


def test_nothing_to_render(tmp_path):
    with pytest.raises(VideoError, match="without a single exchange"):
        render_session([], tmp_path / "none.mp4")


def test_wrap_breaks_at_words_and_keeps_indents():
    assert wrap("You see:\n  a lamp\n\n" + "word " * 5, 12) == [
        "You see:",
        "  a lamp",
        "",
        "word word",
        "word word",
        "word",
    ]


def test_transcript_has_no_status_line():
    text = transcript(SESSION)
    assert ">Take key\nTaken.\n" in text
    assert "Score" not in text
