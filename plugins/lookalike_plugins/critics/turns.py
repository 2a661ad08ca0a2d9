"""Cuts the lines of a text game's transcript into turns, and tells what a turn did.

    turns = read_turns(lines)
    turns[1].typed, turns[1].reply      # 'north', 'North of House\\nYou are facing the north side of ...'

The conventions are those of parser games since Zork: a prompt, the typed command on it, the reply below; a room's
name on a line of its own above its description; stock replies for what cannot be done.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike_plugins.critics.scrollback import Line

PROMPT = re.compile(r"^\s*>\s*(.*?)[\s_|]*$")
_NAME = r"(?:[A-Z][\w']*|of|the|in|on|a|an|at|to|by|and|under)"
PLACE = re.compile(rf"^{_NAME}(?:[ -]{_NAME})*(?:, (?:in|on) the [\w ]+)?$")
STANDING = re.compile(
    r"^You(?:'re| are) (?:standing |now )?(?:in|at|on|inside|outside|by|beside|near) [^.,;]{3,60}(?=[ .,;]|$)",
    re.IGNORECASE,
)
"""Where rooms have no names, the beginning of their description stands for one."""
ANSWERS = frozenset({"ok", "okay", "yes", "no", "done", "taken", "dropped", "opened", "closed"})
DARK = re.compile(r"\b(pitch black|pitch dark|too dark to see|a dark place)\b", re.IGNORECASE)
REFUSED = re.compile(
    r"^(?:you can'?t|you cannot|i (?:don'?t|do not) (?:know|understand|see)|i beg your pardon|how can you"
    r"|there (?:is|was|'s) no(?:thing| )|there'?s (?:nothing|not much)|that (?:sentence|doesn'?t|isn'?t|'s not)"
    r"|you (?:don'?t|do not) (?:have|see)|you (?:must|should|have to) |you already|you aren'?t|you are not"
    r"|what do you want to|which .* do you mean|nothing happens|it(?:'?s| is) already|you hear nothing|huh"
    r"|the .{1,30} is (?:already|locked|closed|too))",
    re.IGNORECASE,
)
TAKING = re.compile(r"(?:take|get|carry|pick up|grab)\b")
TAKEN = re.compile(r"(taken|you (?:pick up|take|now have) )", re.IGNORECASE)
SCORED = re.compile(
    r"(?:your )?score (?:has )?(?:just )?(?:gone up|increased|went up) by [\w-]+(?: points?)?", re.IGNORECASE
)

LONG = 7
"""Letters from which on a word that is one letter away from another is hardly so by chance."""
LOOKALIKES = {"0": "od", "1": "li", "|": "li", "5": "s", "8": "b", "6": "b"}
"""What a reader takes letters for: the character read, and the letters that may have stood there."""


@dataclass(slots=True)
class Turn:
    """A command and its reply, as they stood on the screen. `typed` is None for the text before the first
    command. `place` is where the player is after it, as the last room name says; "" while it is dark.
    `heading` tells whether this reply names the place, and `title` is the line that does."""

    typed: str | None
    time: float
    frame: int
    rows: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)
    place: str = ""
    heading: bool = False
    title: str = ""

    @property
    def reply(self) -> str:
        """The reply, a line for each paragraph: a room's name stands on its own, and broken lines are joined."""
        return "\n".join(self.paragraphs)

    @property
    def situation(self) -> str:
        """What a player knows after this turn: the reply, below the name of the place where it names none. The
        title and the makers, with which a game opens, are no part of it."""
        if self.typed is None and self.title in self.paragraphs:
            return "\n".join(self.paragraphs[self.paragraphs.index(self.title) :])
        return self.reply if self.heading or not self.place else f"{self.place}\n{self.reply}"

    @property
    def refused(self) -> bool:
        """Whether the game said that this cannot be done."""
        return bool(self.paragraphs) and not self.heading and bool(REFUSED.match(self.paragraphs[0]))

    @property
    def taken(self) -> bool:
        """Whether the game said that something was taken."""
        agreed = bool(self.paragraphs) and self.paragraphs[0].lower().rstrip(".!") in ("ok", "okay")
        return any(map(TAKEN.match, self.paragraphs)) or (agreed and bool(TAKING.match(self.typed or "")))

    @property
    def notice(self) -> str:
        """The game's own words that points were won, if they stood in the text."""
        found = SCORED.search(self.reply)
        return found[0].lower() if found else ""


def read_turns(lines: Sequence[Line]) -> list[Turn]:
    """Cut the lines at the prompts. The first turn is the text before any command; an empty prompt is no turn."""
    columns = max((len(line.text) for line in lines), default=0)
    turns = [Turn(None, lines[0].time if lines else 0.0, lines[0].frame if lines else 0)]
    for line in lines:
        prompt = PROMPT.match(line.text)
        if prompt is None:
            turns[-1].rows.append(line.text)
        elif prompt[1]:
            turns.append(Turn(" ".join(prompt[1].lower().split()), line.time, line.frame))
    for turn in turns:
        turn.paragraphs = unwrap(turn.rows, columns)
    titled = sum(any(map(is_place, turn.paragraphs)) for turn in turns) > len(turns) / 20
    place = ""
    for turn in turns:
        if titled:
            names = [part for part in turn.paragraphs if is_place(part)]
        else:
            names = [found[0] for part in turn.paragraphs[:1] if (found := STANDING.match(part))]
        turn.heading = bool(names)
        if names:
            # A game opens with its title and its makers: the place is the last such line of the opening.
            turn.title = names[-1] if turn.typed is None else names[0]
            # "Shore, in the magic boat" is the shore.
            place = turn.title.partition(",")[0]
        elif DARK.search(turn.reply):
            place = ""
        turn.place = place
    return turns


def unwrap(rows: Sequence[str], columns: int) -> list[str]:
    """Join rows that a terminal of that many columns broke: where the next word would not have fitted."""
    paragraphs: list[str] = []
    previous = ""
    for row in rows:
        word = row.split(" ", 1)[0]
        if previous and row and len(previous) + 1 + len(word) > columns:
            paragraphs[-1] += " " + row
        elif row:
            paragraphs.append(row)
        previous = row
    return paragraphs


def is_place(line: str) -> bool:
    """Whether a line of its own is a room's name: a few capitalised words without a full stop or a digit."""
    if len(line) > 40 or line.isupper() or line.lower() in ANSWERS or re.search(r"\d", line):
        return False
    return PLACE.match(line) is not None


def mend_commands(turns: Sequence[Turn], vocabulary: Collection[str]) -> int:
    """Correct words of commands that the task's vocabulary does not know: to the one word of the vocabulary or of
    the screen that a reader confuses it with, or that is one letter away; a short word has neighbours by chance on
    any screen ("douse" is not "house"), so those only in the vocabulary. A word typed twice is meant, and where
    there is no vocabulary or no single candidate a word stays as it was read. Returns how many were changed."""
    from rapidfuzz.distance import Levenshtein

    known = {word.lower() for entry in vocabulary for word in entry.split()}
    # Games of the eighties know a word by its first six letters.
    stems = {word for word in known if len(word) == 6}
    words = known | {word for turn in turns for word in re.findall(r"[a-z']+", turn.reply.lower())}
    typed = Counter(word for turn in turns for word in (turn.typed or "").split())
    changed = 0
    for turn in turns:
        mended = (turn.typed or "").split()
        for place, word in enumerate(mended):
            if not vocabulary or word in words or word[:6] in stems or (word.isalpha() and typed[word] > 1):
                continue
            near = {
                "".join(letters) for letters in product(*(LOOKALIKES.get(letter, letter) for letter in word))
            } & words
            if not near and len(word) >= 3:
                others = words if len(word) >= LONG else known
                near = {other for other in others if Levenshtein.distance(word, other, score_cutoff=1) == 1}
            if len(near) == 1:
                mended[place] = near.pop()
                changed += 1
        if mended:
            turn.typed = " ".join(mended)
    return changed
