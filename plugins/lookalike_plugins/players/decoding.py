"""From log-probabilities to an answer: drawing with a temperature, and writing token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, get_args

import numpy as np
from lookalike_bench.errors import PluginError
from lookalike_bench.types import Request
from numpy.typing import NDArray

from lookalike_plugins.players.word_grammar import WordGrammar

Likelihood = Literal["mean", "whole"]
"""What a choice is judged by: the mean log-likelihood of its tokens, in which long and short choices are equal, or
the log-likelihood of writing just this choice. Of "down" and "down left" the mean cannot tell which was meant, since
the one begins like the other; the whole can, but finds every word that is added less likely."""


def check_likelihood(player: str, likelihood: str) -> Likelihood:
    """Raises PluginError for one that is not known."""
    known: tuple[Likelihood, ...] = get_args(Likelihood)
    for each in known:
        if each == likelihood:
            return each
    raise PluginError(f"player {player}: likelihood is one of {', '.join(known)}, got {likelihood!r}")


def ended(tokens: Sequence[int], choices: Sequence[Sequence[int]], end_of_turn: int) -> list[int]:
    """A choice's tokens, with the end of the turn where another choice goes on: elsewhere nothing else can follow."""
    goes_on = any(len(other) > len(tokens) and list(other[: len(tokens)]) == list(tokens) for other in choices)
    return [*tokens, end_of_turn] if goes_on else list(tokens)


class Speller(Protocol):
    """What a writer needs of a language model: which token ends a turn, and what tokens spell."""

    end_of_turn: int

    def decode(self, tokens: Sequence[int]) -> str: ...


def draw(scores: NDArray[np.float64], temperature: float, random: np.random.Generator) -> int:
    """An index from the softmax of scores / temperature; the best one where the temperature is 0."""
    if temperature <= 0:
        return int(np.argmax(scores))
    weights = np.exp((scores - scores.max()) / temperature)
    edges = np.cumsum(weights)
    return min(int(np.searchsorted(edges, random.random() * edges[-1], side="right")), len(scores) - 1)


MIN_P = 0.05
"""Free text draws only tokens at least this fraction as likely as the likeliest (arXiv 2407.01082): with a
temperature above 1, the many thousands of unlikely tokens would otherwise make a word salad."""


class Writer:
    """One answer as it grows: one line, freely or in words of a grammar, ended by the model or by `max_tokens`."""

    def __init__(self, request: Request, model: Speller, grammar: WordGrammar | None) -> None:
        self.tokens: list[int] = []
        self._request, self._model, self._grammar = request, model, grammar
        self._random = np.random.default_rng(request.seed)
        self._state = WordGrammar.start

    @property
    def text(self) -> str:
        """What is written so far: its first line, and of a grammar's text the whole words."""
        written = self._model.decode(self.tokens)
        if self._grammar is None:
            return written.strip().partition("\n")[0].rstrip()
        if self._grammar.complete(self._state):
            return written
        return written.rpartition(" ")[0]

    def write(self, log_probabilities: NDArray[np.float32]) -> int | None:
        """Draw the next token; None where the answer ends."""
        candidates = self._candidates(log_probabilities)
        if len(candidates) == 0:
            return None
        scores = log_probabilities[candidates].astype(np.float64)
        token = int(candidates[draw(scores, self._request.temperature, self._random)])
        if token == self._model.end_of_turn:
            return None
        self.tokens.append(token)
        if self._grammar is not None:
            self._state = self._grammar.after(self._state, token)
        return None if self._finished() else token

    def _candidates(self, log_probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        if self._grammar is None:
            return np.flatnonzero(log_probabilities >= log_probabilities.max() + np.log(MIN_P))
        allowed = self._grammar.allowed(self._state)
        return np.append(allowed, self._model.end_of_turn) if self._grammar.complete(self._state) else allowed

    def _finished(self) -> bool:
        if self._grammar is None:
            line = self._model.decode(self.tokens).lstrip()
            return "\n" in line or len(self.tokens) >= self._request.max_tokens
        # A grammar's first word is always finished: half a word is no answer.
        return len(self.tokens) >= self._request.max_tokens and bool(self.text)
