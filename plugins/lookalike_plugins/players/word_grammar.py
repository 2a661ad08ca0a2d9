"""Holds a model to sequences of vocabulary words: at each point, the tokens that can still lead to one.

    grammar = WordGrammar(["open", "mailbox"], model.vocabulary())
    state = grammar.start
    grammar.allowed(state)             # "o", "open", "mail", "open mail", ...
    state = grammar.after(state, token)
    grammar.complete(state)            # whether the text may end here

Exact for any split into tokens: what is walked are the bytes of the words, joined by single spaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

_SPACE = ord(" ")


class WordGrammar:
    """States are nodes of a trie of the words' bytes; behind each whole word a space leads back to the root."""

    start = 0

    def __init__(self, words: Iterable[str], tokens: Mapping[bytes, int]) -> None:
        self._edges: list[dict[int, int]] = [{}]
        self._ends: set[int] = set()
        for entry in words:
            for word in entry.split():
                self._add(word.encode())
        for state in self._ends:
            self._edges[state].setdefault(_SPACE, self.start)
        alphabet = {byte for edges in self._edges for byte in edges}
        usable = ((token, number) for token, number in tokens.items() if token and alphabet.issuperset(token))
        self._by_first: dict[int, list[tuple[bytes, int]]] = {}
        for token, number in usable:
            self._by_first.setdefault(token[0], []).append((token, number))
        self._bytes = {number: token for group in self._by_first.values() for token, number in group}
        self._allowed: dict[int, NDArray[np.int64]] = {}

    def allowed(self, state: int) -> NDArray[np.int64]:
        """The tokens that may come next."""
        if state not in self._allowed:
            candidates = (pair for byte in self._edges[state] for pair in self._by_first.get(byte, ()))
            numbers = [number for token, number in candidates if self._walk(state, token) is not None]
            self._allowed[state] = np.array(sorted(numbers), np.int64)
        return self._allowed[state]

    def after(self, state: int, token: int) -> int:
        """The state behind a token that is allowed."""
        reached = self._walk(state, self._bytes[token])
        if reached is None:
            raise ValueError(f"token {token} is not allowed here")
        return reached

    def complete(self, state: int) -> bool:
        """Whether the text that led here is whole words."""
        return state in self._ends

    def _walk(self, state: int, token: bytes) -> int | None:
        for byte in token:
            following = self._edges[state].get(byte)
            if following is None:
                return None
            state = following
        return state

    def _add(self, word: bytes) -> None:
        state = self.start
        for byte in word:
            if byte not in self._edges[state]:
                self._edges[state][byte] = len(self._edges)
                self._edges.append({})
            state = self._edges[state][byte]
        if state != self.start:
            self._ends.add(state)
