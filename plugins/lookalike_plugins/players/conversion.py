"""Turns a GGUF file into OpenVINO's own format, once: it then loads in three seconds.

Done in a process of its own, which gives back the memory that it takes (more than twice the file's size):

    python -m lookalike_plugins.players.conversion model.gguf directory
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock
from lookalike_bench.errors import PlayerFailure


def convert(gguf: Path, directory: Path) -> None:
    """Make the directory with the converted model and tokenizer, unless another process has just done so.

    Raises PlayerFailure where openvino-genai cannot read the file.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(directory.with_name(directory.name + ".lock")):
        if directory.is_dir():
            return
        unfinished = directory.with_name(directory.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        command = [sys.executable, "-m", __name__, str(gguf.resolve()), str(unfinished)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or not (unfinished / "openvino_model.xml").is_file():
            shutil.rmtree(unfinished, ignore_errors=True)
            reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise PlayerFailure(f"player local: {gguf} cannot be converted: {reason}")
        os.replace(unfinished, directory)


def _convert_here(gguf: Path, directory: Path) -> None:
    import openvino_genai

    link = directory / "model.gguf"  # what is converted is written beside what is read
    link.symlink_to(gguf)
    # A pipeline that finds its tokenizer by itself holds the file twice: 3.9 GB in place of 2.6 GB.
    openvino_genai.Tokenizer(link, enable_save_ov_model=True)
    tokenizer = openvino_genai.Tokenizer(directory)
    openvino_genai.LLMPipeline(link, tokenizer, "CPU", enable_save_ov_model=True)
    link.unlink()


if __name__ == "__main__":
    _convert_here(Path(sys.argv[1]), Path(sys.argv[2]))
