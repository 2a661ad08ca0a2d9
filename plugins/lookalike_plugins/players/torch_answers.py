"""Answers to prompts that a TorchModel has read: a choice by log-likelihood, or text token by token."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from lookalike_bench.types import Completion, Request, Usage

from lookalike_plugins.players.decoding import Likelihood, Writer, draw, ended
from lookalike_plugins.players.torch_model import Ready, TorchModel
from lookalike_plugins.players.word_grammar import WordGrammar


def choose(
    model: TorchModel, ready: Ready, index: int, request: Request, batch: int, likelihood: Likelihood
) -> Completion:
    """One of the choices, drawn by the log-likelihood of each as the assistant's next turn."""
    choices = [model.encode(choice) for choice in request.choices]
    if likelihood == "whole":
        choices = [ended(tokens, choices, model.end_of_turn) for tokens in choices]
    likelihoods: list[float] = []
    past = ready.row(index)
    length = len(ready.prompts[index])
    for start in range(0, len(choices), batch):
        rows = choices[start : start + batch]
        if max(map(len, rows)) > 1:
            cache = copy.deepcopy(past)
            cache.batch_repeat_interleave(len(rows))
            # The last token of a choice is asked for nothing: what precedes it tells how likely it is.
            heads = [row[:-1] or row for row in rows]
            logits = model.run(heads, cache, base=[length] * len(rows))
            following = torch.log_softmax(logits.float(), dim=-1)
        for number, row in enumerate(rows):
            total = float(ready.next[index, row[0]])
            for position, token in enumerate(row[1:]):
                total += float(following[number, position, token])
            likelihoods.append(total / len(row) if likelihood == "mean" else total)
    scores = np.array(likelihoods, np.float64)
    chosen = draw(scores, request.temperature, np.random.default_rng(request.seed))
    usage = Usage(length, ready.cached, len(choices[chosen]))
    return Completion(request.choices[chosen], usage, tuple(likelihoods))


def write(
    model: TorchModel,
    ready: Ready,
    indices: Sequence[int],
    requests: Sequence[Request],
    grammars: Sequence[WordGrammar | None],
) -> list[Completion]:
    """Text for the prompts at `indices`, all at once: one pass for each token that any of them still writes."""
    if not indices:
        return []
    writers = [Writer(request, model, grammar) for request, grammar in zip(requests, grammars, strict=True)]
    cache = copy.deepcopy(ready.cache)
    cache.batch_select_indices(torch.tensor(list(indices), device=ready.next.device))
    lengths = [len(ready.prompts[index]) for index in indices]
    # What pads a prompt that is shorter than the longest stays in the cache, and is hidden.
    mask = torch.zeros((len(indices), cache.get_seq_length()), dtype=torch.long)
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
    following = ready.next[list(indices)]
    running = list(range(len(writers)))
    while running:
        tokens = [[0]] * len(writers)
        for row in list(running):
            token = writers[row].write(following[row].cpu().numpy())
            if token is None:
                running.remove(row)
            else:
                tokens[row] = [token]
        if running:
            mask = torch.cat([mask, torch.ones((len(writers), 1), dtype=torch.long)], dim=1)
            logits = model.run(tokens, cache, base=lengths, mask=mask)
            lengths = [length + 1 for length in lengths]
            following = torch.log_softmax(logits[:, -1].float(), dim=-1)
    return [
        Completion(writer.text, Usage(len(ready.prompts[index]), ready.cached, len(writer.tokens)))
        for index, writer in zip(indices, writers, strict=True)
    ]
