"""Work on messages is done once, and never for the wrong message."""

from __future__ import annotations

from lookalike_bench.engine.remembered import Remembered
from lookalike_bench.types import Message


def test_each_message_is_computed_once() -> None:
    computed: list[str] = []

    def compute(message: Message) -> str:
        computed.append(message.content)
        return message.content.upper()

    remembered = Remembered(compute)
    conversation = [Message("user", "a"), Message("assistant", "b")]
    assert remembered.of(conversation) == ["A", "B"]
    assert remembered.of([*conversation, Message("user", "c")]) == ["A", "B", "C"]
    assert computed == ["a", "b", "c"]


def test_messages_that_come_and_go_are_never_taken_for_others() -> None:
    remembered = Remembered(lambda message: message.content, size=8)
    for number in range(1000):
        # Each is freed at once, so that its address would soon be another's.
        assert remembered.of([Message("user", str(number))]) == [str(number)]
