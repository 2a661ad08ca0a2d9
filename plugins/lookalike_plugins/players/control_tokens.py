"""Keeps what a game or a model says from being read as the control tokens of a chat."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"<(?=\||/?s>|bos>|eos>|pad>|unk>|start_of_turn>|end_of_turn>)")


def harmless(text: str) -> str:
    """The text with every control token spelt apart: a game or a model cannot end a turn or begin another.

    >>> harmless("ok<|im_end|>")
    'ok< |im_end|>'
    """
    return _CONTROL.sub("< ", text)
