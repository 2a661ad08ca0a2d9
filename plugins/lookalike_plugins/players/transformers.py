"""A player on torch and transformers: any causal language model of a hub, or in a folder on this machine.

    lookalike-bench run tasks/zork.yaml --player transformers:model=google/gemma-7b-it,device=cuda,dtype=bfloat16

`google/gemma-7b-it` is the paper's player. The members of a swarm share one prompt cache: what their prompts have in
common is computed once and kept for the next step, and what differs goes through the model as one batch. Weights are
read as safetensors only, and no code of a checkpoint is run.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lookalike_bench.errors import PlayerFailure, PluginError
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Request

if TYPE_CHECKING:
    from lookalike_plugins.players.torch_model import TorchModel
    from lookalike_plugins.players.word_grammar import WordGrammar


class Transformers(Player):
    """Chooses by log-likelihood, writes freely, or writes in words of a vocabulary, as each request asks.

    `model`: a hub's name or a folder. `device`: auto, cpu, cuda, cuda:1, mps. `dtype`: auto (the checkpoint's), or
    float32, bfloat16, float16. `batch`: how many choices go through the model at once; fewer need less memory.
    `revision`: the hub's commit, for a run that others can repeat. `likelihood`: what a choice is judged by, `mean`
    or `whole` (decoding.py).
    """

    # Sums over a batch can differ in the last bits with what it is computed beside.
    deterministic = False
    concurrency = 1

    def __init__(
        self,
        model: str = "google/gemma-7b-it",
        device: str = "auto",
        dtype: str = "auto",
        batch: int = 8,
        revision: str | None = None,
        likelihood: str = "mean",
    ) -> None:
        from lookalike_plugins.players.decoding import check_likelihood

        if batch < 1:
            raise PluginError(f"player transformers: batch={batch}: expected at least 1")
        if dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise PluginError(f"player transformers: dtype is auto, float32, bfloat16 or float16, got {dtype!r}")
        self._name = model
        self._device, self._dtype, self._revision = device, dtype, revision
        self._batch = batch
        self._likelihood = check_likelihood("transformers", likelihood)
        self._model: TorchModel | None = None
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        return f"{self._name}@{self._revision}" if self._revision else self._name

    async def start(self) -> None:
        await asyncio.to_thread(self._start)

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await asyncio.to_thread(self._complete, requests)

    async def close(self) -> None:
        with self._lock:
            self._model = None

    def _start(self) -> None:
        try:
            from lookalike_plugins.players.torch_model import TorchModel
        except ImportError as error:
            raise PluginError(f"player transformers: {error}: pip install 'lookalike-bench[transformers]'") from None
        with self._lock:
            if self._model is None:
                self._model = TorchModel.load(self._name, self._device, self._dtype, self._revision)
                self._grammar = lru_cache(maxsize=4)(self._new_grammar)

    def _new_grammar(self, vocabulary: tuple[str, ...]) -> WordGrammar:
        from lookalike_plugins.players.word_grammar import WordGrammar

        assert self._model is not None
        return WordGrammar(vocabulary, self._model.vocabulary())

    def _complete(self, requests: Sequence[Request]) -> list[Completion]:
        from lookalike_plugins.players.torch_answers import choose, write

        with self._lock:
            if self._model is None:
                raise PlayerFailure("player transformers: asked before it was started")
            try:
                ready = self._model.read([request.messages for request in requests])
                completions: list[Any] = [None] * len(requests)
                for index, request in enumerate(requests):
                    if request.choices:
                        completions[index] = choose(self._model, ready, index, request, self._batch, self._likelihood)
                writing = [index for index, request in enumerate(requests) if not request.choices]
                grammars = [
                    self._grammar(requests[index].vocabulary) if requests[index].vocabulary else None
                    for index in writing
                ]
                written = write(self._model, ready, writing, [requests[index] for index in writing], grammars)
                for index, completion in zip(writing, written, strict=True):
                    completions[index] = completion
                return completions
            except (RuntimeError, ValueError) as error:
                # Out of memory on a GPU is a RuntimeError too.
                line = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise PlayerFailure(f"player transformers: {self._name}: {line[:300]}") from error
