"""A short session of a made-up text game, and the files that the video tests make of it."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest
from lookalike_bench.errors import AssetUnavailable
from lookalike_bench.tasks.assets import resolve
from lookalike_bench.videos import terminal
from lookalike_bench.videos.terminal import Exchange, Look
from lookalike_bench.videos.video import Video

ROOM = "{name}\nThis is the {name_lower} of the lighthouse, which nobody has swept for a long time. {more}"


def _room(name: str, more: str) -> str:
    return ROOM.format(name=name, name_lower=name.lower(), more=more)


SESSION = [
    Exchange(
        None, "THE LIGHTHOUSE\nAn example.\n\n" + _room("Rocky Shore", "A path leads north."), "Rocky Shore", "Score: 0"
    ),
    Exchange("north", _room("Garden", "There is a brass key here."), "Garden", "Score: 7341"),
    Exchange("Take key", "Taken.", "Garden", "Score: 7342"),
    Exchange("east", _room("Tool Shed", "It is empty."), "Tool Shed", "Score: 7343"),
    Exchange("west", "Garden", "Garden", "Score: 7343"),
    Exchange("open the door", "You can't see any door here!", "Garden", "Score: 7343"),
    Exchange("n", _room("Hall", "A stair winds up. A letter lies on the floor."), "Hall", "Score: 7344"),
    Exchange("read letter", "Dear keeper,\nthe lamp must burn tonight.\nTwo ships are due.", "Hall", "Score: 7344"),
    Exchange("go up", _room("Lamp Room", "The sea is far below."), "Lamp Room", "Score: 7399"),
]
COMMANDS = [exchange.typed.lower() for exchange in SESSION if exchange.typed]


def require_font() -> None:
    """Skip the test where the renderer's font can neither be found nor fetched."""
    try:
        resolve(terminal.FONT)
    except AssetUnavailable as error:
        pytest.skip(str(error).splitlines()[0])


def as_video(path: Path, **settings: float) -> Video:
    return Video(path, hashlib.sha256(path.read_bytes()).hexdigest(), "scripted", **settings)


def render(path: Path, look: Look | None = None, session: list[Exchange] = SESSION) -> Video:
    """The session as a video with its status line masked."""
    require_font()
    look = look or Look()
    terminal.render_session(session, path, look)
    return as_video(path, mask_top=look.status_share)


def convert(source: Path, target: Path, size: tuple[int, int], crf: int = 28) -> None:
    """The same pictures as another program would record them: scaled, compressed harder, and with a frame only
    where the picture changes or half a second has passed, at uneven times."""
    import av

    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream("libx264", rate=1000)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(given.decode(video=0)):
            if number % 3 == 1:
                continue
            frame = frame.reformat(*size, format="yuv420p", interpolation="BICUBIC")
            frame.pts = round(float(frame.time or 0) * 1000) + (number * 37) % 90
            frame.time_base = Fraction(1, 1000)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
