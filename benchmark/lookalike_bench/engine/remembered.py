"""Work that is done once for each message of a conversation that only grows.

    encoded = Remembered(lambda message: message.content.encode())
    encoded.of(request.messages)      # at the next step, only the new messages are encoded

Messages are told apart by identity, not by value: to hash hundreds of long texts at every step is most of what
this saves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from lookalike_bench.types import Message

T = TypeVar("T")


class Remembered(Generic[T]):
    """The last results of a function of a message. For one thread."""

    def __init__(self, compute: Callable[[Message], T], size: int = 16384) -> None:
        self._compute = compute
        self._size = size
        # A message is kept beside its result, so that its id cannot become another's.
        self._known: dict[int, tuple[Message, T]] = {}

    def of(self, messages: Iterable[Message]) -> list[T]:
        """The result for each message."""
        known = self._known
        results = []
        for message in messages:
            entry = known.get(id(message))
            if entry is None:
                if len(known) >= self._size:
                    known.clear()
                entry = known[id(message)] = (message, self._compute(message))
            results.append(entry[1])
        return results
