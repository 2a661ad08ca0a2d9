"""Reads the frames of a video in order, sampled by time, and keeps those where the picture changed.

    for frame in read_frames(Video(Path("zork.mp4"), sha256, "human", mask_top=0.05)):
        print(frame.time, frame.image.shape)

A sample at time t is the last frame whose timestamp is <= t, which is also right where the frame rate varies
and where an index or a seek would miss. One frame is held in memory at a time, whatever the video's length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lookalike_bench.errors import VideoError
from lookalike_bench.videos.video import Video

if TYPE_CHECKING:
    import av
    import av.container
    import numpy as np
    from numpy.typing import NDArray

    from lookalike_bench.types import Frame

GRID = (160, 90)
"""Width and height of the small grey picture on which two frames are compared."""

NOT_VIDEO = ("tty", "image2", "_pipe", "gif")
"""Demuxers that would read a text file or a picture as if it were a video."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One sampled frame: `time` in seconds from the start of the file, `index` counted in decoded frames,
    `image` (height, width, 3) uint8 RGB with the video's masked top in black."""

    time: float
    index: int
    image: Frame = field(repr=False, compare=False)


def read_frames(
    video: Video, fps: float = 2.0, changed_only: bool = True, threshold: float = 6.0, largest: int | None = None
) -> Iterator[VideoFrame]:
    """Sample the video `fps` times a second between its start and end.

    With `changed_only` a sample is kept when some cell of its 160 x 90 grey picture differs from the last kept
    one by more than `threshold` grey levels (of 255): one typed letter does, compression noise does not.
    Pictures wider or higher than `largest` pixels are scaled down to it by the decoder.
    Raises VideoError if the file is not a video, is empty or is cut short.
    """
    import numpy as np

    if not (math.isfinite(fps) and fps > 0):
        raise VideoError(f"{video.path}: frames per second must be above 0, not {fps}")
    kept: NDArray[np.int16] | None = None
    for time, index, frame in _samples(video, fps):
        if changed_only:
            grid = frame.reformat(*GRID, format="gray", interpolation="AREA").to_ndarray().astype(np.int16)
            grid[: math.ceil(video.mask_top * GRID[1])] = 0
            if kept is not None and np.abs(grid - kept).max() <= threshold:
                continue
            kept = grid
        scale = max(1.0, max(frame.width, frame.height) / largest) if largest else 1.0
        scaled = frame.reformat(round(frame.width / scale), round(frame.height / scale)) if scale > 1 else frame
        image: Frame = scaled.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
        image[: math.ceil(video.mask_top * image.shape[0])] = 0
        yield VideoFrame(time, index, image)


def _samples(video: Video, fps: float) -> Iterator[tuple[float, int, av.VideoFrame]]:
    """Times, frame indices and frames: at each sample time the last frame that had appeared by then."""
    sample = 0
    last: av.VideoFrame | None = None
    index = -1
    for shown_from, frame in _decode(video):
        while last is not None and (time := video.start + sample / fps) < shown_from:
            if video.end is not None and time >= video.end:
                return
            yield time, index, last
            sample += 1
        # The first frame stands from the beginning, even where its timestamp is a little later.
        last, index = frame, index + 1
        last_from = shown_from
    if last is None:
        raise VideoError(f"{video.path}: no frame could be decoded: the video is empty or damaged")
    end = last_from + (float(last.duration * last.time_base) if last.duration and last.time_base else 1 / fps)
    while (time := video.start + sample / fps) < min(end, video.end or math.inf):
        yield time, index, last
        sample += 1
    if sample == 0:
        raise VideoError(f"{video.path}: nothing to watch from {video.start:g} s on: the video ends at {end:.1f} s")


def _decode(video: Video) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every frame in the order of display, with its time in seconds. Raises VideoError."""
    import av

    if not video.path.is_file():
        raise VideoError(f"{video.path}: there is no such video file")
    if video.path.stat().st_size == 0:
        raise VideoError(f"{video.path}: the file is empty")
    try:
        with av.open(str(video.path)) as container:
            if any(name.endswith(NOT_VIDEO) for name in container.format.name.split(",")):
                raise VideoError(f"{video.path}: not a video, but {container.format.long_name}")
            if not container.streams.video:
                raise VideoError(f"{video.path}: has no video stream, only {_kinds(container)}")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            begin, time, count = None, 0.0, 0
            for frame in container.decode(stream):
                count += 1
                if frame.time is None:
                    continue
                begin = frame.time if begin is None else begin
                time = frame.time - begin
                yield time, frame
            declared, frames = _declared(container, stream), stream.frames
    except av.FFmpegError as error:
        raise VideoError(f"{video.path}: not a video, or cut short or damaged ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise VideoError(f"{video.path}: not a video, or damaged ({error})") from error
    # Where several threads decode, a damaged frame may be left out without a word.
    if count < 0.99 * frames - 1:
        raise VideoError(f"{video.path}: cut short or damaged: {count} of {frames} frames can be read")
    if declared - time > max(2.0, 0.02 * declared):
        raise VideoError(f"{video.path}: cut short: ends at {time:.1f} s of {declared:.1f} s")


def _declared(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """How many seconds of pictures the file says that it has, each kind of file in its own way; 0 if it does not."""
    said = [0.0]
    if stream.duration and stream.time_base:
        said.append(float(stream.duration * stream.time_base))
    if stream.frames and stream.average_rate:
        said.append(float(stream.frames / stream.average_rate))
    # Where there is nothing but pictures, the whole lasts as long as they do; Matroska knows no other duration.
    if container.duration and len(container.streams) == 1:
        said.append(container.duration / 1_000_000)
    return max(said)


def _kinds(container: av.container.InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
