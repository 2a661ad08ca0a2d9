"""Answers that were paid for, kept: what was asked once is not asked again.

    cache = ResponseCache(cache_directory() / "responses.sqlite3")
    player = CachedPlayer(player, cache, {"plugin": "openai", "base_url": ..., "model": "gpt-5-mini"})
    print(cache.explain(question))          # miss: message 3 of 5 differs from everything that was asked

`lookalike-bench cache` shows and clears it, `lookalike-bench cache explain` asks it that for a step of a run.

A question is: who is asked (`identity`), how (temperature, seed, choices, vocabulary, tokens), and the messages.
The episode's seed, step, copy and member are in the request's seed, so that no two turns share an answer by
chance. What failed, was refused or came back empty is not kept. The file is SQLite in its write-ahead mode, which
several processes may use at once; the values are JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from lookalike_bench.engine.remembered import Remembered
from lookalike_bench.engine.remote import together
from lookalike_bench.engine.wrapped_player import WrappedPlayer
from lookalike_bench.errors import UsageError
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Message, Request, Usage

DIGEST = 8
"""Bytes of each message's digest that are kept to explain misses; the key itself is a whole SHA-256."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    settings TEXT NOT NULL,
    messages BLOB NOT NULL,
    answer TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS responses_identity ON responses (identity);
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What the key of an answer is made of. `messages` holds one digest for each message."""

    identity: str
    settings: str
    messages: tuple[bytes, ...]

    @classmethod
    def of(cls, identity: Mapping[str, Any], settings: Mapping[str, Any], messages: Sequence[Message]) -> Question:
        """A question in general: any settings that are plain data, any messages."""
        return cls(canonical(identity), canonical(settings), tuple(_digests.of(messages)))

    @classmethod
    def of_request(cls, identity: str, request: Request) -> Question:
        """A player's question; `identity` is canonical JSON already."""
        settings = {
            "temperature": request.temperature,
            "seed": request.seed,
            "choices": request.choices,
            "vocabulary": _digest_words(request.vocabulary),
            "max_tokens": request.max_tokens,
        }
        return cls(identity, canonical(settings), tuple(_digests.of(request.messages)))

    @property
    def key(self) -> str:
        whole = hashlib.sha256()
        for part in (self.identity.encode(), self.settings.encode(), b"".join(self.messages)):
            whole.update(len(part).to_bytes(8, "big") + part)
        return whole.hexdigest()

    @property
    def short(self) -> bytes:
        return b"".join(digest[:DIGEST] for digest in self.messages)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one who was asked. `identity` is canonical JSON, `last` the time of the newest answer in UTC."""

    identity: str
    answers: int
    size: int
    last: str

    @property
    def asked(self) -> dict[str, Any]:
        """The identity as data."""
        asked: dict[str, Any] = json.loads(self.identity)
        return asked


class ResponseCache:
    """Answers by question, in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hits = self.misses = 0
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            # SQLite does not wait for its turn when two processes switch a new file to write-ahead at once.
            with FileLock(path.with_suffix(".lock")):
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = NORMAL")
                self._database.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"{path}: the response cache cannot be used: {error}; --no-cache goes without") from None

    def get(self, question: Question) -> Any | None:
        """The answer as it was put, or None."""
        row = self._execute("SELECT answer FROM responses WHERE key = ?", (question.key,)).fetchone()
        self.hits, self.misses = self.hits + (row is not None), self.misses + (row is None)
        return json.loads(row[0]) if row else None

    def put(self, question: Question, answer: Any) -> None:
        """Keep an answer (JSON data). The first answer to a question stays."""
        self._execute(
            "INSERT OR IGNORE INTO responses (key, identity, settings, messages, answer) VALUES (?, ?, ?, ?, ?)",
            (question.key, question.identity, question.settings, question.short, json.dumps(answer)),
        )

    def __contains__(self, question: Question) -> bool:
        return self._execute("SELECT 1 FROM responses WHERE key = ?", (question.key,)).fetchone() is not None

    def __len__(self) -> int:
        return int(self._execute("SELECT count(*) FROM responses").fetchone()[0])

    def kept(self) -> list[Kept]:
        """What is kept, by who was asked; `size` in bytes, without what the file itself takes."""
        rows = self._execute(
            "SELECT identity, count(*), sum(length(key) + length(identity) + length(settings) + length(messages)"
            " + length(answer)), max(created) FROM responses GROUP BY identity ORDER BY identity"
        )
        return [Kept(*row) for row in rows.fetchall()]

    def clear(self, identities: Sequence[str]) -> int:
        """Forget all answers of these; how many they were."""
        forgotten = sum(
            self._execute("DELETE FROM responses WHERE identity = ?", (identity,)).rowcount for identity in identities
        )
        self._execute("VACUUM")
        return forgotten

    def explain(self, question: Question) -> str:
        """Why a question is a hit or a miss, by the most similar question that was answered."""
        row = self._execute("SELECT created FROM responses WHERE key = ?", (question.key,)).fetchone()
        return f"hit: exactly this was asked before, at {row[0]} UTC" if row else f"miss: {self._nearest(question)}"

    def explain_asking(self, question: Question) -> str:
        """Why a question that is a hit by now had to be asked when it was, by what had been answered until then."""
        row = self._execute("SELECT rowid FROM responses WHERE key = ?", (question.key,)).fetchone()
        return self._nearest(question, row[0]) if row else self._nearest(question)

    def _nearest(self, question: Question, before: int = sys.maxsize) -> str:
        """How a question differs from the most similar one that was answered: of the same turn (whose request has the
        same seed) if there is one, else of those with the most messages in common."""
        same = "SELECT settings, messages FROM responses WHERE identity = ? AND rowid < ?"
        best: tuple[bool, int, int, str, int] | None = None
        asked = json.loads(question.settings)
        for settings, messages in self._execute(same, (question.identity, before)):
            other = json.loads(settings)
            differing = sum(asked.get(name) != value for name, value in other.items())
            same_turn = "seed" in asked and asked["seed"] == other.get("seed")
            shared = _shared(question.short, messages)
            candidate = (same_turn, shared, -differing, settings, len(messages) // DIGEST)
            best = max(best, candidate) if best else candidate
        if best is None:
            return self._nobody(question.identity, before)
        same_turn, shared, _, settings, length = best
        whose = "" if same_turn or "seed" not in asked else "nothing was asked at the same turn; of others, "
        if shared < len(question.messages):
            differing_one = f"message {shared + 1} of {len(question.messages)}"
            return f"{whose}{differing_one} differs from everything that was asked (the nearest has {length} messages)"
        if length > shared:
            return f"{whose}all {shared} messages were asked before, but as the beginning of {length}"
        return f"{whose}the same messages were asked, but {_differences(asked, json.loads(settings))}"

    def _nobody(self, identity: str, before: int) -> str:
        """Of this one nothing was asked: who is the most like it."""
        others = [
            json.loads(row[0])
            for row in self._execute("SELECT DISTINCT identity FROM responses WHERE rowid < ?", (before,))
        ]
        wanted = json.loads(identity)
        if not others:
            return f"nothing was asked of {identity}; asked so far: nobody"
        near = min(others, key=lambda other: sum(wanted.get(name) != other.get(name) for name in {**wanted, **other}))
        return f"nothing was asked of {identity}; of the nearest, {_differences(wanted, near)}"

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        with self._lock:
            return self._database.execute(statement, values)


class CachedPlayer(WrappedPlayer):
    """Asks the player inside only what was never asked before, each question once, even of many at a time.

    Every request is asked by itself, those of a batch at once: an answer is kept the moment that it arrives, whatever
    becomes of the others.
    """

    def __init__(self, player: Player, cache: ResponseCache, identity: Mapping[str, Any]) -> None:
        """`identity`: all that decides an answer beside the request: plugin, arguments, model; no transport."""
        super().__init__(player)
        self.cache = cache
        self.identity = canonical(identity)
        self._pending: dict[str, asyncio.Future[Completion]] = {}

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await together([self._complete(request) for request in requests])

    async def _complete(self, request: Request) -> Completion:
        question = Question.of_request(self.identity, request)
        key = question.key
        # 1. Somebody else is asking it just now; where that fails, we ask for ourselves.
        while key in self._pending:
            pending = self._pending[key]
            await asyncio.wait([pending])
            if not pending.cancelled():
                return pending.result()
        # 2. It was asked before.
        if (kept := self.cache.get(question)) is not None:
            return _completion(kept)
        # 3. Ask it.
        pending = self._pending[key] = asyncio.get_running_loop().create_future()
        try:
            [completion] = await self.player.complete([request])
            if completion.text.strip():
                self.cache.put(question, _json(completion))
            pending.set_result(completion)
            return completion
        finally:
            pending.cancel()
            del self._pending[key]


def _json(completion: Completion) -> dict[str, Any]:
    usage = completion.usage
    return {
        "text": completion.text,
        "usage": [usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens],
        "log_probabilities": list(completion.log_probabilities),
        "model": completion.model,
    }


def _completion(kept: Any) -> Completion:
    return Completion(kept["text"], Usage(*kept["usage"]), tuple(kept["log_probabilities"]), kept["model"])


def canonical(data: Mapping[str, Any]) -> str:
    """The one form in which an identity, or settings, are kept and compared."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _digest(message: Message) -> bytes:
    return hashlib.sha256(f"{message.role}\n{message.content}".encode("utf-8", "surrogatepass")).digest()


_digests = Remembered(_digest)


@lru_cache(maxsize=64)
def _digest_words(words: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16] if words else ""


def _shared(one: bytes, other: bytes) -> int:
    """How many messages two questions have in common from the beginning."""
    shared = 0
    while shared < len(one) and one[shared : shared + DIGEST] == other[shared : shared + DIGEST]:
        shared += DIGEST
    return shared // DIGEST


def _differences(now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name} is {_brief(now.get(name))}, was {_brief(before.get(name))}"
        for name in sorted({*now, *before})
        if now.get(name) != before.get(name)
    )


def _brief(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
