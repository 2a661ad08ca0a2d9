"""The grid of a terminal, and rows that stay, change and scroll."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalike_plugins.critics.ocr import Reading, repair
from lookalike_plugins.critics.screen import find_grid, ink_profile, read_rows
from lookalike_plugins.critics.scrollback import Scrollback
from PIL import Image, ImageDraw


class Stamps:
    """A reader of pictures that bear a number as so many bars."""

    name = "stamps"

    def __init__(self) -> None:
        self.read_rows = 0

    def read(self, line):
        self.read_rows += 1
        dark = (line < 128).any(axis=0)
        return Reading(f"row {int((dark[1:] & ~dark[:-1]).sum())}", 1.0)


def picture(numbers: list[int], pitch: int = 20, rows: int = 12, light: bool = False, noise: int = 0):
    """A terminal whose row k shows numbers[k] thin bars (0: blank)."""
    image = Image.new("L", (500, rows * pitch), 250 if light else 20)
    pen = ImageDraw.Draw(image)
    for row, number in enumerate(numbers):
        for bar in range(number):
            top = row * pitch + 3
            pen.rectangle((10 + bar * 9, top, 11 + bar * 9, top + pitch - 7), fill=10 if light else 220)
    array = np.repeat(np.asarray(image)[:, :, None], 3, axis=2).astype(np.int16)
    if noise:
        array += np.random.default_rng(0).integers(-noise, noise + 1, array.shape).astype(np.int16)
    return np.clip(array, 0, 255).astype(np.uint8)


@settings(max_examples=15, deadline=None)
@given(pitch=st.integers(12, 48), light=st.booleans(), noise=st.integers(0, 6))
def test_grid_is_found_whatever_its_pitch(pitch, light, noise):
    image = picture([3, 9, 1, 0, 20, 7, 2, 0, 12, 5, 6, 2], pitch, light=light, noise=noise)
    grid = find_grid(ink_profile(image))
    assert grid is not None
    rows = read_rows(image, grid)
    assert [row.image is not None for row in rows if len(row.whole) > pitch / 2] == [
        number > 0 for number in [3, 9, 1, 0, 20, 7, 2, 0, 12, 5, 6, 2]
    ]


def test_blank_picture_has_no_grid():
    assert find_grid(ink_profile(picture([]))) is None


def show_all(screens: list[list[int]]) -> tuple[Scrollback, Stamps]:
    reader = Stamps()
    scrollback = Scrollback(reader)
    images = [picture(numbers, noise=3) for numbers in screens]
    grid = find_grid(sum(ink_profile(image) for image in images))
    assert grid is not None
    for time, image in enumerate(images):
        scrollback.show(read_rows(image, grid), float(time), time)
    return scrollback, reader


def test_scrolled_rows_are_known_again_and_read_once():
    history = [5, 3, 0, 8, 2, 11, 4, 0, 9, 7, 1, 12, 6, 13, 0, 10, 14]
    scrollback, reader = show_all([history[start : start + 12] for start in (0, 2, 5)])
    assert [line.text for line in scrollback.lines] == [f"row {number}" if number else "" for number in history]
    assert reader.read_rows == sum(number > 0 for number in history)
    assert scrollback.redraws == 0


def test_row_that_changes_in_place_is_read_again():
    scrollback, _ = show_all([[5, 3, 1], [5, 3, 4], [5, 3, 4, 0, 7]])
    assert [line.text for line in scrollback.lines] == ["row 5", "row 3", "row 4", "", "row 7"]
    assert [line.time for line in scrollback.lines] == [0, 0, 1, 2, 2]


def test_cleared_screen_loses_nothing_that_was_read():
    scrollback, _ = show_all([[5, 3, 8, 9, 2, 7], [14, 12, 15, 11]])
    assert [line.text for line in scrollback.lines] == [f"row {n}" for n in (5, 3, 8, 9, 2, 7, 14, 12, 15, 11)]
    assert scrollback.redraws == 1


@pytest.mark.parametrize(
    ("read", "text"),
    [
        ("0pen window", "Open window"),
        (">0pen sack", ">Open sack"),
        ("a sma1l c0ld room", "a small cold room"),
        ("open to page 569.", "open to page 569."),
        ("at 10.05", "at 10.05"),
        ("\u201cHello\u201d", '"Hello"'),
    ],
)
def test_repair_by_spelling(read, text):
    assert repair(read) == text
