from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lookalike_plugins.players.word_grammar import WordGrammar

WORDS = st.lists(st.text("abn", min_size=1, max_size=4), min_size=1, max_size=6, unique=True)
TOKENS = st.sets(st.text("abn ", min_size=1, max_size=5), max_size=40).map(
    lambda longer: {token.encode(): number for number, token in enumerate(sorted(longer | set("abn ")))}
)


def begins_a_sequence(text: str, words: list[str]) -> bool:
    """Whether some sequence of the words, joined by single spaces, starts with the text."""
    *whole, last = text.split(" ")
    return all(word in words for word in whole) and any(word.startswith(last) for word in words)


@given(WORDS, TOKENS, st.data())
def test_exactly_the_tokens_that_can_lead_to_words_are_allowed(
    words: list[str], tokens: dict[bytes, int], data: st.DataObject
) -> None:
    grammar = WordGrammar(words, tokens)
    spelling = {number: token.decode() for token, number in tokens.items()}
    state, text = grammar.start, ""
    for _ in range(6):
        allowed = set(grammar.allowed(state).tolist())
        assert allowed == {number for number, token in spelling.items() if begins_a_sequence(text + token, words)}
        assert grammar.complete(state) == (text != "" and all(word in words for word in text.split(" ")))
        if not allowed:
            break
        token = data.draw(st.sampled_from(sorted(allowed)))
        state, text = grammar.after(state, token), text + spelling[token]


def test_an_entry_of_several_words_lends_its_words() -> None:
    grammar = WordGrammar(["north", "north east"], {b"north": 0, b" ": 1, b"east": 2, b" north": 3})

    behind_north = grammar.after(grammar.start, 0)

    assert grammar.complete(behind_north)
    assert grammar.allowed(behind_north).tolist() == [1, 3]
    assert grammar.allowed(grammar.after(behind_north, 1)).tolist() == [0, 2]
