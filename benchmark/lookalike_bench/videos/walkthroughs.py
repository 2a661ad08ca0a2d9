"""Videos of recorded play: the actions are played in the environment, and the session is rendered and cached.

    walkthrough = environment.walkthrough()                       # a solution that the game's package carries
    video = render_walkthrough(environment, walkthrough, start=0, stop=60)

Recorded play comes this way too: see demonstrations.py. Beside each video stands its text, `.truth.txt`: only the
measurement of reading quality opens it (scoring/ocr_quality.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from lookalike_bench.errors import VideoError
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.tasks.assets import cache_directory
from lookalike_bench.types import Observation
from lookalike_bench.videos import terminal
from lookalike_bench.videos.terminal import Exchange, Look
from lookalike_bench.videos.video import Video

_ROOM = re.compile(r"^[A-Z][A-Za-z' ,-]{1,38}[a-z]$")
_SMALL_WORDS = frozenset(["of", "the", "in", "on", "a", "an", "at", "to", "by", "and", "under"])
_STATUS_LINE = re.compile(r"^>?\s*\S.*\s{2,}Score:.*$")


def render_walkthrough(
    environment: Environment,
    walkthrough: Walkthrough,
    start: int = 0,
    stop: int | None = None,
    mask_status_line: bool = True,
    look: Look | None = None,
) -> Video:
    """The video of commands `start` to `stop` (not included) of a walkthrough, rendered unless it is in the cache.

    The commands before `start` are played, not shown; the video then opens with the reply to the last of them.
    Raises VideoError if there are no such commands.
    """
    look = look or Look()
    stop = len(walkthrough.actions) if stop is None else stop
    if not 0 <= start < stop <= len(walkthrough.actions):
        raise VideoError(
            f"walkthrough of {environment.info.name}: there are no commands {start} to {stop}; "
            f"it has {len(walkthrough.actions)}"
        )
    identity = {
        "environment": environment.info.fingerprint,
        "seed": walkthrough.seed,
        "actions": walkthrough.actions[:stop],
        "start": start,
        "renderer": terminal.VERSION,
        "look": repr(look),
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_directory() / "videos" / f"{environment.info.name}-{start}-{stop}-{key}.mp4"
    truth = truth_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        # The text comes last: where it stands, the video is whole.
        if not (path.exists() and truth.exists()):
            session = list(replay(environment, walkthrough, start, stop))
            terminal.render_session(session, path, look)
            truth.write_text(terminal.transcript(session), encoding="utf-8")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Video(path, sha256, walkthrough.origin, mask_top=look.status_share if mask_status_line else 0.0)


def truth_path(video: Path) -> Path:
    """Where the text of a rendered video stands; for any other video there is no such file."""
    return video.with_suffix(".truth.txt")


def replay(environment: Environment, walkthrough: Walkthrough, start: int, stop: int) -> Iterator[Exchange]:
    """Play the commands and give them with their replies, beginning with what stood there before `start`."""
    place = ""
    observation = environment.reset(walkthrough.seed)
    for turn, action in enumerate([None, *walkthrough.actions[:stop]]):
        if action is not None:
            if observation.terminated or observation.truncated:
                raise VideoError(
                    f"walkthrough of {environment.info.name}: the episode ended at command {turn - 1} of {stop}"
                )
            observation = environment.step(action)
        reply = "\n".join(line for line in observation.text.splitlines() if not _STATUS_LINE.match(line))
        place = room(reply) or place
        if turn >= start:
            yield Exchange(action if turn > start else None, reply, place, _score(observation, turn))


def room(reply: str) -> str:
    """The name of the room that a reply shows, for the status line: its last line that is a title, which is a few
    words with capitals throughout, small words aside ("West of House"). "" if it shows none."""
    titles = [
        line
        for line in reply.splitlines()
        if _ROOM.match(line) and all(word[:1].isupper() or word in _SMALL_WORDS for word in re.split("[ -]", line))
    ]
    return titles[-1] if titles else ""


def _score(observation: Observation, turn: int) -> str:
    return f"Score: {observation.score:g}   Moves: {turn}"
