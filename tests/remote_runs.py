"""Runs of the corridor task with the openai player against a loopback server."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from lookalike_bench.engine.engine import Engine
from lookalike_bench.engine.manifest import make_manifest
from lookalike_bench.engine.models import Models
from lookalike_bench.engine.plan import plan
from lookalike_bench.engine.remote import Transport
from lookalike_bench.plugins.manager import load_plugins
from lookalike_bench.records.schema import EpisodeEnd
from lookalike_bench.records.store import Run
from lookalike_bench.tasks.task import load_task

from tests.conftest import FAKE_PLUGINS, write_task
from tests.loopback_server import LoopbackServer

QUICK = Transport(timeout=5, attempts=4, backoff=0.001, longest_backoff=0.01)


def play(folder: Path, server: LoopbackServer, name: str = "run", **options: Any) -> list[EpisodeEnd | None]:
    """The ends of a run's episodes, None for one that was interrupted. `changes` to the task stand for `without`."""
    changes = f'player: {{plugin: openai, base_url: "{server.url}/v1"}}\n{options.pop("changes", "")}'
    task = load_task(write_task(folder, changes, without=("player", *options.pop("without", ()))))
    plugins = load_plugins([FAKE_PLUGINS])
    run = Run(folder / name)
    if not run.manifest_path.exists():
        run.write_manifest(make_manifest([task], plugins))
    resume = options.pop("resume", False)
    models = Models(transport=QUICK, **options)
    with Engine(run, plugins, resume=resume, models=models) as engine:
        ends: list[EpisodeEnd | None] = []
        for future in [engine.submit(episode) for episode in plan([task])]:
            try:
                ends.append(future.result(60))
            except CancelledError:
                ends.append(None)
        return ends
