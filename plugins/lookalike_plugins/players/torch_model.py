"""A causal language model in torch, with a prompt cache that the members of a swarm share.

model = TorchModel.load("google/gemma-7b-it", device="cuda", dtype="bfloat16")
ready = model.read([conversation_of_member_0, conversation_of_member_1])
ready.next                     # what may follow each prompt: log-probabilities (prompts, vocabulary)
ready.row(1)                   # the keys and values of one prompt, to be continued
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from lookalike_bench.errors import PlayerFailure, PluginError
from lookalike_bench.types import Message

from lookalike_plugins.players.control_tokens import harmless
from lookalike_plugins.players.token_tree import common_prefix

PASS_TOKENS = 2048
"""The most tokens of one prompt that go through the model at once: bounds the memory of the attention."""


@dataclass
class Ready:
    """Prompts that the model has read. `cache` holds a row for each, padded at the end to the longest; `cached` is
    how many tokens of each prompt were computed at an earlier step."""

    prompts: list[list[int]]
    cache: Any
    next: torch.Tensor
    cached: int

    def row(self, index: int) -> Any:
        """The keys and values of one prompt, without what pads it."""
        cache = copy.deepcopy(self.cache)
        cache.batch_select_indices(torch.tensor([index], device=self.next.device))
        cut(cache, len(self.prompts[index]))
        return cache


class TorchModel:
    """One model and its tokenizer. Not safe for two threads at once."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.torch_model = model
        self.tokenizer = tokenizer
        self.end_of_turn = self._end_of_turn()
        self._past: Any = None
        self._past_tokens: list[int] = []

    @classmethod
    def load(cls, name: str, device: str, dtype: str, revision: str | None) -> TorchModel:
        """Read the weights. Raises PluginError if they cannot be had, with one line that says why."""
        found = find_device(device)
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, revision=revision)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                name, revision=revision, dtype=dtype, use_safetensors=True
            )
        except (OSError, ValueError, ImportError) as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise PluginError(f"the model {name!r} cannot be loaded: {line[:300]}") from None
        if not tokenizer.chat_template:
            raise PluginError(f"the model {name!r} has no chat template: name one that was trained to chat")
        return cls(model.to(found).eval(), tokenizer)

    @property
    def device(self) -> Any:
        return self.torch_model.device

    # --- text and tokens --------------------------------------------------------------------------------------

    def encode_conversation(self, messages: Sequence[Message]) -> list[int]:
        """The tokens of a conversation, up to where the assistant's next turn begins."""
        turns = [{"role": message.role, "content": harmless(message.content)} for message in messages]
        try:
            return self._apply(turns)
        except Exception as error:
            # Some templates, Gemma's first among them, know no system: it joins the first message.
            if len(turns) < 2 or turns[0]["role"] != "system":
                raise PlayerFailure(f"the model's chat template fails: {error}") from None
        first = {"role": turns[1]["role"], "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
        return self._apply([first, *turns[2:]])

    def _apply(self, turns: list[dict[str, str]]) -> list[int]:
        encoded = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=True)
        return list(encoded["input_ids"])

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def vocabulary(self) -> dict[bytes, int]:
        """Every token, by the bytes that it adds behind other text."""
        [before, *_] = self.encode("a")
        numbers = [number for number in range(len(self.tokenizer)) if number not in self.tokenizer.all_special_ids]
        start = len(self.tokenizer.decode([before]))
        texts = self.tokenizer.batch_decode([[before, number] for number in numbers])
        return {text[start:].encode(): number for text, number in zip(texts, numbers, strict=True)}

    def _end_of_turn(self) -> int:
        """The token with which this model ends its turn: the last special one that its template puts there."""
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        encoded = self.tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True)["input_ids"]
        special = [token for token in encoded if token in self.tokenizer.all_special_ids]
        configured = self.torch_model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured, self.tokenizer.eos_token_id]
        return int(next((token for token in reversed(special) if token in ends), self.tokenizer.eos_token_id))

    # --- computing --------------------------------------------------------------------------------------------

    def read(self, conversations: Sequence[Sequence[Message]]) -> Ready:
        """Read prompts: what they share once, and what differs as one batch."""
        prompts = [self.encode_conversation(messages) for messages in conversations]
        # 1. What all share, up to the token before the shortest one's last, which must be asked for what follows.
        shared = min(common_prefix(prompts[0], prompt) for prompt in prompts)
        shared = min(shared, min(map(len, prompts)) - 1)
        cached = self._share(prompts[0][:shared])
        # 2. The rest of each, padded at the end: causal attention lets nothing look at what pads.
        cache = copy.deepcopy(self._past)
        cache.batch_repeat_interleave(len(prompts))
        rests = [prompt[shared:] for prompt in prompts]
        logits = self.run(rests, cache, base=[shared] * len(prompts))
        ends = torch.tensor([len(rest) - 1 for rest in rests], device=self.device)
        last = logits[torch.arange(len(rests), device=self.device), ends]
        return Ready(prompts, cache, torch.log_softmax(last.float(), dim=-1), cached)

    def _share(self, tokens: list[int]) -> int:
        """Have these tokens, and no others, in the cache that is kept; returns how many were there already."""
        kept = common_prefix(self._past_tokens, tokens)
        if self._past is None or not cut(self._past, kept):
            self._past, kept = transformers.DynamicCache(config=self.torch_model.config), 0
        for start in range(kept, len(tokens), PASS_TOKENS):
            self.run([tokens[start : start + PASS_TOKENS]], self._past, base=[start], logits=1)
        self._past_tokens = list(tokens)
        return kept

    def run(
        self, rows: Sequence[Sequence[int]], cache: Any, base: Sequence[int], mask: Any = None, logits: int = 0
    ) -> torch.Tensor:
        """One pass over rows of tokens that continue a cache, each from its own position; `mask` (rows, columns)
        hides columns of the cache. Gives the logits of the last `logits` tokens of each row, or of all (0)."""
        width = max(map(len, rows))
        tokens = torch.zeros((len(rows), width), dtype=torch.long)
        for row, number in zip(rows, itertools.count()):
            tokens[number, : len(row)] = torch.tensor(row)
        positions = torch.arange(width)[None] + torch.tensor(base)[:, None]
        with torch.inference_mode():
            output = self.torch_model(
                input_ids=tokens.to(self.device),
                position_ids=positions.to(self.device),
                attention_mask=None if mask is None else mask.to(self.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=logits,
            )
        result: torch.Tensor = output.logits
        return result


def cut(cache: Any, length: int) -> bool:
    """Shorten a cache to its first tokens; False if this kind of cache cannot forget (a sliding window)."""
    surplus = cache.get_seq_length() - length
    if surplus <= 0:
        return bool(surplus == 0)
    try:
        cache.crop(-surplus)
    except (ValueError, NotImplementedError):
        return False
    return True


def find_device(device: str) -> str:
    """The device to compute on. Raises PluginError for one that is not there."""
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PluginError(f"torch cannot compute on the device {device!r}: {line[:200]}") from None
    return device
