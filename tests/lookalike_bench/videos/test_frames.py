"""Frames: sampled by time, exact with a variable frame rate, and clear about what is not a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from lookalike_bench.errors import VideoError
from lookalike_bench.videos.frames import read_frames
from lookalike_bench.videos.video import Video

from tests.rendered_session import as_video


def write_video(path: Path, times: list[float], size: tuple[int, int] = (64, 48)) -> Video:
    """A video whose frame k is one grey, 4 * k, shown from times[k] (seconds) on."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1000)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "0", "preset": "ultrafast"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 4 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return as_video(path)


VARIABLE = [0.0, 0.04, 0.3, 0.31, 1.2, 1.25, 1.9, 2.6, 2.601, 4.0, 4.7]


def test_sample_is_the_last_frame_that_had_appeared_by_then(tmp_path):
    video = write_video(tmp_path / "variable.mp4", VARIABLE)
    samples = list(read_frames(video, fps=10, changed_only=False))
    assert [sample.time for sample in samples[:5]] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    for sample in samples:
        expected = max(index for index, time in enumerate(VARIABLE) if time <= sample.time + 1e-9)
        assert sample.index == expected
        assert abs(int(sample.image[10, 10, 0]) - 4 * expected) <= 2
    assert samples[-1].time >= 4.6


def test_changed_only_keeps_a_frame_for_each_change(tmp_path):
    times = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    video = write_video(tmp_path / "changes.mp4", times)
    kept = [frame.index for frame in read_frames(video, fps=4, threshold=6)]
    assert kept == [0, 2, 4, 6], "steps of 4 grey levels: every second frame differs by more than 6 from the kept one"


def test_start_and_end_cut_in_seconds(tmp_path):
    video = write_video(tmp_path / "cut.mp4", VARIABLE)
    cut = Video(video.path, video.sha256, video.origin, start=1.0, end=2.0)
    assert [frame.time for frame in read_frames(cut, fps=4, changed_only=False)] == pytest.approx(
        [1.0, 1.25, 1.5, 1.75]
    )
    late = Video(video.path, video.sha256, video.origin, start=60.0)
    with pytest.raises(VideoError, match="nothing to watch from 60 s on"):
        list(read_frames(late))


def test_masked_top_is_black_and_does_not_count_as_a_change(tmp_path):
    video = write_video(tmp_path / "mask.mp4", VARIABLE)
    masked = Video(video.path, video.sha256, video.origin, mask_top=0.25)
    frames = list(read_frames(masked, fps=2, changed_only=False))
    assert frames[-1].image[:12].max() == 0
    assert frames[-1].image[12:].min() > 0
    hidden = Video(video.path, video.sha256, video.origin, mask_top=1.0)
    assert len(list(read_frames(hidden, fps=2))) == 1


def test_large_pictures_are_read_one_at_a_time(tmp_path):
    video = write_video(tmp_path / "4k.mp4", [0.0, 0.5, 1.0], size=(3840, 2160))
    frames = read_frames(video, fps=2, changed_only=False)
    assert next(frames).image.shape == (2160, 3840, 3)
    assert len(list(frames)) >= 2


def test_large_pictures_are_scaled_down_where_less_will_do(tmp_path):
    video = write_video(tmp_path / "4k.mp4", [0.0, 0.5, 1.0], size=(3840, 2160))
    frames = list(read_frames(video, fps=2, changed_only=False, largest=1024))
    assert {frame.image.shape for frame in frames} == {(576, 1024, 3)}
    assert [round(int(frame.image[200, 200, 1]) / 4) for frame in frames[:3]] == [0, 1, 2]
    small = write_video(tmp_path / "small.mp4", [0.0, 0.5])
    assert next(read_frames(small, largest=1024)).image.shape == (48, 64, 3)


def test_a_video_without_frames(tmp_path):
    import av

    with av.open(str(tmp_path / "none.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(VideoError, match=r"none\.mp4: (has no video stream|no frame could be decoded)"):
        list(read_frames(Video(tmp_path / "none.mp4", "", "human")))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "the file is empty"),
        ("notes.txt", b"north\nsouth\n" * 500, "not a video"),
        ("noise.mp4", bytes(range(256)) * 40, "not a video"),
    ],
)
def test_what_is_no_video_is_said_in_one_line(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VideoError, match=reason) as caught:
        list(read_frames(Video(path, "", "human")))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(VideoError, match="there is no such video"):
        list(read_frames(Video(tmp_path / "none.mp4", "", "human")))


def test_picture_is_no_video(tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 48)).save(tmp_path / "picture.png")
    with pytest.raises(VideoError, match="not a video"):
        list(read_frames(Video(tmp_path / "picture.png", "", "human")))


def test_truncated_video(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", [number / 4 for number in range(60)], size=(640, 480))
    data = whole.path.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(VideoError, match="cut short"):
        list(read_frames(Video(cut, "", "human")))


@pytest.mark.parametrize(("rate", "left"), [(4, 0.67), (15, 0.95)])
def test_truncated_video_whose_index_comes_first(tmp_path, rate, left):
    import av

    # At 15 frames a second, what is lost of 60 frames is less than a second.
    whole = write_video(tmp_path / "whole.mp4", [number / rate for number in range(60)], size=(640, 480))
    fast = tmp_path / "fast.mp4"
    with av.open(str(whole.path)) as given, av.open(str(fast), "w", options={"movflags": "+faststart"}) as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    data = fast.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: int(left * len(data))])
    with pytest.raises(VideoError, match="cut short"):
        list(read_frames(Video(cut, "", "human")))


@pytest.mark.parametrize("kind", ["mkv", "avi", "webm"])
def test_truncated_videos_of_other_kinds(tmp_path, kind):
    import av

    noise = np.random.default_rng(0)
    with av.open(str(tmp_path / f"whole.{kind}"), "w") as container:
        stream = container.add_stream("libvpx" if kind == "webm" else "libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(100):
            picture = noise.integers(0, 255, (120, 160, 3)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    assert len(list(read_frames(as_video(tmp_path / f"whole.{kind}"), fps=10, changed_only=False))) >= 98
    data = (tmp_path / f"whole.{kind}").read_bytes()
    (tmp_path / f"cut.{kind}").write_bytes(data[: len(data) // 2])
    with pytest.raises(VideoError, match="cut short"):
        list(read_frames(as_video(tmp_path / f"cut.{kind}")))


def test_sound_alone_is_no_video(tmp_path):
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="no video stream"):
        list(read_frames(Video(path, "", "human")))
