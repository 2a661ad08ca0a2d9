"""The story files that can be named in a task, and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lookalike_bench.errors import PluginError
from lookalike_bench.tasks.assets import Asset


@dataclass(frozen=True)
class Story:
    """A release by name. `walkthrough_of` is the md5 under which jericho keeps a walkthrough that also works here;
    `victory` is text that only the winning move shows, for a release that jericho does not know."""

    asset: Asset
    max_score: int
    walkthrough_of: str
    victory: str


# Zork I's source and this compiled file were put under the MIT licence by their owner in November 2025.
ZORK1_R119 = Story(
    asset=Asset(
        name="zork1-r119.z3",
        sha256="37084966477dff679282de42974b2077156b1bd68fad92a65d4ea94d8eb64d79",
        sources=(
            "https://raw.githubusercontent.com/historicalsource/zork1/"
            "97b7b3d68c075dd9af7da499c3e9690ada3471fd/COMPILED/zork1.z3",
        ),
        size=86_838,
        licence="MIT",
    ),
    max_score=350,
    walkthrough_of="b732a93a6244ddd92a9b9a3e3a46c687",
    victory="Inside the Barrow",
)

STORIES = {"zork1-r119": ZORK1_R119}


def story_file(story: str) -> Path | None:
    """The path that `story` is, or None if it is a known story's name. Raises PluginError if it is neither."""
    if story in STORIES:
        return None
    path = Path(story).expanduser()
    if not path.is_file():
        raise PluginError(f"story {story!r}: no such file, and not a known story (known: {', '.join(STORIES)})")
    if path.suffix not in (".z3", ".z4", ".z5", ".z8"):
        raise PluginError(f"story {story!r}: expected a Z-machine file (.z3, .z4, .z5 or .z8)")
    return path
