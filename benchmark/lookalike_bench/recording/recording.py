"""What a person plays, kept as it is played: whatever interrupts it, the file holds the play so far.

recording = Recording(environment, spec, seed=5, path=Path("demonstrations/zork-5.json"), made="in the terminal")
recording.begin()                        # Observation
recording.play("open mailbox")           # Observation; the file is written
recording.restart()                      # another attempt: in the same file if the last one came to nothing
recording.files                          # {PosixPath('demonstrations/zork-5.json'): Demonstration(...)}
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from lookalike_bench import __version__
from lookalike_bench.errors import UsageError
from lookalike_bench.plugins.environment import Environment
from lookalike_bench.plugins.manager import PluginManager
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.types import Observation
from lookalike_bench.videos.demonstrations import DIGITS, Demonstration, Held, Origin, result_of

HELD_SECONDS = 0.2
"""An action that follows itself within this time was held, and is written once with how often it was played."""


class NotWritten(UsageError):
    """The file cannot be written now. The play is still there, and can be saved again."""


class Step(NamedTuple):
    """One action: when it began, in seconds of play since the first one, and the digest that it led to."""

    action: str
    moment: float
    digest: str


class Recording:
    """Attempts at one level, one file for each that is worth a file.

    `save_every` is the time in seconds after which a step writes the file again; `trouble` says why it could not be
    written, "" where it could. An environment's own errors pass through.
    """

    def __init__(
        self,
        environment: Environment,
        spec: PluginSpec,
        seed: int,
        path: Path,
        *,
        made: str,
        origin: Origin = "human",
        save_every: float = 0.0,
    ) -> None:
        self.environment, self.spec, self.seed, self.path = environment, spec, seed, path
        self._first_path = path
        self.made, self.origin, self.save_every = made, origin, save_every
        self.files: dict[Path, Demonstration] = {}
        self.taken_back = 0
        self._asked_to_keep = False
        self._paused_at: float | None = None
        self._saved_at = 0.0
        self._clear()

    def begin(self) -> Observation:
        self._clear()
        self.observation = self.environment.reset(self.seed)
        self._first_score = self.observation.score
        return self.observation

    @property
    def ended(self) -> bool:
        return self.observation.terminated or self.observation.truncated

    def play(self, action: str) -> Observation:
        """Play one action; after the end nothing more is played."""
        if self.ended:
            return self.observation
        now = time.monotonic()
        if not self.steps:
            self._started = now
        elif self._paused_at is not None:
            self._started += now - self._paused_at
        self._paused_at = None
        observation = self.environment.step(action)
        self.steps.append(Step(action, round(now - self._started, 2), self.environment.digest()[:DIGITS]))
        self.observation, self._unsaved = observation, True
        if self.ended or time.monotonic() - self._saved_at >= self.save_every:
            self.autosave()
        return self.observation

    def pause(self) -> None:
        """The time until the next action is none of the play's."""
        if self._paused_at is None:
            self._paused_at = time.monotonic()

    def take_back(self) -> Observation:
        """As if the last action had not been played: all before it are played again."""
        del self.steps[-1:]
        self.observation = self.environment.reset(self.seed)
        for step in self.steps:
            self.observation = self.environment.step(step.action)
        self.taken_back += 1
        self._unsaved = True
        return self.observation

    def restart(self) -> Observation:
        """Begin another attempt. One that completed the level, scored, or was saved on request keeps its file; the
        file of any other is taken by the new attempt. Raises NotWritten, and then the attempt goes on."""
        result = result_of(self.observation, len(self.steps))
        if self.steps and (result.complete or result.score > self._first_score or self._asked_to_keep):
            self.save()
            self.path = free_path(self._first_path)
        return self.begin()

    def autosave(self) -> None:
        """Save what is not saved yet. A disk that is full for a moment must not end the play."""
        self._saved_at = time.monotonic()
        if self._unsaved and self.steps:
            with contextlib.suppress(NotWritten):
                self.save()

    def save(self, keep: bool = False) -> None:
        """Write the attempt's file, if anything was played. `keep`: a person asked for it. Raises NotWritten."""
        self._asked_to_keep |= keep and bool(self.steps)
        if not self.steps:
            return
        demonstration = self.demonstration()
        try:
            demonstration.save(self.path)
        except OSError as error:
            self.trouble = f"{self.path}: cannot be written: {error.strerror}"
            raise NotWritten(self.trouble) from error
        self.files[self.path] = demonstration
        self._unsaved, self.trouble = False, ""

    def save_at_the_end(self) -> None:
        """Save; where the file cannot be written, into the temporary directory, while `trouble` still says why.
        Raises NotWritten where that cannot be written either."""
        try:
            self.save()
        except NotWritten as trouble:
            # A file that was written before holds only the beginning.
            self.files.pop(self.path, None)
            try:
                self.path = Path(tempfile.mkdtemp(prefix="lookalike-bench-")) / self.path.name
                self.save()
            except (OSError, NotWritten):
                raise trouble from None
            self.trouble = str(trouble)

    def demonstration(self) -> Demonstration:
        """What was played so far."""
        entries, digests, times = self._entries()
        back = f"; actions taken back: {self.taken_back}" if self.taken_back else ""
        return Demonstration(
            environment=self.spec,
            seed=self.seed,
            origin=self.origin,
            made=self.made + back,
            tool=f"lookalike-bench {__version__}",
            result=result_of(self.observation, len(self.steps)),
            actions=entries,
            digests=digests,
            # When a script's commands were read tells nothing.
            times=times if self.origin == "human" else [],
        )

    def _entries(self) -> tuple[list[str | Held], list[str], list[float]]:
        """Actions with those that were held written once; the digest after each, and the time that it began."""
        entries: list[str | Held] = []
        digests: list[str] = []
        times: list[float] = []
        by_frames = self.observation.frame is not None
        last: Step | None = None
        for step in self.steps:
            again = last is not None and step.action == last.action and step.moment - last.moment < HELD_SECONDS
            if by_frames and again:
                count = 1 if isinstance(entries[-1], str) else entries[-1][1]
                entries[-1], digests[-1] = (step.action, count + 1), step.digest
            else:
                entries.append(step.action)
                digests.append(step.digest)
                times.append(step.moment)
            last = step
        return entries, digests, times

    def _clear(self) -> None:
        self.steps: list[Step] = []
        self.observation = Observation("")
        self._started = self._first_score = 0.0
        self._paused_at = None
        self._unsaved = self._asked_to_keep = False
        self.taken_back = 0
        self.trouble = ""


def open_for_play(plugins: PluginManager, spec: PluginSpec) -> tuple[Environment, PluginSpec]:
    """An environment that a person can play, and its spec: in a game of pictures every step is one frame.

    Such a game runs in this process, where its pictures are. Raises PluginError or AssetError.
    """
    from lookalike_bench.engine.environments import open_environment, prepare_environment

    made = plugins.find("environment", spec.plugin).load()
    if not (hasattr(made, "film") and hasattr(made, "picture")):
        return open_environment(plugins, spec), spec
    spec = PluginSpec.model_validate({**spec.model_dump(), **getattr(made, "by_hand", {})})
    prepare_environment(plugins, spec)
    return plugins.create("environment", spec.plugin, spec.arguments), spec


def free_path(path: Path) -> Path:
    """The path if it is free, else the first free one of zork-5-2.json, zork-5-3.json, ..."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([path], numbered) if not candidate.exists())
