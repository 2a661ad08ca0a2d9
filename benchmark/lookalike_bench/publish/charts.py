"""Small charts as SVG that stands in the page: no library, no network, colours from the page's style.

    curves("score", "step", {"baseline": [0, 0, 0], "swarm": [0, 10, 25]})
    scatter("success", "tokens an episode", [("swarm", 1.0, 240_000.0)], percent_y=True)

Lines differ in colour and dash, and every one is named in the legend and when it is pointed at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 44
COLOURS = 8
_DASHES = ("", "6 3", "2 3", "9 3 2 3")


def curves(y_name: str, x_name: str, series: Mapping[str, Sequence[float]]) -> Markup:
    """Lines over steps 0, 1, 2, ...; one for each label."""
    longest = max((len(values) for values in series.values()), default=0)
    values = [value for line in series.values() for value in line]
    if longest < 2:
        return _svg([], f"{y_name} by {x_name}: nothing to draw")
    axes = _Axes((0, longest - 1), (min(0, *values), max(values)))
    parts = axes.parts(x_name, y_name)
    for index, (label, line) in enumerate(series.items()):
        points = " ".join(f"{axes.x(step):.1f},{axes.y(value):.1f}" for step, value in enumerate(line))
        dash = _DASHES[index % len(_DASHES)]  # where lines coincide, all of them can be seen
        parts.append(
            f'<polyline class="line c{index % COLOURS}" points="{points}" stroke-dasharray="{dash}">'
            f"<title>{_escape(label)}</title></polyline>"
        )
    return _svg(parts, f"{y_name} by {x_name}", _legend(list(enumerate(series))))


def scatter(y_name: str, x_name: str, points: Sequence[tuple[str, float, float]], *, percent_y: bool = False) -> Markup:
    """(label, y, x) as dots on a logarithmic x axis; y is a share where `percent_y`."""
    # A row keeps its colour where another one, without a place on this axis, is left out.
    drawn = [(index, label, 100 * y if percent_y else y, x) for index, (label, y, x) in enumerate(points) if x > 0]
    if not drawn:
        return _svg([], f"{y_name} against {x_name}: nothing to draw")
    logs = [math.log10(x) for *_, x in drawn]
    x_range = (math.floor(min(logs)), max(math.ceil(max(logs)), math.floor(min(logs)) + 1))
    top = 100 if percent_y else max(y for _, _, y, _ in drawn)
    axes = _Axes(x_range, (0, top), logarithmic=True)
    parts = axes.parts(f"{x_name} (logarithmic)", f"{y_name}{', %' if percent_y else ''}")
    rings: dict[tuple[int, int], int] = {}
    for index, label, y, x in drawn:
        across, up = axes.x(math.log10(x)), axes.y(y)
        # Rows at the same place are rings around each other.
        ring = rings[(round(across / 8), round(up / 8))] = rings.get((round(across / 8), round(up / 8)), -1) + 1
        parts.append(
            f'<circle class="{"ring" if ring else "dot"} c{index % COLOURS}" cx="{across:.1f}" cy="{up:.1f}" '
            f'r="{5 + 4 * ring}"><title>{_escape(label)}: {y:.0f} at {_short(x)}</title></circle>'
        )
    return _svg(parts, f"{y_name} against {x_name}", _legend([(index, label) for index, label, *_ in drawn]))


class _Axes:
    def __init__(
        self, x_range: tuple[float, float], y_range: tuple[float, float], *, logarithmic: bool = False
    ) -> None:
        self.x_range, self.logarithmic = x_range, logarithmic
        self.y_range = y_range if y_range[1] > y_range[0] else (y_range[0], y_range[0] + 1)

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def parts(self, x_name: str, y_name: str) -> list[str]:
        parts = []
        for value in _ticks(*self.y_range):
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(value):.1f}" '
                         f'y2="{self.y(value):.1f}"/>')  # fmt: skip
            parts.append(f'<text x="{LEFT - 6}" y="{self.y(value) + 4:.1f}" text-anchor="end">{_short(value)}</text>')
        exponents = range(int(self.x_range[0]), int(self.x_range[1]) + 1)
        for value in map(float, exponents) if self.logarithmic else _ticks(*self.x_range):
            label = _short(10**value if self.logarithmic else value)
            below = HEIGHT - BOTTOM + 16
            parts.append(f'<text x="{self.x(value):.1f}" y="{below}" text-anchor="middle">{label}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{_escape(x_name)}</text>')
        parts.append(f'<text x="14" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
                     f'transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2})">{_escape(y_name)}</text>')  # fmt: skip
        return parts


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers that span a range."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    for factor in (1, 2, 5, 10):
        if (high - low) / (step * factor) <= 7:
            step *= factor
            break
    first = math.ceil(low / step)
    return [step * number for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _legend(labels: Sequence[tuple[int, str]]) -> str:
    items = "".join(
        f'<li><span class="swatch c{index % COLOURS}"></span>{_escape(label)}</li>' for index, label in labels
    )
    return f'<ul class="legend">{items}</ul>'


def _svg(parts: Sequence[str], title: str, below: str = "") -> Markup:
    from markupsafe import Markup

    drawing = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_escape(title)}">{"".join(parts)}</svg>'
        if parts
        else ""
    )
    # Every text in it went through _escape.
    return Markup(f'<figure class="chart"><figcaption>{_escape(title)}</figcaption>{drawing}{below}</figure>')


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _escape(text: str) -> str:
    from markupsafe import escape

    from lookalike_bench.publish.pages import shown

    return str(escape(shown(text)))
