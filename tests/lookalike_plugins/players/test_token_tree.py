from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lookalike_plugins.players.token_tree import ROOT, TokenTree, common_prefix, groups_alike

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=8)


@given(SEQUENCES)
def test_a_node_sees_its_own_sequence_and_nothing_else(sequences: list[list[int]]) -> None:
    tree = TokenTree()
    ends = [tree.add(sequence) for sequence in sequences]

    visible = tree.visible(0, len(tree))

    for sequence, end in zip(sequences, ends, strict=True):
        seen = visible[end].nonzero()[0].tolist()
        assert [tree.tokens[node] for node in seen] == sequence
        assert [tree.depths[node] for node in seen] == list(range(len(sequence)))
    assert len(tree) == len({tuple(sequence[:n]) for sequence in sequences for n in range(1, len(sequence) + 1)})


def test_a_part_of_the_tree_sees_the_nodes_before_it() -> None:
    tree = TokenTree()
    tree.add([5, 8, 13, 21])
    tree.add([5, 8, 34])

    assert tree.visible(3, 5).astype(int).tolist() == [[1, 1, 1, 1, 0], [1, 1, 0, 0, 1]]


def test_an_appended_node_is_not_shared() -> None:
    tree = TokenTree()
    first = tree.add([5])

    assert tree.append(8, first) != tree.append(8, first)
    assert tree.add([], below=first) == first
    assert tree.add([]) == ROOT


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_common_prefix(first: list[int], second: list[int]) -> None:
    length = common_prefix(first, second)

    assert first[:length] == second[:length]
    assert length == min(len(first), len(second)) or first[length] != second[length]


def test_prompts_are_grouped_by_how_little_they_differ() -> None:
    prompts = [[1, 2, 3, 4], [1, 2, 3, 9], [1, 7, 7, 7], [1, 7, 7, 8], [1, 2, 3]]

    assert groups_alike(prompts, apart=1) == [[0, 1, 4], [2, 3]]
    assert groups_alike(prompts, apart=3) == [[0, 1, 2, 3, 4]]
