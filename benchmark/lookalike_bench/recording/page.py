"""A game of pictures, played in a page of this machine: what the page asks for, and what it is answered.

game = PlayedGame(recording, environment, title="procgen-maze")
html = game.page()
state, picture = game.answer("play", {"page": 1, "action": "up"})
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from lookalike_bench.errors import LookalikeError
from lookalike_bench.publish.pages import data_block, render
from lookalike_bench.recording.keys import layout
from lookalike_bench.recording.recording import NotWritten, Recording
from lookalike_bench.videos.demonstrations import Filmed

if TYPE_CHECKING:
    from lookalike_bench.types import Frame


@runtime_checkable
class Pictured(Filmed, Protocol):
    """A game of pictures that can be played in a page."""

    def picture(self) -> Frame:
        """The game as a person sees it now: (height, width, 3)."""


class Refused(Exception):
    """A request that is not answered; its text is shown on the page."""


class PlayedGame:
    """One recording, played by one page at a time: a page that is opened later takes over.

    Safe to call from several threads. `failure` is what the environment failed of, after which nothing is played.
    """

    def __init__(self, recording: Recording, environment: Pictured, title: str) -> None:
        self.recording, self.environment, self.title = recording, environment, title
        self.failure: LookalikeError | None = None
        self._lock = threading.Lock()
        self._pages = 0
        self._by_a_person = False
        recording.begin()
        self._actions = recording.environment.actions()
        self._first_picture = self._picture = environment.picture()

    def page(self) -> str:
        """A new page, which from now on is the one that plays."""
        with self._lock:
            self._pages += 1
            self._by_a_person = False
            height, width = self._picture.shape[:2]
            keys = layout(self._actions)
            game = {
                "keys": {code: button.name for button in keys.buttons for code in button.keys},
                "chords": keys.chords,
                "others": {button.name: button.action for button in keys.others},
                "wait": keys.wait,
                "page": self._pages,
                "frames_per_second": self.environment.frames_per_second,
                "file": str(self.recording.path),
            }
            return render(
                "play.html",
                script="play.js",
                asks_its_server=True,
                task=self.title,
                instructions=self.recording.environment.info.instructions,
                seed=self.recording.seed,
                frames_per_second=self.environment.frames_per_second,
                width=width,
                height=height,
                layout=keys,
                game=data_block(game),
            )

    def answer(self, what: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Do what the page asks, and give its state and the picture to show, as JPEG. Raises Refused, and
        LookalikeError where the game fails; a disk that fails ends nothing and is told in the state."""
        with self._lock:
            if values.get("page") != self._pages:
                raise Refused("The game was opened in another tab, and goes on there.")
            try:
                self._do(what, values)
            except NotWritten:
                pass
            except LookalikeError as error:
                self.failure = error
                raise
            return self._state(), _jpeg(self._picture)

    def autosave(self) -> None:
        with self._lock:
            self.recording.autosave()

    def _do(self, what: str, values: Mapping[str, Any]) -> None:
        recording = self.recording
        if what != "play":
            # A page that asks for anything else does not play meanwhile.
            recording.pause()
        if what == "look":
            self._by_a_person = values.get("automated") is False
        elif what == "play":
            if values.get("action") not in self._actions:
                raise Refused("The game has no such action.")
            if not recording.ended:
                # An attempt is a person's if all of it is.
                if not (recording.steps and self._by_a_person):
                    recording.origin = "human" if self._by_a_person else "scripted"
                recording.play(values["action"])
                # Some games show the next level as soon as one has ended: the last picture of this one stays.
                if not recording.ended:
                    self._picture = self.environment.picture()
        elif what == "restart":
            recording.restart()
            self._picture = self._first_picture
        elif what in ("save", "stop"):
            recording.save(keep=True)
        elif what != "pause":
            raise Refused("There is nothing of this name.")

    def _state(self) -> dict[str, Any]:
        observation = self.recording.observation
        if not self.recording.ended:
            ended = ""
        elif observation.level_complete or observation.victory:
            ended = "Level complete. Stop, or restart for another attempt beside this one."
        elif observation.truncated:
            ended = "Time is up. Restart for another attempt."
        else:
            ended = "Game over. Restart for another attempt."
        return {
            "steps": len(self.recording.steps),
            "seconds": self.recording.steps[-1].moment if self.recording.steps else 0,
            "score": f"{observation.score:g}",
            "ended": ended,
            "file": str(self.recording.path),
            "trouble": self.recording.trouble,
        }


def _jpeg(picture: Frame) -> bytes:
    from PIL import Image

    # A picture as PNG takes ten times as long, which at 15 a second is what a slow machine does not have.
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()
