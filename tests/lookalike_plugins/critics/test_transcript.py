"""The transcript critic on real video files of a short session: it is handed an MP4 and nothing else."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from lookalike_bench.errors import VideoError
from lookalike_bench.reward_models.model import RewardModel
from lookalike_bench.scoring.ocr_quality import reading_quality
from lookalike_bench.types import Brief
from lookalike_bench.videos.terminal import Exchange, Look, transcript
from lookalike_bench.videos.video import Video

from tests.rendered_session import COMMANDS, SESSION, as_video, convert, render

pytest.importorskip("rapidocr", reason="the default reader is not installed (extra: transcript)")

from lookalike_plugins.critics.transcript import Transcript

BRIEF = Brief("lighthouse", "light the lamp", "Type commands.")


def watch(*videos: Video, brief: Brief = BRIEF) -> RewardModel:
    return asyncio.run(Transcript().watch(videos, brief))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Video:
    return render(tmp_path_factory.mktemp("rendered") / "session.mp4")


@pytest.fixture(scope="module")
def reward_model(rendered, tmp_path_factory) -> RewardModel:
    # The MP4 alone, in a directory where nothing else lies.
    alone = tmp_path_factory.mktemp("alone") / "video.mp4"
    shutil.copy(rendered.path, alone)
    return watch(as_video(alone, mask_top=rendered.mask_top))


def test_every_typed_command_is_read_from_the_pictures_alone(reward_model):
    assert [step.action for step in reward_model.outline] == COMMANDS


def test_words_are_read(reward_model):
    assert reading_quality(transcript(SESSION), reward_model).words >= 0.98
    assert 0.9 < reward_model.quality["ocr_confidence"] <= 1.0


def test_cue_is_what_stood_there_and_outcome_what_came_of_it(reward_model):
    first, take = reward_model.outline[0], reward_model.outline[1]
    assert first.cue.startswith("Rocky Shore\nThis is the rocky shore of the lighthouse"), "without the game's title"
    assert first.outcome.startswith("Garden\nThis is the garden")
    assert "for a long time. There is a brass key here." in first.outcome, "broken lines are joined"
    assert take.outcome == "Taken."
    assert reward_model.outline[2].cue == "Garden\nTaken.", "a reply without a place stands under its place"


def test_milestones_are_new_places_and_things_taken(reward_model):
    milestones = [step.milestone for step in reward_model.outline]
    assert milestones == ["reaches Garden", "takes key", "", "", "", "reaches Hall", "", "reaches Lamp Room"]


def test_refused_commands_and_detours_weigh_nothing(reward_model):
    weights = {step.action: step.weight for step in reward_model.outline}
    assert weights["open the door"] == 0, "the game said no"
    assert weights["east"] == weights["west"] == 0, "there and back with nothing done"
    assert weights["n"] == weights["go up"] > weights["take key"] > weights["read letter"] > 0


def test_times_and_frames_point_at_the_typed_command(reward_model):
    times = [step.time for step in reward_model.outline]
    assert times == sorted(times)
    assert len(set(times)) == len(times)
    for step in reward_model.outline:
        assert step.frame == pytest.approx(step.time * 4, abs=1), "4 frames per second"


def test_masked_status_line_is_not_seen(rendered, reward_model):
    everything = reward_model.model_dump_json()
    assert "7341" not in everything
    assert "Score" not in everything
    # The test can fail: a video that shows the score in its text gives it away.
    told = [SESSION[0], Exchange("score", "Your score is 7341.", "", "")]
    shown = render(rendered.path.with_name("told.mp4"), session=told)
    assert "7341" in watch(shown).outline[0].outcome


def test_inverse_status_line_is_no_text_even_unmasked(rendered):
    reward_model = watch(as_video(rendered.path))
    assert [step.action for step in reward_model.outline] == COMMANDS
    assert "7344" not in reward_model.model_dump_json()


def test_only_what_changed_is_read(reward_model):
    assert reward_model.provenance["rows_read"] < 0.5 * reward_model.provenance["rows_shown"]


def test_same_video_gives_the_same_reward_model(rendered, reward_model):
    again = watch(rendered)
    assert again.outline == reward_model.outline
    assert again.quality == reward_model.quality


def test_provenance_names_the_video_and_the_reader(rendered, reward_model):
    assert reward_model.provenance["critic"] == "transcript"
    assert reward_model.provenance["ocr"].startswith("rapidocr ")
    [source] = reward_model.provenance["videos"]
    assert source["sha256"] == rendered.sha256
    assert source["origin"] == "scripted"
    assert source["mask_top"] > 0


def test_dark_on_light_and_larger(tmp_path):
    look = Look(columns=60, rows=20, font_size=24, ink=(10, 10, 30), paper=(250, 248, 240))
    reward_model = watch(render(tmp_path / "light.mp4", look))
    assert [step.action for step in reward_model.outline] == COMMANDS
    assert reading_quality(transcript(SESSION), reward_model).words >= 0.97


def test_scaled_recompressed_and_with_a_variable_frame_rate(rendered, tmp_path):
    convert(rendered.path, tmp_path / "other.mp4", (1280, 720), crf=32)
    reward_model = watch(as_video(tmp_path / "other.mp4", mask_top=rendered.mask_top))
    assert [step.action for step in reward_model.outline] == COMMANDS
    assert reading_quality(transcript(SESSION), reward_model).words >= 0.97


def test_part_of_a_video(rendered, reward_model):
    third = reward_model.outline[3]
    end = Video(rendered.path, rendered.sha256, rendered.origin, end=third.time, mask_top=rendered.mask_top)
    assert [step.action for step in watch(end).outline] == COMMANDS[:3]


def test_progress_is_told(rendered):
    critic, told = Transcript(), []
    critic.on_progress = lambda video, time: told.append(time)
    asyncio.run(critic.watch([rendered], BRIEF))
    assert told == sorted(told)
    assert len(told) > len(COMMANDS)


def test_video_without_text(tmp_path):
    import av
    import numpy as np

    path = tmp_path / "blank.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(8):
            picture = np.full((240, 320, 3), 30, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="no rows of text"):
        watch(as_video(path))


def test_video_without_a_command(tmp_path):
    with pytest.raises(VideoError, match="no typed command"):
        watch(render(tmp_path / "title.mp4", session=SESSION[:1]))
