"""Videos made ready to be shown to a model: cut, masked, as pictures, and never with what it must not see.

A video file that is given to a model whole would show it the masked part and what lies outside of start and end.
So where there is a mask or a cut, what the model gets is a new video that has nothing else in it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike_bench.errors import VideoError
from lookalike_bench.videos.frames import VideoFrame, read_frames
from lookalike_bench.videos.video import Video

if TYPE_CHECKING:
    from lookalike_bench.types import Frame

LARGEST_PNG = 200_000
"""Bytes. A terminal is small as PNG, with every letter exact; a picture that is larger goes as JPEG."""


def duration(path: Path) -> float:
    """Seconds. Raises VideoError."""
    import av

    try:
        with av.open(str(path)) as container:
            if container.duration is None:
                raise VideoError(f"{path}: does not say how long it is")
            return container.duration / av.time_base
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: not a video ({error.strerror or type(error).__name__})") from None


def frame_windows(video: Video, fps: float, size: int) -> Iterator[list[VideoFrame]]:
    """The frames where the picture changed, `size` at a time."""
    window: list[VideoFrame] = []
    for frame in read_frames(video, fps):
        window.append(frame)
        if len(window) == size:
            yield window
            window = []
    if window:
        yield window


def is_whole(video: Video) -> bool:
    """Whether the file itself may be shown: nothing in it is masked or cut away."""
    return video.mask_top == 0 and video.start == 0 and video.end is None


def write_clip(video: Video, path: Path, fps: float = 4.0) -> None:
    """Write what may be seen of a video to `path`, as H.264 in MP4: the seconds from its start to its end, with the
    mask in black. Times in it count from 0. Raises VideoError."""
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = None
        for number, frame in enumerate(read_frames(video, fps, changed_only=False)):
            # H.264's chroma planes need even sizes.
            image = frame.image[: frame.image.shape[0] // 2 * 2, : frame.image.shape[1] // 2 * 2]
            if stream is None:
                stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.options = {"preset": "veryfast", "crf": "20"}
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts = number
            picture.time_base = 1 / Fraction(fps).limit_denominator(1000)
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())


def encode_picture(image: Frame) -> tuple[str, bytes]:
    """A picture as (media type, bytes): PNG, or JPEG where that would be large."""
    from PIL import Image

    picture = Image.fromarray(image)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    if buffer.tell() <= LARGEST_PNG:
        return "image/png", buffer.getvalue()
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return "image/jpeg", buffer.getvalue()
