"""What players behind a server share: a schema that holds an answer to a list, and how an answer is read back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from lookalike_bench.episodes.prompts import read_action

WORDS = 8
"""The most words of an action that is held to a vocabulary."""


def action_schema(choices: Sequence[str], vocabulary: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an answer that is one of the choices, or a few words of a vocabulary."""
    action: dict[str, Any] = {"type": "string", "enum": list(choices)}
    if not choices:
        word = {"type": "string", "enum": list(vocabulary)}
        action = {"type": "array", "minItems": 1, "maxItems": WORDS, "items": word}
    return {"type": "object", "properties": {"action": action}, "required": ["action"], "additionalProperties": False}


def action_text(text: str) -> str:
    """The action in an answer, out of its JSON if a schema asked for that."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        action = json.loads(text).get("action")
    except ValueError:
        return text
    return " ".join(map(str, action)) if isinstance(action, list) else str(action or "")


def find_choice(text: str, choices: Sequence[str]) -> str | None:
    """The choice that a free answer names: the whole answer, or the only one (the longest of those within each
    other) that stands in it as words. None if there is none, or more than one."""
    said = " ".join(read_action(text).casefold().split())
    folded = {" ".join(choice.casefold().split()): choice for choice in choices}
    if said in folded:
        return folded[said]
    named = [option for option in folded if re.search(rf"(?<!\w){re.escape(option)}(?!\w)", said)]
    longest = [option for option in named if not any(option != other and option in other for other in named)]
    return folded[longest[0]] if len(longest) == 1 else None
