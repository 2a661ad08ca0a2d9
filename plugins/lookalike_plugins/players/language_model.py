"""A language model on this machine's processor: conversations to tokens, and trees of tokens to log-probabilities.

    model = LanguageModel(directory, threads=2, context=8192)
    prompt = model.encode_conversation([Message("user", "You are in an open field.")])
    past = model.recall(prompt, keep=len(prompt) - 1)       # what was computed before
    tree = TokenTree()
    end = tree.add(prompt[len(past.tokens):])
    [(nodes, log_probabilities)] = model.compute(past, tree, start=0, wanted=[end])

Whatever is kept from before, and however the rest is cut into passes, a common prefix comes out the same to the
last bit: each of its tokens has its position as its column, sums run over whole blocks of columns, and no pass is
so small that OpenVINO takes another kernel for it. So an episode does not depend on what was played before it.
This was measured with both built-in models on one processor (AMD Zen 5); another may take other kernels. The tests
repeat it with SmolLM2, whose weights are stored so that small passes happen to be exact even without the filling.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai
from lookalike_bench.types import Message
from numpy.typing import NDArray

from lookalike_plugins.players.control_tokens import harmless
from lookalike_plugins.players.openvino_graph import COLUMN_BLOCK, split
from lookalike_plugins.players.token_tree import TokenTree, common_prefix

PASS_TOKENS = 512
"""The most tokens that one pass computes; more would only need more memory."""
SMALLEST_PASS = 8
"""Passes of one to three tokens run on another kernel, whose sums differ in the last bits."""
HEAD_ROWS = 64
"""Rows of log-probabilities computed at once: each is as long as the vocabulary, up to 0.6 MB."""
BRANCH_COLUMNS = 4096
"""Room for the choices and continuations behind the longest prompt."""
PASTS = 6
"""Conversations whose keys and values are kept at once: enough for five members that play apart."""
HIDDEN = np.float32(-1e9)


class ContextExceeded(ValueError):
    """A prompt, or the choices behind it, are longer than the context that the model was started with."""


@dataclass(eq=False)
class Past:
    """Keys and values of the first tokens of a conversation: arrays (heads, columns, size), by graph input."""

    columns: dict[str, NDArray[Any]]
    tokens: list[int] = field(default_factory=list)


class LanguageModel:
    """One model, compiled for the processor. Not safe for two threads at once."""

    def __init__(self, directory: Path, threads: int, context: int) -> None:
        core = ov.Core()
        # Keys and values are kept in the type that attention computes in: nothing is lost, nothing is converted.
        computes_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._kept_as = ov.Type.bf16 if computes_bf16 else ov.Type.f32
        body, head, self._attention = split(core.read_model(directory / "openvino_model.xml"), self._kept_as)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # Two processes that pin their threads would pin them to the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        # In bf16 a logit of 20 is a multiple of 0.125: too coarse to tell choices apart, so the head is exact.
        exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
        self._body = core.compile_model(body, "CPU", settings).create_infer_request()
        self._head = core.compile_model(head, "CPU", settings | exact).create_infer_request()
        self._tokenizer = openvino_genai.Tokenizer(directory)
        self.end_of_turn: int = self._tokenizer.get_eos_token_id()
        self.context = context
        self._pasts: list[Past] = []
        self._bound: Past | None = None

        warm = TokenTree()
        for _ in self.compute(self._new_past(), warm, 0, [warm.add(range(100, 100 + SMALLEST_PASS))]):
            pass  # kernels are made, and weights brought into their order, in the first pass
        _release_file_pages(directory / "openvino_model.bin")

    # --- text and tokens --------------------------------------------------------------------------------------

    def encode_conversation(self, messages: Sequence[Message]) -> list[int]:
        """The tokens of a conversation, up to where the assistant's next turn begins. Raises ContextExceeded."""
        turns = [{"role": message.role, "content": harmless(message.content)} for message in messages]
        tokens = self.encode(self._tokenizer.apply_chat_template(turns, add_generation_prompt=True))
        if len(tokens) > self.context:
            raise ContextExceeded(
                f"a prompt of {len(tokens):,} tokens is longer than the context of {self.context:,}: "
                "shorten the history, or start the player with a larger context="
            )
        return tokens

    def encode(self, text: str) -> list[int]:
        tokens = self._tokenizer.encode(text, add_special_tokens=False).input_ids.data[0]
        return [int(token) for token in tokens]

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens)))

    def vocabulary(self) -> dict[bytes, int]:
        """Every token, by its bytes."""
        return dict(self._tokenizer.get_vocab())

    # --- what was computed before -----------------------------------------------------------------------------

    def recall(self, tokens: Sequence[int], keep: int) -> Past:
        """A past that holds as many of the first `keep` tokens as were computed before, and nothing else."""
        past = max(self._pasts, key=lambda past: common_prefix(past.tokens, tokens), default=None)
        shared = 0 if past is None else min(common_prefix(past.tokens, tokens), keep)
        if past is None or shared < len(past.tokens) - shared:
            # It is another conversation, or its beginning only: start from a copy.
            past = self._copy(past, shared)
        else:
            self._pasts.remove(past)
        past.tokens = list(tokens[:shared])
        self._pasts.append(past)
        while len(self._pasts) > PASTS or sum(len(past.tokens) for past in self._pasts) > 2 * self.context:
            del self._pasts[0]  # the one that was not used for longest
        return past

    def _copy(self, past: Past | None, count: int) -> Past:
        copy = self._new_past()
        if past is not None:
            for name, columns in copy.columns.items():
                columns[:, :count] = past.columns[name][:, :count]
        return copy

    def _new_past(self) -> Past:
        kind = np.uint16 if self._kept_as == ov.Type.bf16 else np.float32
        shape = (self._attention.heads, self.context + BRANCH_COLUMNS, self._attention.size)
        names = [f"{what}.{layer}" for layer in range(self._attention.layers) for what in ("key", "value")]
        return Past({name: _untouched(shape, np.dtype(kind)) for name in names})

    # --- computing --------------------------------------------------------------------------------------------

    def compute(
        self, past: Past, tree: TokenTree, start: int, wanted: Sequence[int], smallest: int = SMALLEST_PASS
    ) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Compute a tree's nodes from `start` on, where the earlier ones were computed in a call before.

        Yields blocks of the wanted nodes with what may follow each: log-probabilities (nodes, vocabulary), to be
        read before the next block is asked for. Raises ContextExceeded.
        """
        if len(past.tokens) + len(tree) > self.context + BRANCH_COLUMNS:
            raise ContextExceeded("the choices of this batch are too many or too long for one pass")
        self._bind(past)
        order = sorted(set(wanted))
        hidden = []
        for first in range(start, len(tree), PASS_TOKENS):
            last = min(first + PASS_TOKENS, len(tree))
            rows = [node - first for node in order if first <= node < last]
            hidden.append(self._pass(past, tree, first, last, rows, smallest))
        states = np.concatenate(hidden)
        for first in range(0, len(order), HEAD_ROWS):
            nodes = order[first : first + HEAD_ROWS]
            yield nodes, self._log_probabilities(states[first : first + HEAD_ROWS])[: len(nodes)]

    def _pass(
        self, past: Past, tree: TokenTree, first: int, last: int, rows: list[int], smallest: int
    ) -> NDArray[np.float32]:
        base, count = len(past.tokens), last - first
        fed = max(count, smallest)  # what is fed beyond the nodes is seen by none of them
        width = -(-(base + first + fed) // COLUMN_BLOCK) * COLUMN_BLOCK
        mask = np.full((1, fed, width), HIDDEN, np.float32)
        mask[0, :count, :base] = 0
        mask[0, :count, base : base + last][tree.visible(first, last)] = 0
        tokens = np.full((1, fed), tree.tokens[last - 1], np.int64)
        tokens[0, :count] = tree.tokens[first:last]
        positions = np.full((1, fed), base, np.int64)
        positions[0, :count] += tree.depths[first:last]

        request = self._body
        request.set_tensor("input_ids", ov.Tensor(tokens))
        request.set_tensor("position_ids", ov.Tensor(positions))
        request.set_tensor("mask", ov.Tensor(mask))
        request.set_tensor("past_length", ov.Tensor(np.array([base + first], np.int64)))
        request.set_tensor("rows", ov.Tensor(np.array(rows, np.int32)))
        request.infer()
        for name, columns in past.columns.items():
            new = request.get_tensor(f"new_{name}").data.view(columns.dtype)
            columns[:, base + first : base + last] = new[:, :count]
        return np.array(request.get_tensor("hidden").data, np.float32)

    def _log_probabilities(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(states) == 1:
            states = np.repeat(states, 2, axis=0)  # one row alone takes another kernel too
        self._head.set_tensor("hidden", ov.Tensor(np.ascontiguousarray(states)))
        self._head.infer()
        log_probabilities: NDArray[np.float32] = self._head.get_output_tensor(0).data
        return log_probabilities

    def _bind(self, past: Past) -> None:
        if self._bound is not past:
            for name, columns in past.columns.items():
                self._body.set_tensor(name, ov.Tensor(columns, ov.Shape(columns.shape), self._kept_as))
            self._bound = past


def _untouched(shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
    """An array of zeros in pages of its own, which take no memory until they are written to.

    np.zeros promises as much for fresh memory only: of what was freed before, it writes every byte. Over a run of
    many episodes that made the process twice as large.
    """
    return np.frombuffer(mmap.mmap(-1, math.prod(shape) * kind.itemsize), kind).reshape(shape)


def _release_file_pages(file: Path) -> None:
    """Give back the memory of a weights file that is mapped but, once its weights are in order, hardly read again.

    Saves 1.0 GB with Qwen2.5-Coder-1.5B. What is read again is mapped again. Does nothing outside Linux.
    """
    import ctypes

    dont_need = 4
    try:
        maps = Path("/proc/self/maps").read_text()
        madvise = ctypes.CDLL(None, use_errno=True).madvise
    except (OSError, AttributeError):
        return
    for line in maps.splitlines():
        if line.endswith(str(file.resolve())):
            start, stop = (int(address, 16) for address in line.split()[0].split("-"))
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), dont_need)
