"""Answers that were paid for, kept: what was asked once is not asked again.

    cache = ResponseCache(cache_directory() / "responses.sqlite3")
    player = CachedPlayer(player, cache, {"plugin": "openai", "base_url": ..., "model": "gpt-5-mini"})
    print(cache.explain(question))          # message 3 of 5 differs from everything cached

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
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from lookalike_bench.engine.remembered import Remembered
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
        return cls(_canonical(identity), _canonical(settings), tuple(_digests.of(messages)))

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
        return cls(identity, _canonical(settings), tuple(_digests.of(request.messages)))

    @property
    def key(self) -> str:
        whole = hashlib.sha256()
        for part in (self.identity.encode(), self.settings.encode(), b"".join(self.messages)):
            whole.update(len(part).to_bytes(8, "big") + part)
        return whole.hexdigest()

    @property
    def short(self) -> bytes:
        return b"".join(digest[:DIGEST] for digest in self.messages)


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

    def __len__(self) -> int:
        return int(self._execute("SELECT count(*) FROM responses").fetchone()[0])

    def explain(self, question: Question) -> str:
        """Why a question is a hit or a miss, by the most similar question that was answered."""
        if self._execute("SELECT 1 FROM responses WHERE key = ?", (question.key,)).fetchone():
            return "hit: exactly this was asked before"
        same_model = "SELECT settings, messages FROM responses WHERE identity = ?"
        best: tuple[int, int, str, int] | None = None
        asked = json.loads(question.settings)
        for settings, messages in self._execute(same_model, (question.identity,)):
            shared = _shared(question.short, messages)
            differing = sum(asked.get(name) != value for name, value in json.loads(settings).items())
            candidate = (shared, -differing, settings, len(messages) // DIGEST)
            best = max(best, candidate) if best else candidate
        if best is None:
            others = [row[0] for row in self._execute("SELECT DISTINCT identity FROM responses LIMIT 5")]
            return f"miss: nothing was asked of {question.identity}; asked so far: {'; '.join(others) or 'nobody'}"
        shared, _, settings, length = best
        if shared < len(question.messages):
            return (
                f"miss: message {shared + 1} of {len(question.messages)} differs from everything that was asked "
                f"(the nearest has {length} messages)"
            )
        if length > shared:
            return f"miss: all {shared} messages were asked before, but as the beginning of {length}"
        before = json.loads(settings)
        differences = [
            f"{name} is {_brief(asked.get(name))}, was {_brief(before.get(name))}"
            for name in sorted({*asked, *before})
            if asked.get(name) != before.get(name)
        ]
        return f"miss: the same messages were asked, but {'; '.join(differences)}"

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        with self._lock:
            return self._database.execute(statement, values)


class CachedPlayer(WrappedPlayer):
    """Asks the player inside only what was never asked before, each question once, even of many at a time."""

    def __init__(self, player: Player, cache: ResponseCache, identity: Mapping[str, Any]) -> None:
        """`identity`: all that decides an answer beside the request: plugin, arguments, model; no transport."""
        super().__init__(player)
        self.cache = cache
        self.identity = _canonical(identity)
        self._pending: dict[str, asyncio.Future[Completion]] = {}

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        questions = [Question.of_request(self.identity, request) for request in requests]
        keys = [question.key for question in questions]
        answers: dict[str, Completion] = {}
        mine: dict[str, int] = {}
        others: dict[str, asyncio.Future[Completion]] = {}
        # 1. What is known, what somebody else is asking just now, and what is left to ask.
        for index, key in enumerate(keys):
            if key in answers or key in mine or key in others:
                continue
            if key in self._pending:
                others[key] = self._pending[key]
            elif (kept := self.cache.get(questions[index])) is not None:
                answers[key] = _completion(kept)
            else:
                mine[key] = index
        # 2. Ask it as one batch, so that the player can share the prompt.
        if mine:
            answers |= await self._ask(requests, questions, mine)
        # 3. Where somebody else's question failed, ask again for ourselves.
        for key, pending in others.items():
            await asyncio.wait([pending])
            if pending.cancelled():
                answers |= await self._ask(requests, questions, {key: keys.index(key)})
            else:
                answers[key] = pending.result()
        return [answers[key] for key in keys]

    async def _ask(
        self, requests: Sequence[Request], questions: Sequence[Question], mine: Mapping[str, int]
    ) -> dict[str, Completion]:
        pending = {key: asyncio.get_running_loop().create_future() for key in mine}
        self._pending |= pending
        try:
            completions = await self.player.complete([requests[index] for index in mine.values()])
            answers = dict(zip(mine, completions, strict=True))
            for key, index in mine.items():
                if answers[key].text.strip():
                    self.cache.put(questions[index], _json(answers[key]))
                pending[key].set_result(answers[key])
            return answers
        finally:
            for key, future in pending.items():
                # Where this failed or was cancelled, who waits for it asks for itself.
                future.cancel()
                if self._pending.get(key) is future:
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


def _canonical(data: Mapping[str, Any]) -> str:
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


def _brief(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
