"""Writes a sequence of pictures as an MP4, so that play in a pixel game becomes a video that a critic can watch.

write_pictures(environment.film(seed=3, actions=["up", "up", "left"]), Path("maze.mp4"), frames_per_second=15)
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.errors import VideoError

if TYPE_CHECKING:
    from lookalike_bench.types import Frame

VERSION = "1"
"""Raise it when the same pictures would give another video: part of the key under which videos are cached."""


def write_pictures(pictures: Iterable[Frame], path: Path, frames_per_second: int) -> None:
    """Write pictures of one size, (height, width, 3) uint8 RGB with even sides, as H.264.

    The file appears whole or not at all, and the same pictures give the same bytes with the same libx264.
    Raises VideoError if there are no pictures, or if one has another size.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.mp4")
    size: tuple[int, ...] | None = None
    try:
        # bitexact keeps the muxer's version out of the file; a fixed number of threads keeps the encoder's out.
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        with av.open(str(partial), "w", format="mp4", options=options) as container:
            stream = container.add_stream("libx264", rate=frames_per_second)
            stream.pix_fmt = "yuv420p"
            stream.options = {"preset": "veryfast", "crf": "15", "threads": "1", "g": str(4 * frames_per_second)}
            for picture in pictures:
                if size is None:
                    size = picture.shape
                    stream.height, stream.width = size[:2]
                if picture.shape != size:
                    raise VideoError(f"{path}: a picture of {picture.shape} after pictures of {size}")
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if size is None:
                raise VideoError(f"{path}: there is no picture to write")
            container.mux(stream.encode(None))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
