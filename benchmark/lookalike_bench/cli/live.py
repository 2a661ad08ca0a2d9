"""What is seen while a run plays: a live view in a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lookalike_bench.engine.plan import EpisodePlan
from lookalike_bench.records.schema import EpisodeEnd, StepRecord
from lookalike_bench.text import printable


class LiveView:
    """A listener that shows episodes, steps, scores, tokens and the time left."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(28), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"), console=self.console,
        )  # fmt: skip
        self._lock = threading.Lock()
        self._playing: dict[tuple[str, str, int], tuple[StepRecord | None, int]] = {}
        self._planned: list[EpisodePlan] = []
        self._ended: set[tuple[str, str, int]] = set()
        self._steps: list[int] = []
        self._tokens = 0
        self._bar = self._progress.add_task("episodes", total=None, left="")
        self._started = time.monotonic()
        self._live = Live(console=self.console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveView:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def plan(self, episodes: Sequence[EpisodePlan]) -> None:
        self._planned = list(episodes)
        self._progress.update(self._bar, total=len(episodes))

    def note(self, text: str) -> None:
        self.console.print(Text(printable(text), style="dim"), soft_wrap=True)

    def episode_started(self, episode: EpisodePlan) -> None:
        with self._lock:
            self._playing[episode.key] = (None, 0)

    def stepped(self, episode: EpisodePlan, step: StepRecord) -> None:
        tokens = sum(usage.prompt_tokens + usage.completion_tokens for usage in step.usages)
        with self._lock:
            self._tokens += tokens
            self._playing[episode.key] = (step, self._playing[episode.key][1] + tokens)

    def episode_ended(self, episode: EpisodePlan, end: EpisodeEnd) -> None:
        with self._lock:
            _, tokens = self._playing.pop(episode.key, (None, 0))
            self._ended.add(episode.key)
            self._progress.update(self._bar, completed=len(self._ended), left=self._time_left())
        if end.status == "errored":
            result, style = f"ERROR {printable(end.error or '')}", "red"
        else:
            outcome = "success" if end.success else "no success"
            result = f"{outcome}, score {end.score:g} after {end.steps} steps, {tokens:,} tokens, {end.seconds:.1f} s"
            style = "green" if end.success else ""
        count = f"[{len(self._ended)}/{len(self._planned)}]"
        self.console.print(Text.assemble((f"{count} {episode}: ", "dim"), (result, style)), soft_wrap=True)

    def _time_left(self) -> str:
        """Extrapolated from the episodes that have ended; those of other variants may take another time."""
        done, left = len(self._ended), len(self._planned) - len(self._ended)
        if not done or not left:
            return ""
        seconds = (time.monotonic() - self._started) / done * left
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

    def _render(self) -> Group:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("playing", "step", "score", "tokens", "last action"):
            table.add_column(heading, justify="right" if heading in ("step", "score", "tokens") else "left")
        with self._lock:
            for (task, variant, seed), (step, tokens) in self._playing.items():
                last = printable(step.action)[:40] if step else "..."
                shown = (str(step.step), f"{step.observation.score:g}") if step else ("0", "")
                table.add_row(f"{task} {variant} seed {seed}", *shown, f"{tokens:,}", last)
        return Group(self._progress, table)


def say(text: str) -> None:
    """One plain line on stderr."""
    print(printable(text), file=sys.stderr)
