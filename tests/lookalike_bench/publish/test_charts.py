"""The charts: each series is there, at its place, and named; hostile labels are text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from lookalike_bench.publish.charts import curves, scatter


def test_a_curve_rises_where_its_values_rise() -> None:
    figure = str(curves("score", "step", {"swarm": [0, 10, 40], "baseline": [0, 0, 0]}))
    ElementTree.fromstring(figure)
    swarm, baseline = (
        [tuple(map(float, point.split(","))) for point in points.split()]
        for points in re.findall(r'<polyline[^>]* points="([^"]+)"', figure)
    )
    assert [x for x, _ in swarm] == [x for x, _ in baseline] == sorted(x for x, _ in swarm)
    assert swarm[0][1] > swarm[1][1] > swarm[2][1]  # up is a smaller y
    assert len({y for _, y in baseline}) == 1
    assert "swarm" in figure and "baseline" in figure


def test_points_at_one_place_are_all_seen_and_keep_their_colours() -> None:
    points = [("free", 0.5, 0.0), ("one", 1.0, 1000.0), ("other", 1.0, 1000.0), ("cheap", 0.2, 10.0)]
    figure = str(scatter("success", "tokens", points, percent_y=True))
    circles = [
        dict(re.findall(r'(class|cx|cy|r)="([^"]+)"', circle)) for circle in re.findall(r"<circle[^>]*>", figure)
    ]
    assert [circle["class"] for circle in circles] == ["dot c1", "ring c2", "dot c3"]
    assert circles[0]["cx"] == circles[1]["cx"] and circles[0]["r"] != circles[1]["r"]
    assert float(circles[2]["cx"]) < float(circles[0]["cx"])
    assert "free" not in figure


def test_a_hostile_label_is_text() -> None:
    figure = str(curves("score", "step", {'"><script>alert(1)</script>\u202e': [0, 1]}))
    ElementTree.fromstring(figure)
    assert "<script" not in figure and "⟨U+202E⟩" in figure


def test_nothing_to_draw_is_said() -> None:
    assert "nothing to draw" in curves("score", "step", {}) and "nothing to draw" in scatter("y", "x", [])
