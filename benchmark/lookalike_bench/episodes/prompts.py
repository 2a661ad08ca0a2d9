"""What a player reads.

The order is the paper's (section 3): how to play, the situation (goal and limits), what an action looks like,
and the reusable terms. After that the conversation only grows: each turn adds the player's own action and the
environment's reply, so that a prefix cache computes every token once. What is true of one step or one member
only (a role, the list to choose from) is the tail: sent at the very end, and not kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lookalike_bench.records.schema import ConversationChange, MessageRecord
from lookalike_bench.text import without_controls
from lookalike_bench.types import EnvironmentInfo, Judgement, Message, Observation, Reveal, Role

ANSWER = "Answer with one action and nothing else."
EARLIER_STEPS_CUT = "(Earlier steps are left out.)\n\n"


def system_prompt(info: EnvironmentInfo, goal: str, max_steps: int, reveal: Reveal) -> str:
    """The instructions that every variant's players get; of the expert they hear only where one speaks to them."""
    return "\n\n".join(
        part
        for part in (
            info.instructions.strip(),
            f"Goal: {goal}. Limit: {max_steps} steps.",
            f"Actions: {info.action_format.strip()} {ANSWER}",
            f"Reusable terms: {', '.join(info.vocabulary)}." if info.vocabulary else "",
            expert(reveal),
        )
        if part
    )


def expert(reveal: Reveal) -> str:
    """Who the critic is to a player, and what it will say."""
    if reveal == "none":
        return ""
    sentences = ["An expert who has watched a human play this game well advises you.",
                 "It rewards good steps and punishes bad ones"]  # fmt: skip
    if reveal == "actions":
        sentences[1] += ", and lists possible actions"
    if reveal == "recommendation":
        sentences[1] += ", lists possible actions and recommends one of them. Do what it recommends"
    return " ".join(sentences) + "."


def verdict(review: Judgement | None, reveal: Reveal) -> str:
    """The reward or punishment of the last step: it stays in the conversation."""
    if review is None or reveal == "none":
        return ""
    verb = "rewards" if review.reward > 0 else "punishes" if review.reward < 0 else "is indifferent to"
    return f"The expert {verb} the last step: {review.reward:+.1f}."


def turn(observation: Observation, *additions: str) -> str:
    """One user message: what is seen, then whatever the method adds."""
    return "\n\n".join(part for part in (observation.words, *additions) if part)


def tail(listed: Sequence[str], recommended: str | None, role: str) -> str:
    """The end of the last message, for this step and this member only, in the paper's form: possible actions A, B,
    C, D; recommended action A. What members share comes first, so that a prefix cache serves it to all of them.

    It is not kept in the conversation: with old advice in its history, the default player took the new advice in
    half of the steps; without it, in nearly all (docs/results.md).
    """
    advice = [f"Possible actions: {', '.join(listed)}." if listed else ""]
    advice.append(f"The expert recommends: {recommended}." if recommended else "")
    return "".join(f"\n\n{part}" for part in ("\n".join(filter(None, advice)), role) if part)


def read_action(text: str) -> str:
    """The action in a free answer: its first line with words, without labels, quotes and control characters."""
    for line in text.splitlines():
        line = without_controls(line).strip()
        line = re.sub(
            r"^(?:[-*>]+\s*|(?:my |the )?(?:next )?(?:action|command)\s*(?:is)?\s*:\s*)+", "", line, flags=re.I
        )
        line = line.strip(" \t\"'`*.")
        if line:
            return line[:200]
    return ""


class Conversation:
    """The messages that all requests of a copy of the environment share; append-only but for rare cuts."""

    def __init__(self, system: str, history: int) -> None:
        """`history`: steps kept at most; when there are more, the older half goes at once."""
        self.messages: list[Message] = [Message("system", system)]
        self.history = history
        self._told = 0

    def add(self, role: Role, content: str) -> None:
        self.messages.append(Message(role, content))

    def cut(self) -> None:
        """Drop the older half of a history that has grown too long. Called before the next turn is asked for."""
        steps = (len(self.messages) - 2) // 2
        if steps > self.history:
            kept = self.messages[-(2 * (self.history // 2) + 1) :]
            kept[0] = Message("user", EARLIER_STEPS_CUT + kept[0].content)
            self.messages = [self.messages[0], *kept]
            self._told = min(self._told, 1)

    def request(self, tail_text: str) -> tuple[Message, ...]:
        """The whole conversation with the tail at its end."""
        last = self.messages[-1]
        return (*self.messages[:-1], Message(last.role, last.content + tail_text))

    def change(self) -> ConversationChange:
        """What was added since this was last called, for the record."""
        added = [MessageRecord(role=message.role, content=message.content) for message in self.messages[self._told :]]
        change = ConversationChange(kept=self._told, added=added)
        self._told = len(self.messages)
        return change
