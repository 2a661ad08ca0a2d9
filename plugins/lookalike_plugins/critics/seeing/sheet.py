"""Draws what the critic of pixels learned: the demonstrated situations, with the player, the goal and what was done.

sheet = draw_sheet(known, films)            # a row of moments for each video
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from lookalike_bench.reward_models.sheet import Moment, Sheet

from lookalike_plugins.critics.seeing.ground import BLOCKED, FREE, THING
from lookalike_plugins.critics.seeing.words import CENTRE, describe

if TYPE_CHECKING:
    from lookalike_bench.types import Frame
    from numpy.typing import NDArray
    from PIL.ImageDraw import ImageDraw

    from lookalike_plugins.critics.seeing.knowledge import Film, Knowledge

SCALE = 4
MOMENTS = 6
"""Moments of a video that are shown."""
PLAYER, GOAL, DONE = (255, 255, 255), (255, 40, 220), (255, 225, 0)
COLOURS = {FREE: (60, 150, 75), BLOCKED: (45, 45, 55), THING: (255, 150, 30)}
SAFE, DEADLY = (60, 150, 75), (170, 40, 45)


def draw_sheet(known: Knowledge, films: Sequence[Film]) -> Sheet:
    """Of every film, moments from its beginning to its end, as the critic sees them."""
    demonstrated, rows, start, short = known.demonstrated, [], 0, []
    for film in films:
        count = len(film.frames)
        if count <= demonstrated.frames_per_action:
            short.append(film.video.path.name)
            continue
        times = np.unique(np.linspace(0, count - 1, MOMENTS).astype(int))
        rows.append((film.video.path.name, [_moment(known, film, int(time), start + int(time)) for time in times]))
        start += count
    left_out = (f"Too short to be shown: {', '.join(short)}.",) if short else ()
    return Sheet(rows, (*_legend(known), *left_out))


def _moment(known: Knowledge, film: Film, time: int, index: int) -> Moment:
    from lookalike_plugins.critics.seeing.knowledge import FRAMES_PER_SECOND, in_words

    frame, demonstrated = film.frames[time], known.demonstrated
    move, left = demonstrated.moves[index], demonstrated.remaining[index]
    pictures = [_marked(known, frame, move)]
    if not known.objects.follows:
        pictures.append(_map(known, frame))
    seconds = time / FRAMES_PER_SECOND
    steps = f"{left:.0f} step{'' if round(left) == 1 else 's'} left"
    return Moment(
        tuple(pictures),
        f"{seconds:.1f} s: {in_words(move)}",
        (steps, f"Told to the player: {describe(known, frame)}"),
        1 - left / (len(film.frames) / demonstrated.frames_per_action),
    )


def _marked(known: Knowledge, frame: Frame, move: NDArray[np.float64]) -> Frame:
    """The picture with the player and the goal in boxes, and an arrow for what was done."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(_enlarged(frame))
    draw = ImageDraw.Draw(image)
    goal = known.objects.goal(frame)
    player = known.objects.player(frame) or (CENTRE if known.objects.follows else None)
    if goal is not None:
        _box(draw, goal, GOAL)
    if player is not None:
        _box(draw, player, PLAYER)
        if move.any():
            _arrow(draw, player, move)
    return np.asarray(image)


def _map(known: Knowledge, frame: Frame) -> Frame:
    """The picture as the critic walks in it: ground, obstacles and things, or where lanes are safe."""
    if known.objects.goal(frame) is not None:
        kinds = known.ground.kinds(frame)
        picture = np.zeros((*kinds.shape, 3), np.uint8)
        for kind, colour in COLOURS.items():
            picture[kinds == kind] = colour
    else:
        picture = np.where(known.crossing.safe_pixels(frame)[..., None], SAFE, DEADLY).astype(np.uint8)
    return _enlarged(picture)


def _enlarged(picture: Frame) -> Frame:
    return picture.repeat(SCALE, axis=0).repeat(SCALE, axis=1)


def _box(draw: ImageDraw, place: tuple[float, float], colour: tuple[int, int, int]) -> None:
    y, x = (SCALE * (value + 0.5) for value in place)
    reach = 4.5 * SCALE
    for wider, ink in ((1, (0, 0, 0)), (0, colour)):
        box = (x - reach - wider, y - reach - wider, x + reach + wider, y + reach + wider)
        draw.rectangle(box, outline=ink, width=2)


def _arrow(draw: ImageDraw, place: tuple[float, float], move: NDArray[np.float64]) -> None:
    length = max(float(np.hypot(*move)), 1e-6)
    down, right = move / length
    y, x = (SCALE * (value + 0.5) for value in place)
    tail = (x + 5 * SCALE * right, y + 5 * SCALE * down)
    head = (x + 12 * SCALE * right, y + 12 * SCALE * down)
    sides = [
        (head[0] - 3 * SCALE * right + way * 2 * SCALE * down, head[1] - 3 * SCALE * down - way * 2 * SCALE * right)
        for way in (-1, 1)
    ]
    for width, ink in ((6, (0, 0, 0)), (3, DONE)):
        draw.line([tail, head], fill=ink, width=width)
        draw.line([sides[0], head, sides[1]], fill=ink, width=width)


def _legend(known: Knowledge) -> tuple[str, ...]:
    lines = ["White box: the player.", "Yellow arrow: what the player did next, read from what moved."]
    if known.objects.goal_codes.any():
        lines.append("Pink box: the goal.")
    if not known.objects.follows:
        colours = "green: ground, dark: obstacles, orange: things" if known.objects.goal_codes.any() else ""
        lines.append(f"The second picture: {colours or 'green: safe to stand on, red: deadly'}.")
    return tuple(lines)
