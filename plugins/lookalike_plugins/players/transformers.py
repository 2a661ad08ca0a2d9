"""A player on torch and transformers: any causal language model of a hub, or in a folder on this machine.

    lookalike-bench run tasks/zork.yaml --player transformers:model=google/gemma-7b-it,device=cuda,dtype=bfloat16

`google/gemma-7b-it` is the paper's player. The members of a swarm share one prompt cache: what their prompts have in
common is computed once and kept for the next step, and what differs goes through the model as one batch. Weights are
read as safetensors only, and no code of a checkpoint is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lookalike_bench.errors import PluginError
from lookalike_bench.types import Completion, Request

from lookalike_plugins.players.on_this_machine import OnThisMachine

if TYPE_CHECKING:
    from lookalike_plugins.players.torch_model import TorchModel


class Transformers(OnThisMachine["TorchModel"]):
    """Chooses by log-likelihood, writes freely, or writes in words of a vocabulary, as each request asks.

    `model`: a hub's name or a folder. `device`: auto, cpu, cuda, cuda:1, mps. `dtype`: auto (the checkpoint's), or
    float32, bfloat16, float16. `batch`: how many choices go through the model at once; fewer need less memory.
    `revision`: the hub's commit, for a run that others can repeat. `likelihood`: what a choice is judged by, `mean`
    or `whole` (decoding.py).
    """

    name = "transformers"
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

        super().__init__()
        if batch < 1:
            raise PluginError(f"player transformers: batch={batch}: expected at least 1")
        if dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise PluginError(f"player transformers: dtype is auto, float32, bfloat16 or float16, got {dtype!r}")
        self._name = model
        self._device, self._dtype, self._revision = device, dtype, revision
        self._batch = batch
        self._likelihood = check_likelihood("transformers", likelihood)

    @property
    def model(self) -> str:
        return f"{self._name}@{self._revision}" if self._revision else self._name

    def _load(self) -> TorchModel:
        from lookalike_plugins.players.torch_model import TorchModel

        return TorchModel.load(self._name, self._device, self._dtype, self._revision)

    def _answer(self, model: TorchModel, requests: Sequence[Request]) -> list[Completion]:
        from lookalike_plugins.players.torch_answers import choose, write

        ready = model.read([request.messages for request in requests])
        completions: dict[int, Completion] = {
            index: choose(model, ready, index, request, self._batch, self._likelihood)
            for index, request in enumerate(requests)
            if request.choices
        }
        writing = {index: request for index, request in enumerate(requests) if not request.choices}
        grammars = [self._grammar(request.vocabulary) if request.vocabulary else None for request in writing.values()]
        written = write(model, ready, list(writing), list(writing.values()), grammars)
        completions |= dict(zip(writing, written, strict=True))
        return [completions[index] for index in range(len(requests))]
