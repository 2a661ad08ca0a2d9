"""Replies of a text game as sets of known sentences, robust to the slips of a character reader.

A sentence that differs from a known one only by misread letters gets the known one's number:

    sentences = Sentences()
    sentences.read("Kitchen\\nA bottle is sitting on the table.")     # Reply(numbers=(0, 1), lead=0)
    sentences.read("A bottIe is sittlng on the table.")               # Reply(numbers=(1,), lead=None)

"North of House" and "South of House" differ by two letters as well, so a difference between two words that both
occur elsewhere is taken for a real one.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from lookalike_bench.reward_models.actions import DIRECTIONS

_STATUS_LINE = re.compile(r"score:?\s*-?\d+.*(?:moves|turns):?\s*\d+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?:])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")
_YOU_ARE = re.compile(r"you (?:are|re) (?:now )?(?:\w+ing )?(?:in|at|on|inside|outside|under|above|near|by|over)\b")
_REFUSAL = re.compile(
    r"\b(?:can t|cannot|can not|don t|doesn t|didn t|isn t|aren t|won t|wouldn t|couldn t|no way|nothing|no such|"
    r"not|already|impossible|unable|nowhere|there is no|there s no|don|what do you|which|fails?|refuses?|closed|"
    r"locked|blocked|sorry|pardon|verb|understand|^what)\b"
)
_ALWAYS_REAL = frozenset(DIRECTIONS)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of the game. `numbers` are its sentences in order; `lead` the sentence that names or opens the
    description of a place (None where the reply has none that can be told by its form); `opening` its position in
    `numbers`; `refusal` whether it reads as if nothing came of the action; `headed` whether it has a headline."""

    numbers: tuple[int, ...]
    lead: int | None
    refusal: bool
    opening: int = 0
    headed: bool = False


class Sentences:
    """Numbers the sentences of a game; the same sentence, misread or not, has the same number."""

    def __init__(self) -> None:
        self.words: list[tuple[str, ...]] = []
        self._texts: list[str] = []
        self._number: dict[str, int] = {}
        self._heard: Counter[str] = Counter()
        self._replies: dict[str, Reply] = {}

    def read(self, text: str) -> Reply:
        """The reply's sentences by number; new ones get new numbers."""
        if text not in self._replies:
            self._replies[text] = self._read(text)
        return self._replies[text]

    def _read(self, text: str) -> Reply:
        numbers: list[int] = []
        headline = standing = None
        for sentence, titled in split(text):
            words = re.findall(r"[a-z0-9]+", sentence.lower())
            if not words:
                continue
            if titled:
                headline = len(numbers)
            if standing is None and _YOU_ARE.match(" ".join(words)):
                standing = len(numbers)
            numbers.append(self._find(words))
        if standing and len(self.words[numbers[standing - 1]]) <= 5:
            standing -= 1  # a name whose form as a headline was lost
        opening = headline if headline is not None else standing
        # A refusal is short and says no; a long reply that says "not" somewhere is a description.
        spoken = " ".join(" ".join(self.words[number]) for number in numbers)
        refusal = headline is None and len(spoken.split()) <= 25 and _REFUSAL.search(spoken) is not None
        lead = None if opening is None else numbers[opening]
        return Reply(tuple(numbers), lead, refusal, opening or 0, headline is not None)

    def _find(self, words: list[str]) -> int:
        text = " ".join(words)
        number = self._number.get(text)
        if number is None:
            for _, _, candidate in process.extract(text, self._texts, scorer=fuzz.ratio, score_cutoff=80, limit=4):
                if self._misread(words, self.words[candidate]):
                    number = candidate
                    break
            else:
                number = len(self.words)
                self.words.append(tuple(words))
                self._texts.append(text)
            self._number[text] = number
        self._heard.update(words)
        return number

    def _misread(self, words: list[str], known: tuple[str, ...]) -> bool:
        """Whether the two sentences, similar as a whole, differ by misread letters only."""
        if len(words) != len(known):
            return len(known) >= 6 and fuzz.ratio(" ".join(words), " ".join(known)) >= 93
        different = [pair for pair in zip(words, known, strict=True) if not self._same(*pair)]
        # Once in a long sentence, a misread word may happen to be another real one ("of" for "if").
        return not different or (len(different) == 1 and len(words) >= 10 and _ALWAYS_REAL.isdisjoint(different[0]))

    def _same(self, left: str, right: str) -> bool:
        if left == right:
            return True
        if (left in _ALWAYS_REAL and right in _ALWAYS_REAL) or left.isdigit() or right.isdigit():
            return False
        rare, frequent = sorted((self._heard[left], self._heard[right]))
        if rare > max(1, frequent / 20):
            return False
        return fuzz.ratio(left, right) >= 50 or len(left) == len(right) <= 3


def split(text: str) -> list[tuple[str, bool]]:
    """Sentences in order, each with whether it stands as a headline. Wrapped lines are joined again; status
    lines and prompts are left out."""
    sentences: list[tuple[str, bool]] = []
    paragraph, listing = "", False
    lines = [line.strip().lstrip(">").strip() for line in text.splitlines()]
    lines = ["" if _STATUS_LINE.search(line) else line for line in lines]
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if not paragraph and not listing and _is_headline(line, following):
            sentences.append((line, True))
            continue
        paragraph = f"{paragraph} {line}".strip()
        if not line or line[-1] in ".!?:\"')":
            sentences.extend(_sentences(paragraph))
            paragraph = ""
            # What follows a colon is a list, and its short lines are no headlines.
            listing = line.endswith(":") or (listing and line.endswith(")"))
    sentences.extend(_sentences(paragraph))
    return sentences


def _sentences(paragraph: str) -> list[tuple[str, bool]]:
    # Where line ends were lost, a headline is still a short sentence with capitals throughout.
    parts = [part for part in _SENTENCE_END.split(paragraph) if part.strip(" -")]
    return [(part, _is_title(part)) for part in parts]


def _is_headline(line: str, following: str) -> bool:
    if not line or len(line) > 48 or line[-1] in ".!?:;,\"')" or not line[0].isupper():
        return False
    if following[:1].islower() or (line.isupper() and len(line) > 30):
        return False  # the line goes on
    return len(line.split()) <= 7 and not any(letter.isdigit() for letter in line)


def _is_title(sentence: str) -> bool:
    words = re.findall(r"[A-Za-z']+", sentence)
    if not 2 <= len(words) <= 5 or sentence[-1:] in "!?:" or sentence.isupper():
        return False
    return all(word[0].isupper() for word in words if len(word) > 3) and sum(w[0].isupper() for w in words) >= 2
