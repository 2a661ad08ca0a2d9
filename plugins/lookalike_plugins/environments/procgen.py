"""The sixteen games of Procgen: pixel games whose seeds are levels.

    environment: {plugin: procgen, game: maze, mode: easy, hold: 1}

An observation is the game's own 64 x 64 picture; its text says only which game and frame it is, since seeing is
the critic's part. Success is the game's own `level_complete`. An action may be held for several frames (`hold`),
which is listed as a handicap. The games run at 15 frames per second.

Python 3.11 and 3.12 have the library in the package `procgen-mirror`, later ones in `procgen-gym`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from lookalike_bench.errors import EnvironmentFailure, PluginError
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.text import did_you_mean
from lookalike_bench.types import EnvironmentInfo, Observation
from pydantic import Field

from lookalike_plugins.environments.procgen_games import GAMES, GameName, Mode

if TYPE_CHECKING:
    from lookalike_bench.types import Frame

LONGEST_HOLD = 32
WAIT = 4

Hold = Annotated[int, Field(ge=1, le=LONGEST_HOLD)]
UNTIL_CHANGE = "until-change"


class Procgen(Environment):
    """One game, one level an episode.

    `hold` is the number of frames that an action is held, or "until-change": held while the picture keeps
    moving, at most 32 frames, so that walking ends at a wall and a jump on the ground. Either way it ends with
    the episode, or when the score changes. Raises PluginError for arguments that do not exist.
    """

    shows_pictures = True
    frames_per_second = 15
    by_hand: ClassVar[dict[str, Any]] = {"hold": 1}
    """A person who plays holds keys, and so plays frame by frame."""

    def __init__(self, game: GameName, mode: Mode = "easy", hold: Hold | Literal["until-change"] = 1) -> None:
        if game not in GAMES:
            hint = did_you_mean(str(game), GAMES)
            raise PluginError(f"procgen: there is no game {game!r}{hint} (games: {', '.join(GAMES)})")
        if mode not in get_args(Mode):
            raise PluginError(f"procgen: mode is easy or hard, not {mode!r}")
        held_frames = type(hold) is int and 1 <= hold <= LONGEST_HOLD
        if not held_frames and hold != UNTIL_CHANGE:
            raise PluginError(f"procgen: hold is 1 to {LONGEST_HOLD} frames or {UNTIL_CHANGE!r}, not {hold!r}")
        self.game, self.mode, self.hold = game, mode, hold
        self.rules = GAMES[game]
        self._level = -1
        self._machine: Machine | None = None
        self._camera: Machine | None = None
        self._frames, self._score, self._ended = 0, 0.0, ""
        self._last: Frame | None = None

    @property
    def info(self) -> EnvironmentInfo:
        handicaps = ["actions listed"]
        if self.hold != 1:
            handicaps.append(f"actions held {self.hold if self.hold == UNTIL_CHANGE else f'{self.hold} frames'}")
        return EnvironmentInfo(
            name=f"procgen-{self.game}",
            instructions=self.rules.instructions,
            action_format=f"One action: {', '.join(self.rules.actions)}.",
            vocabulary=tuple(dict.fromkeys(word for name in self.rules.actions for word in name.split())),
            score_range=self.rules.score_range(self.mode),
            fingerprint=f"procgen-{self.game}-{self.mode}-hold-{self.hold}",
            handicaps=tuple(handicaps),
        )

    def reset(self, seed: int) -> Observation:
        if self._machine is None or seed != self._level:
            self.close()
            self._machine, self._level = open_machine(self.game, self.mode, seed), seed
            self._start = self._machine.state()
        else:
            self._machine.set_state(self._start)
        self._frames, self._score, self._ended = 0, 0.0, ""
        self._last = self._machine.frame()
        return self._observation()

    def step(self, action: str) -> Observation:
        for _ in self._held(action):
            pass
        return self._observation()

    def film(self, seed: int, actions: Iterable[str]) -> Iterator[Frame]:
        """Play, and give every frame of the game as a person sees it: (512, 512, 3), 15 of them a second."""
        self.reset(seed)
        yield self.picture()
        for action in actions:
            for _ in self._held(action):
                # When an episode ends the library deals the next at once: its end is never drawn.
                if not self._ended:
                    yield self.picture()

    def _held(self, action: str) -> Iterator[None]:
        """Hold an action, a frame at a time. After the end nothing more is played."""
        button = self.rules.actions.get(action.strip().lower(), WAIT)
        for _ in range(LONGEST_HOLD if self.hold == UNTIL_CHANGE else int(self.hold)):
            if self._ended:
                return
            hold_on = self._advance(button)
            yield
            if not hold_on:
                return

    def _advance(self, button: int) -> bool:
        """Play one frame; whether the action is to be held on."""
        machine = self._playing()
        reward, first, complete = machine.act(button)
        self._frames += 1
        self._score += reward
        if first:
            limit = self._frames >= self.rules.frames and not complete
            self._ended = "complete" if complete else "out of time" if limit else "over"
            return False
        before, self._last = self._last, machine.frame()
        if self.hold == UNTIL_CHANGE and before is not None and (before == self._last).all():
            return False
        return reward == 0

    def _observation(self) -> Observation:
        limit = self.rules.frames
        ending = f" The level is {self._ended}." if self._ended else ""
        return Observation(
            text=f"{self.game.capitalize()}, frame {self._frames} of {limit}, score {self._score:g}.{ending}",
            score=self._score,
            terminated=self._ended in ("complete", "over"),
            truncated=self._ended == "out of time",
            victory=self._ended == "complete",
            level_complete=self._ended == "complete",
            frame=self._last,
        )

    def actions(self) -> list[str]:
        return list(self.rules.actions)

    def snapshot(self) -> bytes:
        """One line of JSON, the last picture, and the library's own state."""
        assert self._last is not None
        return self._head() + b"\n" + self._last.tobytes() + self._playing().state()

    def digest(self) -> str:
        """Of everything but the picture: the two packages play alike to the byte, but draw a few pixels of
        coinrun differently."""
        return hashlib.sha256(self._head() + b"\n" + self._playing().state()).hexdigest()[:16]

    def _head(self) -> bytes:
        head = {"level": self._level, "frames": self._frames, "score": self._score, "ended": self._ended}
        return json.dumps(head).encode()

    def restore(self, snapshot: bytes) -> None:
        import numpy as np

        line, _, rest = snapshot.partition(b"\n")
        head = json.loads(line)
        if self._machine is None or head["level"] != self._level:
            self.reset(head["level"])
        self._frames, self._score, self._ended = head["frames"], head["score"], head["ended"]
        picture = 64 * 64 * 3
        self._last = np.frombuffer(rest[:picture], np.uint8).reshape(64, 64, 3)
        self._playing().set_state(rest[picture:])

    def picture(self) -> Frame:
        """The game as a person sees it now: (512, 512, 3). After the end: the beginning of the level."""
        if self._camera is None:
            self._camera = open_machine(self.game, self.mode, self._level, large=True)
        self._camera.set_state(self._playing().state())
        return self._camera.picture()

    def close(self) -> None:
        for machine in (self._machine, self._camera):
            if machine is not None:
                machine.close()
        self._machine = self._camera = None

    def _playing(self) -> Machine:
        if self._machine is None:
            raise EnvironmentFailure("procgen: reset(seed) comes before everything else")
        return self._machine


class Machine:
    """One level in the library of `procgen-mirror` (the interface of gym3)."""

    def __init__(self, library: Any) -> None:
        import numpy as np

        self.library = library
        self.buttons = [np.array([button], np.int32) for button in range(15)]

    def act(self, button: int) -> tuple[float, bool, bool]:
        """The frame's reward, whether an episode ended with it, and whether its level was completed."""
        self.library.act(self.buttons[button])
        reward, _, first = self.library.observe()
        complete = bool(first[0]) and bool(self.library.get_info()[0]["prev_level_complete"])
        return float(reward[0]), bool(first[0]), complete

    def frame(self) -> Frame:
        picture: Frame = self.library.observe()[1]["rgb"][0].copy()
        return picture

    def picture(self) -> Frame:
        picture: Frame = self.library.get_info()[0]["rgb"].copy()
        return picture

    def state(self) -> bytes:
        state: bytes = self.library.get_state()[0]
        return state

    def set_state(self, state: bytes) -> None:
        self.library.set_state([state])

    def close(self) -> None:
        self.library.close()


class GymnasiumMachine(Machine):
    """One level in the library of `procgen-gym` (the interface of Gymnasium's vector environments)."""

    def act(self, button: int) -> tuple[float, bool, bool]:
        _, reward, ended, _, info = self.library.step(self.buttons[button])
        return float(reward[0]), bool(ended[0]), bool(ended[0]) and bool(info["prev_level_complete"][0])

    def frame(self) -> Frame:
        picture: Frame = self.library.reset()[0][0].copy()
        return picture

    def picture(self) -> Frame:
        self.library.reset()  # observes; render() alone gives what was observed last
        picture: Frame = self.library.render()[0].copy()
        return picture


def open_machine(game: str, mode: str, level: int, large: bool = False) -> Machine:
    """The library with one level of a game in it. Raises EnvironmentFailure if no package has it here."""
    settings: dict[str, Any] = {
        "env_name": game, "distribution_mode": mode, "start_level": level, "num_levels": 1,
        "rand_seed": 0, "num_threads": 0, "render_mode": "rgb_array" if large else None,
    }  # fmt: skip
    # gym, which procgen-mirror imports, advertises its successor on stderr at import.
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            if find_spec("procgen") is None and find_spec("procgen_gym") is not None:
                from procgen_gym import ProcgenVecEnv

                return GymnasiumMachine(ProcgenVecEnv(num_envs=1, **settings))
            from procgen import ProcgenGym3Env

            return Machine(ProcgenGym3Env(num=1, **settings))
        except (ImportError, OSError) as missing:  # a package, or a library of the system
            raise EnvironmentFailure(
                f"procgen: the games cannot be loaded ({missing}). They come with the extra `procgen`: "
                "procgen-mirror on Python 3.11 and 3.12, procgen-gym on later ones; "
                "slim images also need libgl1 and libglib2.0-0"
            ) from None
