"""Puts the requests of an episode together again from its record, exactly as they were sent."""

from __future__ import annotations

from collections.abc import Iterator

from lookalike_bench.records.store import EpisodeRecord
from lookalike_bench.types import Message


def prompts(episode: EpisodeRecord) -> Iterator[tuple[int, int, int, list[Message]]]:
    """(step, copy, member, messages) for every request, in the order of the record."""
    conversations: dict[int, list[Message]] = {}
    for step in episode.steps:
        if step.conversation is None:
            continue
        before = conversations.get(step.copy_index, [])
        added = [Message(message.role, message.content) for message in step.conversation.added]
        conversation = before[: step.conversation.kept] + added
        conversations[step.copy_index] = conversation
        for proposal in step.proposals:
            last = conversation[-1]
            yield (
                step.step,
                step.copy_index,
                proposal.member,
                [*conversation[:-1], Message(last.role, last.content + proposal.tail)],
            )
