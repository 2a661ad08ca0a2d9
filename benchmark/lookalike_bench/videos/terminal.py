"""Renders a text session to an MP4 as a terminal looks, so that a critic has a real video to watch.

    session = [
        Exchange(None, "West of House\\nYou are standing in an open field.", "West of House", "Score: 0  Moves: 0"),
        Exchange("north", "North of House", "North of House", "Score: 0  Moves: 1"),
    ]
    render_session(session, Path("zork.mp4"))

The screen is that of a Z-machine interpreter (Z-Machine Standard 1.1, 8.2): 80 columns, 26 rows, a status line in
inverse video on top, a prompt on which the typed command stands before its reply appears, and scrolling from
the bottom. Nothing runs off the top unseen: a reply longer than the screen is shown a screen at a time.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.errors import VideoError
from lookalike_bench.tasks.assets import Asset, resolve

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

    from lookalike_bench.types import Frame

VERSION = "1"
"""Raise it when the same session would give another video: part of the key under which videos are cached."""

FONT = Asset(
    name="DejaVuSansMono.ttf",
    sha256="602ec86b8948cfcd956482fe64f94c36c867770149ef2f791d4613f443bcecb3",
    sources=("pypi:matplotlib==3.9.2#matplotlib/mpl-data/fonts/ttf/DejaVuSansMono.ttf",),
    size=340_240,
    licence="Bitstream-Vera",
)

FRAMES_PER_SECOND = 4
TYPED_SECONDS = 0.75
REPLY_SECONDS = 1.25
SECONDS_PER_ROW = 0.1
KEPT_ROWS = 3
"""Rows of the last screen that stay visible when a long reply goes on, so that a viewer keeps the thread."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its reply; `typed` is None for the text that opens the session. `status` is the left end
    of the status line after the reply (the place), `score` the right end."""

    typed: str | None
    reply: str
    status: str = ""
    score: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How the terminal looks: sizes in characters and pixels, colours as (red, green, blue)."""

    columns: int = 80
    rows: int = 26
    font_size: int = 16
    margin: int = 6
    ink: tuple[int, int, int] = (216, 216, 208)
    paper: tuple[int, int, int] = (18, 20, 24)

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of a character's cell; DejaVu Sans Mono is 0.602 em wide."""
        return round(self.font_size * 0.602), round(self.font_size * 1.2)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, rounded up to even numbers as H.264's chroma planes need."""
        width, height = self.columns * self.cell[0] + 2 * self.margin, self.rows * self.cell[1] + 2 * self.margin
        return width + width % 2, height + height % 2

    @property
    def status_share(self) -> float:
        """The share of the picture's height that the status line takes: `mask_top` of a Video that hides it."""
        return (self.margin + self.cell[1]) / self.size[1]


class Screen:
    """The rows of a terminal below its status line, and the picture of them."""

    def __init__(self, look: Look, font: FreeTypeFont) -> None:
        self.look = look
        self.font = font
        self.rows: list[str] = []
        self.status = ("", "")
        self.cursor = False

    @property
    def height(self) -> int:
        return self.look.rows - 1

    def write(self, rows: Sequence[str]) -> Iterator[int]:
        """Append rows, and yield after each portion that fits on the screen with the number of rows in it."""
        portion = self.height - KEPT_ROWS
        for start in range(0, len(rows), portion):
            new = rows[start : start + portion]
            self.rows = [*self.rows, *new][-self.height :]
            yield len(new)

    def draw(self) -> Image:
        """The picture as it stands."""
        from PIL import Image, ImageDraw

        look, (width, height) = self.look, self.look.cell
        picture = Image.new("RGB", look.size, look.paper)
        pen = ImageDraw.Draw(picture)
        left, right = self.status
        space = look.columns - 2 - len(right)
        pen.rectangle((0, 0, look.size[0], look.margin + height - 1), fill=look.ink)
        self._text(pen, 0, f" {left[: space - 2]:<{space}}{right} ", look.paper)
        for number, row in enumerate(self.rows, start=1):
            self._text(pen, number, row, look.ink)
        if self.cursor and self.rows:
            x, y = look.margin + len(self.rows[-1]) * width, look.margin + len(self.rows) * height
            pen.rectangle((x, y + height // 8, x + width - 2, y + height - height // 8 - 1), fill=look.ink)
        return picture

    def _text(self, pen: object, row: int, text: str, colour: tuple[int, int, int]) -> None:
        # One character at a time: a terminal's cells are whole pixels, a font's advance is not.
        width, height = self.look.cell
        for column, character in enumerate(text):
            if character != " ":
                at = (self.look.margin + column * width, self.look.margin + row * height)
                pen.text(at, character, font=self.font, fill=colour)  # type: ignore[attr-defined]


def render_session(session: Sequence[Exchange], path: Path, look: Look | None = None) -> None:
    """Write the session to `path` as an MP4 (H.264, 4 frames per second). The same session gives the same bytes
    with the same versions of Pillow, libx264 and the font. Raises VideoError if there is nothing to render."""
    import av
    from PIL import ImageFont

    if not session:
        raise VideoError(f"{path}: a session without a single exchange cannot be rendered")
    look = look or Look()
    screen = Screen(look, ImageFont.truetype(str(resolve(FONT)), look.font_size))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.mp4")
    # bitexact keeps the muxer's version out of the file; a fixed number of threads keeps the encoder's out.
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(partial), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height = look.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "18", "threads": "2", "g": str(10 * FRAMES_PER_SECOND)}
        for picture, seconds in screens(session, screen):
            for _ in range(round(seconds * FRAMES_PER_SECOND)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    partial.replace(path)


def screens(session: Sequence[Exchange], screen: Screen) -> Iterator[tuple[Frame, float]]:
    """The pictures of a session in order, each with the seconds that it stays."""
    import numpy as np

    for exchange in session:
        # 1. The command is typed on the prompt, under the status line of before.
        if exchange.typed is not None:
            prompt = textwrap.wrap(">" + exchange.typed, screen.look.columns - 1) or [">"]
            screen.rows = [*screen.rows[:-1], *prompt][-screen.height :]
            screen.cursor = True
            yield np.asarray(screen.draw()), TYPED_SECONDS
        # 2. The reply appears, a screen at a time, and below it a new prompt.
        screen.status = (exchange.status, exchange.score)
        rows = [*wrap(exchange.reply, screen.look.columns), "", ">"]
        shown = 0
        for count in screen.write(rows):
            shown += count
            screen.cursor = shown == len(rows)
            yield np.asarray(screen.draw()), REPLY_SECONDS + SECONDS_PER_ROW * count


def wrap(text: str, columns: int) -> list[str]:
    """The rows on which a text stands. Line breaks and indents are the game's; long lines break at words."""
    rows: list[str] = []
    for line in text.rstrip().splitlines():
        rows += textwrap.wrap(line, columns, drop_whitespace=True, replace_whitespace=False) or [""]
    return rows


def transcript(session: Sequence[Exchange]) -> str:
    """The session as text, without its status line: the truth that a reading of the video is measured against."""
    parts = []
    for exchange in session:
        if exchange.typed is not None:
            parts.append(">" + exchange.typed)
        parts.append(exchange.reply.rstrip())
    return "\n".join(parts) + "\n"
