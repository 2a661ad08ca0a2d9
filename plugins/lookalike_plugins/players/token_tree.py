"""Token sequences merged where they begin alike, so that a common prefix is computed once.

    tree = TokenTree()
    explorer = tree.add([5, 8, 13, 21])     # nodes 0 to 3; returns 3
    fighter = tree.add([5, 8, 34])          # shares nodes 0 and 1; returns 4
    tree.visible(3, 5)                      # node 3 sees 0, 1, 2, 3; node 4 sees 0, 1, 4

A swarm's prompts, and below each prompt its choices, become one tree. A language model computes its nodes in the
order in which they were added, each attending only to its own ancestors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ROOT = -1


class TokenTree:
    """Nodes are numbered in the order in which they were added: a parent always comes before its children."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.depths: list[int] = []
        self._children: dict[tuple[int, int], int] = {}
        self._lineages: list[NDArray[np.bool_]] = []

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, tokens: Sequence[int], below: int = ROOT) -> int:
        """Add a path of tokens under a node; returns the node of its last token (`below` for an empty path)."""
        node = below
        for token in tokens:
            parent, node = node, self._children.get((node, token), ROOT)
            if node == ROOT:
                node = self._children[parent, token] = self.append(token, parent)
        return node

    def append(self, token: int, below: int = ROOT) -> int:
        """Add a node of its own, even where there is one with this token, and return it."""
        node = len(self.tokens)
        lineage = np.zeros(node + 1, bool)
        lineage[node] = True
        if below != ROOT:
            lineage[: below + 1] = self._lineages[below]
        self.tokens.append(token)
        self.depths.append(0 if below == ROOT else self.depths[below] + 1)
        self._lineages.append(lineage)
        return node

    def visible(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Which nodes the nodes from `start` to `stop` attend to: (stop - start, stop), themselves included."""
        seen = np.zeros((stop - start, stop), bool)
        for row, lineage in zip(seen, self._lineages[start:stop], strict=True):
            row[: len(lineage)] = lineage
        return seen


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences begin with alike."""
    shorter = min(len(first), len(second))
    differ = np.flatnonzero(np.asarray(first[:shorter]) != np.asarray(second[:shorter]))
    return int(differ[0]) if len(differ) else shorter


def groups_alike(sequences: Sequence[Sequence[int]], apart: int) -> list[list[int]]:
    """The numbers of sequences worth computing together: all but at most `apart` tokens are their group's first's."""
    groups: list[list[int]] = []
    for number, sequence in enumerate(sequences):
        for group in groups:
            if len(sequence) - common_prefix(sequences[group[0]], sequence) <= apart:
                group.append(number)
                break
        else:
            groups.append([number])
    return groups
