"""Asks one player what a member and a swarm ask, with real weights, and prints what it took as JSON.

    python -m tests.performance.players --player local --model smollm2-135m --steps 3
    python -m tests.performance.players --player transformers --model smollm2-135m --steps 3

A conversation of about 2,500 tokens is read; each step then adds an observation of about 100 tokens, and a tail of
about 25 to each member's prompt. `transformers` computes with the same GGUF file, dequantised to bfloat16.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from typing import TYPE_CHECKING, Any

from lookalike_bench.plugins.player import Player
from lookalike_bench.tasks.assets import resolve
from lookalike_bench.types import Completion, Message, Request
from lookalike_plugins.players import weights
from lookalike_plugins.players.local import Local
from lookalike_plugins.players.transformers import Transformers

if TYPE_CHECKING:
    from lookalike_plugins.players.torch_model import TorchModel

MEMBERS = (1, 5)
WRITTEN = 8
"""Tokens of an answer in free text: a long command."""
WORDS = (  # noqa: SIM905
    "the house door window north forest path lamp sword troll egg tree leaflet mailbox dark cave water bottle rope "
    "knife table attic kitchen living room rug trap passage you can see here and is of to in with on"
).split()
VERBS = ("take", "open", "drop", "attack", "examine", "move", "turn", "read")
ROLES = ("an explorer", "a fighter", "a collector", "a careful player", "a fast player")


class Dequantised(Transformers):
    """The player `transformers` with the weights of a GGUF file of the player `local`."""

    def _load(self) -> TorchModel:
        import torch
        import transformers
        from lookalike_plugins.players.torch_model import TorchModel

        file = resolve(weights.find(self._name).asset)
        source: dict[str, Any] = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
        tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
        # Since version 5 weights can stay packed, which is slow on a processor; before it they never do.
        if "GgufConfig" in dir(transformers):
            source["quantization_config"] = transformers.GgufConfig(dequantize=True)
        model = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16)
        kinds = {parameter.dtype for parameter in model.parameters()}
        assert kinds == {torch.bfloat16}, f"weights are not dense in bfloat16: {kinds}"
        return TorchModel(model.eval(), tokenizer)


class Questions:
    """The same questions for every player."""

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._history = [Message("system", f"You play a text adventure. {self._text(100)}")]
        for _ in range(24):
            command = f"{self._random.choice(VERBS)} {self._random.choice(WORDS)}"
            self._history += [Message("user", self._text(77)), Message("assistant", command)]

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(WORDS, k=words))

    def step(self, members: int, way: str) -> list[Request]:
        """One new observation that all members see, the end of each one's prompt its own."""
        observation = self._text(92)
        choices = tuple(f"{verb} the {self._random.choice(WORDS)}" for verb in VERBS[:4])
        ask = "Your command:" if way == "choose" else "Retell all of this as a long story:"
        return [
            Request(
                (*self._history, Message("user", f"{observation}\nYou are {role}. {self._text(12)}. {ask}")),
                temperature=0.7,
                seed=member,
                choices=choices if way == "choose" else (),
                max_tokens=WRITTEN,
            )
            for member, role in enumerate(ROLES[:members])
        ]


async def measure(player: Player, steps: int) -> dict[str, Any]:
    """Seconds of each step, by way and number of members; one kind after another, so that all see the same machine."""
    questions = Questions()
    await player.start()
    await player.complete([Request((Message("user", "Say yes."),), 0.7, 0, ("yes", "no"))])  # makes the kernels
    reading, [first] = await timed(player, questions.step(1, "choose"))
    seconds: dict[str, list[float]] = {}
    written = []
    for _ in range(steps):
        for way in ("choose", "generate"):
            for members in MEMBERS:
                took, completions = await timed(player, questions.step(members, way))
                seconds.setdefault(f"{way} {members}", []).append(took)
                if way == "generate":
                    written += [completion.usage.completion_tokens for completion in completions]
    await player.close()
    return {
        "reading": reading,
        "tokens": first.usage.prompt_tokens,
        "log_probabilities": first.log_probabilities,
        "seconds": seconds,
        "written": sum(written),
    }


async def timed(player: Player, requests: list[Request]) -> tuple[float, list[Completion]]:
    started = time.perf_counter()
    completions = await player.complete(requests)
    return time.perf_counter() - started, completions


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--player", choices=("local", "transformers"), required=True)
    parser.add_argument("--model", required=True, help="a model of the player local: a name, or a GGUF file's path")
    parser.add_argument("--steps", type=int, required=True, help="steps of each kind")
    arguments = parser.parse_args()
    asked = Local(arguments.model) if arguments.player == "local" else Dequantised(arguments.model, device="cpu")
    json.dump(asyncio.run(measure(asked, arguments.steps)), sys.stdout)
