"""Holds what a model writes to a JSON schema, token by token.

model.generate(**inputs, logits_processor=[HeldToSchema(tokenizer, schema, start=prompt_length)])
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import llguidance.hf
import llguidance.numpy
import numpy as np
import torch
from llguidance import LLMatcher
from transformers import LogitsProcessor


@lru_cache(maxsize=2)
def _tokens(tokenizer: Any) -> Any:
    """The tokenizer as the matcher reads it; takes seconds for a large vocabulary."""
    return llguidance.hf.from_tokenizer(tokenizer)


class HeldToSchema(LogitsProcessor):  # type: ignore[misc]
    """Forbids every token that leads out of the schema. For one answer, of a batch of one."""

    def __init__(self, tokenizer: Any, schema: dict[str, Any], start: int) -> None:
        compact = {**schema, "x-guidance": {"whitespace_flexible": False}}
        tokens = _tokens(tokenizer)
        self._matcher = LLMatcher(tokens, LLMatcher.grammar_from_json_schema(json.dumps(compact)))
        if error := self._matcher.get_error():
            raise ValueError(f"the schema cannot be held to: {error}")
        self._mask = llguidance.numpy.allocate_token_bitmask(1, tokens.vocab_size)
        self._read = start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for token in input_ids[0, self._read :].tolist():
            self._matcher.consume_token(token)
        self._read = input_ids.shape[1]
        llguidance.numpy.fill_next_token_bitmask(self._matcher, self._mask, 0)
        # A bit for each token; models may have more rows of scores than their tokenizers have tokens.
        bits = np.unpackbits(self._mask.view(np.uint8), bitorder="little")[: scores.shape[-1]]
        allowed = np.zeros(scores.shape[-1], bool)
        allowed[: len(bits)] = bits
        return scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), float("-inf"))
