"""The page of a run: one self-contained file with its tables, curves, failure signatures, and a step viewer.

    write_report(Run(Path("runs/zork-20261122-193000")), Path("report.html"))

The viewer reads its data from the page itself, an episode at a time, so that a long run opens at once. A step has
an address, such as report.html#zork/swarm/0/12, which opens the page at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike_bench.publish.charts import curves
from lookalike_bench.publish.pages import data_block, render, write_page
from lookalike_bench.publish.tables import banners, signatures, suite_text
from lookalike_bench.records.schema import JudgementRecord, ProposalRecord, StepRecord, titles
from lookalike_bench.records.store import EpisodeRecord, Run
from lookalike_bench.scoring.results import TaskSummary
from lookalike_bench.scoring.summary import summarise, swarm_differences

if TYPE_CHECKING:
    from lookalike_bench.types import Frame


def write_report(
    run: Run,
    path: Path,
    *,
    title: str | None = None,
    back: str | None = None,
    frames: Callable[[EpisodeRecord], dict[tuple[int, int], Frame]] | None = None,
) -> None:
    """Write the page. `back` is the address of the page that it belongs to, if any; `frames` gives an episode's
    pictures by (copy, step), which records leave out and a replay renders again."""
    summary = summarise(run)
    listed = ("task", "variant", "seed", "status")
    manifest = run.read_manifest()
    episodes = [episode_data(episode, frames(episode) if frames else {}) for episode in run.episodes()]
    page = render(
        "report.html",
        script="viewer.js",
        title=title or ", ".join(titles(manifest)),
        back=back,
        manifest=manifest,
        played=list(_cast(episodes)),
        suites=[
            {"summary": suite, "text": suite_text(suite), "swarm": swarm_differences(suite)} for suite in summary.suites
        ],
        tasks=[
            {
                "summary": task,
                "banners": list(banners(task)),
                "signatures": list(signatures(task)),
                "swarm": swarm_differences(task),
                "curves": curves("mean score", "step", score_curves(episodes, task)),
            }
            for task in summary.tasks
        ],
        index=data_block([{key: episode[key] for key in listed} for episode in episodes]),
        episodes=[data_block(episode) for episode in episodes],
    )
    write_page(path, page)


def episode_data(episode: EpisodeRecord, frames: Mapping[tuple[int, int], Frame] | None = None) -> dict[str, Any]:
    """What the viewer shows of an episode. Pictures that are alike are kept once."""
    header, end = episode.header, episode.end
    status = "interrupted" if end is None else "errored" if end.status == "errored" else (
        "success" if end.success else "no success"
    )  # fmt: skip
    pictures: dict[str, int] = {}
    shown_at = {
        place: pictures.setdefault(_picture(frame), len(pictures)) for place, frame in sorted((frames or {}).items())
    }
    return {
        "task": header.task,
        "variant": header.variant,
        "seed": header.seed,
        "status": status,
        "score": end.score if end else None,
        "best_copy": end.best_copy if end else 0,
        "error": end.error if end else None,
        "player": header.player,
        "critic": header.critic,
        "reveal": header.reveal,
        "roles": header.roles,
        "handicaps": header.handicaps,
        "observation": header.observation.text if header.observation else "",
        "description": header.observation.description if header.observation else "",
        "start": header.observation.score if header.observation else 0.0,
        "review": _judgement(header.review),
        "pictures": list(pictures),
        "picture": shown_at.get((0, 0)),
        "steps": [{**_step(step), "picture": shown_at.get((step.copy_index, step.step))} for step in episode.steps],
    }


def _picture(frame: Frame) -> str:
    """A frame as the address of a PNG that stands in the page."""
    import base64
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def score_curves(episodes: list[dict[str, Any]], task: TaskSummary) -> dict[str, list[float]]:
    """The mean score after each step, over a variant's scored episodes; a finished episode keeps its score."""
    lines: dict[str, list[float]] = {}
    of_task = [list(_scores(episode)) for episode in episodes if episode["task"] == task.task]
    longest = max(map(len, of_task), default=0)
    for variant in task.variants:
        runs = [
            list(_scores(episode))
            for episode in episodes
            if episode["task"] == task.task
            and episode["variant"] == variant.variant
            and episode["seed"] in variant.outcomes
        ]
        kept = [scores + [scores[-1]] * (longest - len(scores)) for scores in runs]
        if kept:
            lines[variant.variant] = [sum(at) / len(kept) for at in zip(*kept, strict=True)]
    return lines


def _scores(episode: dict[str, Any]) -> Iterator[float]:
    """The score of the copy that counts, from the reset on."""
    yield episode["start"]
    yield from (step["score"] for step in episode["steps"] if step["copy"] == episode["best_copy"])


def _cast(episodes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Every player, critic and handicap, once."""
    seen: dict[tuple[str, str], None] = {}
    for episode in episodes:
        named = [("player", episode["player"]), ("critic", episode["critic"])]
        named += [("handicap", handicap) for handicap in episode["handicaps"]]
        seen.update(dict.fromkeys((kind, name) for kind, name in named if name))
    yield from sorted(seen)


def _step(step: StepRecord) -> dict[str, Any]:
    observation = step.observation
    ended = [name for name in ("terminated", "truncated", "victory", "level_complete") if getattr(observation, name)]
    return {
        "step": step.step,
        "copy": step.copy_index,
        "action": step.action,
        "text": observation.text,
        "description": observation.description,
        "score": observation.score,
        "ended": ended,
        "milestones": observation.milestones,
        "played": step.played,
        "choices": step.choices,
        "proposals": [_proposal(proposal) for proposal in step.proposals],
        "review": _judgement(step.review),
        "told": [[message.role, message.content] for message in step.conversation.added] if step.conversation else [],
        "digest": step.digest,
        "seconds": step.seconds,
    }


def _proposal(proposal: ProposalRecord) -> dict[str, Any]:
    usage = proposal.usage
    return {
        "member": proposal.member,
        "temperature": proposal.temperature,
        "action": proposal.action,
        "text": proposal.text if proposal.text != proposal.action else "",
        "tail": proposal.tail,
        "judgement": _judgement(proposal.judgement),
        "tokens": [usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens],
    }


def _judgement(judgement: JudgementRecord | None) -> dict[str, Any] | None:
    return None if judgement is None else judgement.model_dump(mode="json")
