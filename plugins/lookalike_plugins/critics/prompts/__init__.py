"""What model critics are told. Each prompt is a file beside this one, which can be read, and replaced by a file of the
same name in a folder of one's own: `critic: {plugin: openai, prompts: my-prompts}`.

    prompts = Prompts("my-prompts")
    prompts.fill("watch", task="zork", goal="...", instructions="...", continuation="")
    prompts.versions      # {"watch": "3f9c...", ...}: part of the reward model's provenance
"""

from __future__ import annotations

import hashlib
import string
from pathlib import Path

from lookalike_bench.errors import PluginError

NAMES = ("watch", "judge", "describe")


class Prompts:
    """The prompts, by name."""

    def __init__(self, folder: str | Path | None = None) -> None:
        """`folder` may hold some of them; the others are the built-in ones. Raises PluginError."""
        built_in = Path(__file__).parent
        own = Path(folder) if folder is not None else built_in
        if not own.is_dir():
            raise PluginError(f"critic: prompts: there is no folder {own}")
        files = {name: own / f"{name}.md" for name in NAMES}
        if not any(file.is_file() for file in files.values()):
            raise PluginError(f"critic: prompts: {own} holds none of {', '.join(f'{name}.md' for name in NAMES)}")
        self._texts = {
            name: (file if file.is_file() else built_in / file.name).read_text(encoding="utf-8")
            for name, file in files.items()
        }

    @property
    def versions(self) -> dict[str, str]:
        """A hash of each prompt."""
        return {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in self._texts.items()}

    def fill(self, name: str, **values: str) -> str:
        """The prompt with its $places filled. What is filled in is text, whatever it contains."""
        try:
            return string.Template(self._texts[name]).substitute(values).strip()
        except (KeyError, ValueError) as error:
            raise PluginError(f"critic: the prompt {name}.md has a place that nothing fills: {error}") from None
