"""Which keys play which actions, found from the actions' names.

    layout(["left", "right", "jump", "jump left", "throw ahead", "wait"])

    left and right are the arrow keys (or A, D), jump is the up key (or W), "jump left" both at once, "throw ahead"
    the space bar; "wait" is played while no key is down.

A game that lists no "wait" stands still until a key is pressed, so nothing is played meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WAIT = "wait"
DIRECTIONS = {
    "left": "left", "right": "right", "up": "up", "down": "down", "jump": "up", "thrust": "up", "back": "down",
    "west": "left", "east": "right", "north": "up", "south": "down",
}  # fmt: skip
WITHOUT_MEANING = frozenset(["turn", "go", "move", "walk"])

# Keys by the names that browsers give them (KeyboardEvent.code), and as they are shown.
ARROWS = {
    "left": {"ArrowLeft": "←", "KeyA": "A"},
    "up": {"ArrowUp": "↑", "KeyW": "W"},
    "down": {"ArrowDown": "↓", "KeyS": "S"},
    "right": {"ArrowRight": "→", "KeyD": "D"},
}
SPACE = {"Space": "Space"}
OTHER_KEYS = (SPACE, *({f"Key{letter}": letter} for letter in "XCVB"), *({f"Digit{n}": str(n)} for n in range(1, 10)))


@dataclass(frozen=True, slots=True)
class Button:
    """A button of the page: its keys, and the action that it plays by itself."""

    name: str
    keys: dict[str, str]
    action: str


@dataclass(frozen=True, slots=True)
class Layout:
    """`chords` are actions of one direction or of two at once, by the names of their buttons; `others` are the
    buttons that play one action each; `wait` is what is played while nothing is pressed, "" for nothing."""

    directions: list[Button]
    others: list[Button]
    chords: dict[str, list[str]]
    wait: str

    @property
    def buttons(self) -> list[Button]:
        return self.directions + self.others

    @property
    def together(self) -> list[tuple[str, str]]:
        """Actions of two keys, as they are shown: ("← ↑", "jump left")."""
        arrows = {name: next(iter(keys.values())) for name, keys in ARROWS.items()}
        return [
            (" ".join(arrows[name] for name in names), action)
            for action, names in self.chords.items()
            if len(names) > 1
        ]


def layout(actions: Sequence[str]) -> Layout:
    """Keys for a game's actions, in the order of their list where there is a choice."""
    chords: dict[str, list[str]] = {}
    others: list[Button] = []
    for action in actions:
        if action == WAIT:
            continue
        words = [word for word in action.split() if word not in WITHOUT_MEANING]
        names = sorted({DIRECTIONS[word] for word in words if word in DIRECTIONS})
        if words and len(names) == len(words) and names not in chords.values():
            chords[action] = names
        else:
            keys = OTHER_KEYS[len(others)] if len(others) < len(OTHER_KEYS) else {}
            others.append(Button(f"other-{len(others)}", keys, action))
    alone = {names[0]: action for action, names in chords.items() if len(names) == 1}
    directions = []
    for name, keys in ARROWS.items():
        if any(name in names for names in chords.values()):
            jumps = name == "up" and not others and alone.get(name, "").startswith("jump")
            directions.append(Button(name, keys | SPACE if jumps else keys, alone.get(name, name)))
    return Layout(directions, others, chords, WAIT if WAIT in actions else "")
