"""Answers a batch of requests in as few and as small passes of a language model as they need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from lookalike_bench.types import Completion, Request, Usage
from numpy.typing import NDArray

from lookalike_plugins.players.decoding import Likelihood, Writer, draw, ended
from lookalike_plugins.players.language_model import SMALLEST_PASS, LanguageModel
from lookalike_plugins.players.token_tree import TokenTree, common_prefix
from lookalike_plugins.players.word_grammar import WordGrammar


def answer(
    model: LanguageModel,
    requests: Sequence[Request],
    prompts: Sequence[list[int]],
    grammar: Callable[[tuple[str, ...]], WordGrammar],
    likelihood: Likelihood = "mean",
) -> list[Completion]:
    """Answer requests whose prompts share a prefix. Raises ContextExceeded."""
    # 1. What was computed at an earlier step is taken up again.
    shared = min(common_prefix(prompts[0], prompt) for prompt in prompts)
    past = model.recall(prompts[0], keep=min(shared, min(map(len, prompts)) - 1))
    kept = len(past.tokens)

    # 2. The rest of the prompts becomes one tree; below each prompt stand its choices, or its answer will grow.
    tree = TokenTree()
    answers: list[Choosing | Writing] = []
    for request, prompt in zip(requests, prompts, strict=True):
        end = tree.add(prompt[kept:])
        if request.choices:
            answers.append(Choosing(request, model, tree, end, likelihood))
        else:
            writer = Writer(request, model, grammar(request.vocabulary) if request.vocabulary else None)
            answers.append(Writing(writer, tree, end))

    # 3. The first pass computes all of that; each further one the next token of every answer that grows. Only of
    #    the first one something is kept, so only that one is filled up to a size with exact sums.
    computed, smallest = 0, SMALLEST_PASS
    while waiting := _waiting(answers):
        size = len(tree)
        for nodes, rows in model.compute(past, tree, computed, list(waiting), smallest):
            for node, row in zip(nodes, rows, strict=True):
                for one in waiting[node]:
                    one.read(node, row)
        computed, smallest = size, 1
    past.tokens.extend(prompts[0][kept:shared])

    # 4. A prompt's token counts as cached where an earlier prompt, of this batch or before it, had it computed.
    completions = []
    for number, (prompt, one) in enumerate(zip(prompts, answers, strict=True)):
        cached = max([kept, *(common_prefix(prompt, before) for before in prompts[:number])])
        completions.append(one.completion(Usage(len(prompt), cached)))
    return completions


class Choosing:
    """Judges every choice by its log-likelihood, then draws one."""

    def __init__(
        self, request: Request, model: LanguageModel, tree: TokenTree, end: int, likelihood: Likelihood
    ) -> None:
        self._request, self._likelihood = request, likelihood
        self.waiting: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._likelihoods: list[list[float]] = [[] for _ in request.choices]
        encoded = [model.encode(choice) for choice in request.choices]
        if likelihood == "whole":
            encoded = [ended(tokens, encoded, model.end_of_turn) for tokens in encoded]
        for place, tokens in enumerate(encoded):
            node = end
            for token in tokens[:-1]:
                self.waiting[node].append((place, token))
                node = tree.add([token], below=node)
            self.waiting[node].append((place, tokens[-1]))  # the last token is judged, but nothing comes after it

    def read(self, node: int, log_probabilities: NDArray[np.float32]) -> None:
        for place, token in self.waiting.pop(node):
            self._likelihoods[place].append(float(log_probabilities[token]))

    def completion(self, usage: Usage) -> Completion:
        score = np.mean if self._likelihood == "mean" else np.sum
        scores = np.array([score(likelihoods) for likelihoods in self._likelihoods])
        chosen = draw(scores, self._request.temperature, np.random.default_rng(self._request.seed))
        usage += Usage(completion_tokens=len(self._likelihoods[chosen]))
        return Completion(self._request.choices[chosen], usage, tuple(map(float, scores)))


class Writing:
    """Lets an answer grow by a token a pass."""

    def __init__(self, writer: Writer, tree: TokenTree, end: int) -> None:
        self._writer, self._tree = writer, tree
        self.waiting = {end}

    def read(self, node: int, log_probabilities: NDArray[np.float32]) -> None:
        token = self._writer.write(log_probabilities)
        self.waiting = set() if token is None else {self._tree.append(token, below=node)}

    def completion(self, usage: Usage) -> Completion:
        return Completion(self._writer.text, usage + Usage(completion_tokens=len(self._writer.tokens)))


def _waiting(answers: Sequence[Choosing | Writing]) -> dict[int, list[Choosing | Writing]]:
    """The nodes whose continuation somebody waits for, and who does."""
    waiting: dict[int, list[Choosing | Writing]] = defaultdict(list)
    for one in answers:
        for node in one.waiting:
            waiting[node].append(one)
    return waiting
