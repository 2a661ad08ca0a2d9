"""The critic of pixels draws what it learned: the player, the goal, what was done, and the ground."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from lookalike_bench.publish.contact_sheet import write_sheet
from lookalike_bench.videos.pictures import write_pictures
from lookalike_bench.videos.video import Video
from lookalike_plugins.critics.frames import Frames
from lookalike_plugins.critics.seeing.ground import BLOCKED, FREE
from lookalike_plugins.critics.seeing.sheet import COLOURS, GOAL, MOMENTS, PLAYER, SCALE

from tests.lookalike_plugins.critics.test_frames import BRIEF, CELL, Maze


def test_the_sheet_shows_what_was_seen(tmp_path: Path) -> None:
    videos = []
    mazes = [seed for seed in range(7) if len(Maze(seed).solution()) > 2]
    for seed in mazes:
        write_pictures(Maze(seed).film(), tmp_path / f"{seed}.mp4", frames_per_second=15)
        videos.append(Video(tmp_path / f"{seed}.mp4", str(seed), "searched"))
    write_pictures(Maze(0).film()[:1], tmp_path / "short.mp4", frames_per_second=15)
    videos.append(Video(tmp_path / "short.mp4", "short", "searched"))
    critic = Frames()
    learned = asyncio.run(critic.watch(videos, BRIEF))
    sheet = critic.sheet(learned, videos)
    assert sheet.legend[-1] == "Too short to be shown: short.mp4."
    write_sheet(tmp_path / "sheet.html", "maze", learned, sheet)
    assert (
        f"From {len(videos)} videos of play (searched), by the critic frames" in (tmp_path / "sheet.html").read_text()
    )
    assert [name for name, _ in sheet.rows] == [f"{seed}.mp4" for seed in mazes]
    for seed, (_, moments) in zip(mazes, sheet.rows, strict=True):
        maze = Maze(seed)
        solution = maze.solution()
        assert 0 < len(moments) <= MOMENTS
        assert moments[0].caption == f"0.0 s: {solution[0]}"
        assert moments[0].progress == 0 and all(moment.progress is not None for moment in moments)
        progress = [float(moment.progress or 0) for moment in moments]
        assert progress == sorted(progress) and progress[-1] < 1
        # Sampling a film may give its last picture twice.
        assert abs(int(moments[0].facts[0].split()[0]) - len(solution)) <= 1
        picture, ground = moments[0].pictures
        # The boxes stand around the things: half a cell and four and a half pixels away.
        for place, colour in ((maze.player, PLAYER), (maze.goal, GOAL)):
            row, column = (SCALE * (CELL * at + CELL / 2) for at in place)
            around = picture[
                int(max(0, row - 6 * SCALE)) : int(row + 6 * SCALE),
                int(max(0, column - 6 * SCALE)) : int(column + 6 * SCALE),
            ]
            assert (around == colour).all(axis=2).sum() > 30
        free = np.repeat(np.repeat(maze.free, CELL * SCALE, 0), CELL * SCALE, 1)
        assert ((ground == COLOURS[FREE]).all(axis=2) == free).mean() > 0.9
        assert ((ground == COLOURS[BLOCKED]).all(axis=2) == ~free).mean() > 0.9
