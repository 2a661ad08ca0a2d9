"""What a typed action means, so that "Get the lamp" and "take lamp" count as one.

    >>> action_key("Go N"), action_key("get the lamp"), action_key("X mailbox")
    ('north', 'take lamp', 'examine mailbox')

Only the conventions that text adventures share are known here; no game's own words are.
"""

from __future__ import annotations

import re
from functools import lru_cache

DIRECTIONS = (
    "north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest", "up", "down", "in", "out",
)  # fmt: skip

_ABBREVIATIONS = {
    "n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest",
    "se": "southeast", "sw": "southwest", "u": "up", "d": "down", "enter": "in", "inside": "in", "exit": "out",
    "leave": "out", "outside": "out", "l": "look", "i": "inventory", "inv": "inventory", "z": "wait",
}  # fmt: skip
_VERBS = {
    "get": "take", "grab": "take", "carry": "take", "x": "examine", "inspect": "examine",
    "describe": "examine", "shut": "close", "kill": "attack", "fight": "attack", "hit": "attack", "extinguish": "douse",
    "push": "press", "speak": "say", "discard": "drop",
}  # fmt: skip
_PHRASES = (
    (r"^(?:go|walk|run|head|move) (?:to )?(?=(?:north|south|east|west|northeast|northwest|southeast|southwest|up|down"
     r"|n|s|e|w|ne|nw|se|sw|u|d|in|out)$)", ""),
    (r"^pick up (.+)", r"take \1"),
    (r"^pick (.+) up$", r"take \1"),
    (r"^put down (.+)", r"drop \1"),
    (r"^look at (.+)", r"examine \1"),
    (r"^(?:turn|switch) on (.+)", r"light \1"),
    (r"^(?:turn|switch) (.+) on$", r"light \1"),
    (r"^(?:turn|switch) off (.+)", r"douse \1"),
    (r"^(?:turn|switch) (.+) off$", r"douse \1"),
)  # fmt: skip
_ARTICLES = re.compile(r"\b(?:the|an|a|my|some)\b")
_REVERSE = {
    "north": "south", "east": "west", "northeast": "southwest", "northwest": "southeast", "up": "down", "in": "out",
}  # fmt: skip
REVERSE = _REVERSE | {back: there for there, back in _REVERSE.items()}
"""The direction that usually leads back."""

_UNDOES = {"drop": "take", "close": "open", "douse": "light"}
_UNDOES |= {done: undone for undone, done in _UNDOES.items()}
_TELLING = {"inventory", "examine", "score", "diagnose", "time", "read", "search", "listen", "smell"}


@lru_cache(maxsize=8192)
def action_key(action: str) -> str:
    """One spelling for all the ways to type an action: lower case, no articles, the common synonyms replaced."""
    text = " ".join(re.findall(r"[a-z0-9']+", _ARTICLES.sub(" ", action.lower())))
    for pattern, replacement in _PHRASES:
        text = re.sub(pattern, replacement, text)
    if text in _ABBREVIATIONS:
        return _ABBREVIATIONS[text]
    verb, _, rest = text.partition(" ")
    return f"{_VERBS.get(verb, verb)} {rest}".strip()


def is_direction(key: str) -> bool:
    """Whether the key is a plain move."""
    return key in DIRECTIONS


def is_harmless(key: str) -> bool:
    """Whether the key only asks the game to tell something."""
    return is_telling(key) or key.partition(" ")[0] in ("look", "wait")


def is_telling(key: str) -> bool:
    """Whether the game's answer is about something else than the place, and the place stays the same."""
    return key.partition(" ")[0] in _TELLING


def undone_by(key: str) -> str | None:
    """The action that this one takes back ("drop lamp" takes back "take lamp"), or None."""
    verb, _, rest = key.partition(" ")
    return f"{_UNDOES[verb]} {rest}" if rest and verb in _UNDOES else None
