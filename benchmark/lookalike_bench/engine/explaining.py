"""Why a step of a run had to be asked for, or would be asked for again: the question from the record, and what the
response cache has that is like it.

    explain(run, cache, Turn("zork", "swarm", seed=0, step=3, member=1))

A record tells the whole request. Of who was asked it tells the model, and the manifest the player as it was named,
which is compared with those in the cache: what a player left to its defaults is taken for the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from lookalike_bench.engine.cache import Question, ResponseCache, canonical
from lookalike_bench.engine.prices import NO_MODEL, ON_THIS_MACHINE
from lookalike_bench.errors import UsageError
from lookalike_bench.records.prompts import prompts
from lookalike_bench.records.store import EpisodeRecord, Run
from lookalike_bench.types import Message, Request


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of an episode."""

    task: str
    variant: str
    seed: int
    step: int
    member: int = 0

    def __str__(self) -> str:
        return f"{self.task} {self.variant} seed {self.seed}, step {self.step}, member {self.member}"


def explain(run: Run, cache: ResponseCache, turn: Turn) -> str:
    """A few lines. Raises UsageError for a turn that the run does not have, or has without its prompt."""
    episode = run.episode(turn.task, turn.variant, turn.seed)
    if episode is None:
        raise UsageError(f"{run.path}: no episode of {turn.task} {turn.variant} with seed {turn.seed}")
    request = recorded_request(episode, turn)
    known = _player(run, episode, turn)
    asked = [kept.identity for kept in cache.kept() if _may_be(kept.asked, known)]
    # Nobody like that was asked yet: then that is the explanation.
    questions = [Question.of_request(identity, request) for identity in asked or [canonical(known)]]
    question = next((question for question in questions if question in cache), questions[0])
    lines = [f"{turn}, asked of {episode.header.player}", cache.explain(question)]
    if question in cache:
        lines.append(f"when it was asked, it was a miss: {cache.explain_asking(question)}")
    return "\n".join(lines)


def recorded_request(episode: EpisodeRecord, turn: Turn) -> Request:
    """A request as it was sent. Raises UsageError if the record does not have it."""
    where = f"{turn.task} {turn.variant} seed {turn.seed}"
    # Members that each play a copy of their own have a record each of a step, others one together.
    asked = {p.member: (step, p) for step in episode.steps if step.step == turn.step for p in step.proposals}
    if not asked:
        last = max((step.step for step in episode.steps), default=0)
        raise UsageError(f"{where}: no step {turn.step}; the record ends with {last}")
    if turn.member not in asked:
        raise UsageError(f"{where}: step {turn.step} has no member {turn.member}, only {', '.join(map(str, asked))}")
    sent = {(step, member): messages for step, _, member, messages in prompts(episode)}
    if (turn.step, turn.member) not in sent:
        raise UsageError(f"{where}: the record has no prompt of step {turn.step}: nobody was asked, or it was left out")
    step, proposal = asked[turn.member]
    messages = tuple(sent[turn.step, turn.member])
    return Request(
        messages=messages,
        temperature=proposal.temperature,
        seed=proposal.seed,
        choices=tuple(step.choices),
        vocabulary=_vocabulary(messages) if episode.header.decode == "grammar" else (),
    )


def _vocabulary(messages: tuple[Message, ...]) -> tuple[str, ...]:
    """The words that a grammar held the answer to: those that the instructions name."""
    told = re.search(r"^Reusable terms: (.*)\.$", messages[0].content, re.MULTILINE)
    return tuple(told[1].split(", ")) if told else ()


def _player(run: Run, episode: EpisodeRecord, turn: Turn) -> dict[str, Any]:
    """What the run's files tell of who was asked."""
    entry = next((entry for entry in run.read_manifest().tasks if entry.task == turn.task), None)
    spec = entry.definition.get("variants", {}).get(turn.variant, {}).get("player") if entry else None
    if not isinstance(spec, dict):
        raise UsageError(f"{turn.task} {turn.variant}: nobody was asked in this variant")
    plugin = spec["plugin"]
    if plugin in (*ON_THIS_MACHINE, *NO_MODEL):
        raise UsageError(
            f"{turn.task} {turn.variant}: the player {plugin} is on this machine: its answers are not kept"
        )
    named = {name: value for name, value in spec.items() if name not in ("plugin", "decode")}
    return {**named, "player": plugin, "model": episode.header.player}


def _may_be(identity: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether an identity in the cache is that of a player of which only this much is known."""
    if "player" not in identity:
        return False
    # A model that is a file is recorded by its name, without its folder; a URL is used without its last slash.
    there = {**identity, "model": PurePath(str(identity.get("model"))).name}
    here = {**known, "model": PurePath(str(known["model"])).name, "base_url": str(known.get("base_url")).rstrip("/")}
    return all(here[name] == there[name] for name in here.keys() & there.keys() if known.get(name) is not None)
