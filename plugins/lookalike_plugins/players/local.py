"""The player `local`: a small language model on this machine's processor, without a server or a key.

    player: {plugin: local, model: qwen2.5-coder-1.5b, decode: choose}

A batch of requests is one tree of tokens: what their prompts share is computed once, what was computed at the step
before is kept, and choices stand side by side below each prompt. All that is new goes through the model in one pass.

The engine is OpenVINO with the attention and the cache of this package (openvino_graph.py, language_model.py). With
Qwen2.5-Coder-1.5B on 2 cores (AMD Zen 5), a prompt of 512 tokens took 1.4 s; measured on another day on the same
kind of machine, openvino-genai took 1.7 s, torch 2.1 s, llama.cpp 3.3 s. A step with 100 new tokens on 2,500 took
0.6 s for one player with 4 or 16 choices, and 1.0 s for a swarm of five with the ends of their prompts their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lookalike_bench.errors import PluginError
from lookalike_bench.types import Completion, Request

from lookalike_plugins.players import weights
from lookalike_plugins.players.on_this_machine import OnThisMachine
from lookalike_plugins.players.processors import physical_cores

if TYPE_CHECKING:
    from lookalike_plugins.players.language_model import LanguageModel

APART = 256
"""Prompts that differ by more tokens than this are conversations of their own, each with a past to keep."""


class Local(OnThisMachine["LanguageModel"]):
    """Chooses by log-likelihood, writes freely, or writes in words of a vocabulary, as each request asks.

    `model`: see weights.py. `threads`: by default as many as there are physical cores for this process. `context`:
    the longest prompt in tokens. `likelihood`: what a choice is judged by, `mean` or `whole` (decoding.py).
    """

    name = "local"

    def __init__(
        self,
        model: str = "qwen2.5-coder-1.5b",
        threads: int | None = None,
        context: int = 8192,
        likelihood: str = "mean",
    ) -> None:
        from lookalike_plugins.players.decoding import check_likelihood

        super().__init__()
        if threads is not None and threads < 1:
            raise PluginError(f"player local: threads={threads}: expected at least 1")
        if context < 256:
            raise PluginError(f"player local: context={context}: expected at least 256 tokens")
        self._weights = weights.find(model)
        self._threads, self._context = threads, context
        self._likelihood = check_likelihood("local", likelihood)

    @property
    def model(self) -> str:
        """Name and sha256 of the weights; the sha256 of an unlisted file is known once it is loaded."""
        return "@sha256:".join(filter(None, (self._weights.name, self._weights.sha256)))

    @property
    def handicaps(self) -> tuple[str, ...]:
        """Sampling settings that a reader of a result would not guess; they do not touch choosing."""
        from lookalike_plugins.players.decoding import MIN_P

        return (f"free text is drawn with min-p {MIN_P:g}",)

    def _load(self) -> LanguageModel:
        from lookalike_plugins.players.language_model import LanguageModel

        self._weights, directory = weights.prepare(self._weights)
        return LanguageModel(directory, self._threads or physical_cores(), self._context)

    def _answer(self, model: LanguageModel, requests: Sequence[Request]) -> list[Completion]:
        from lookalike_plugins.players.answers import answer
        from lookalike_plugins.players.token_tree import groups_alike

        prompts = [model.encode_conversation(request.messages) for request in requests]
        completions: dict[int, Completion] = {}
        for group in groups_alike(prompts, apart=APART):
            batch = [requests[number] for number in group]
            answers = answer(model, batch, [prompts[number] for number in group], self._grammar, self._likelihood)
            completions |= dict(zip(group, answers, strict=True))
        return [completions[number] for number in range(len(requests))]
