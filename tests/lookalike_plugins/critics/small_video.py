"""A small real video file, whose every second has a colour of its own below a white strip at the top."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

from lookalike_bench.videos.video import Video

COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (40, 200, 200), (200, 40, 200)]
"""Red, green, blue, ...: the colour of each second."""
STRIP = 0.25
"""The share of the picture's height that a critic must not see."""


def write_video(path: Path, seconds: int = 6, fps: int = 4, **shown: object) -> Video:
    """Write the video and say how it is to be watched."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(seconds * fps):
            image = np.empty((64, 96, 3), np.uint8)
            image[:] = COLOURS[number // fps % len(COLOURS)]
            image[: int(64 * STRIP)] = 255
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Video(path, hashlib.sha256(path.read_bytes()).hexdigest(), "human", **shown)  # type: ignore[arg-type]


def colour_of(image: object) -> int:
    """Which second's colour the lower part of a picture has."""
    import numpy as np

    middle = np.asarray(image)[48, 48].astype(int)
    return int(np.argmin([np.abs(middle - colour).sum() for colour in COLOURS]))


def strip_is_black(image: object) -> bool:
    import numpy as np

    return bool(np.asarray(image)[: int(64 * STRIP) - 1].max() < 30)
