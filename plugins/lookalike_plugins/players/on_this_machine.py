"""What players share whose model runs in this process: it is loaded once, and asked by one thread at a time."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from lookalike_bench.errors import PlayerFailure, PluginError
from lookalike_bench.plugins.player import Player
from lookalike_bench.types import Completion, Request

if TYPE_CHECKING:
    from lookalike_plugins.players.word_grammar import WordGrammar


class Model(Protocol):
    def vocabulary(self) -> dict[bytes, int]: ...


M = TypeVar("M", bound=Model)


class OnThisMachine(Player, Generic[M]):
    """Who derives from it says how the model is loaded, and how it answers. `name` is the plugin's, and its extra's."""

    name: str

    def __init__(self) -> None:
        self._model: M | None = None
        self._lock = threading.Lock()
        self._grammar = lru_cache(maxsize=4)(self._new_grammar)

    @abstractmethod
    def _load(self) -> M:
        """The model, ready to be asked. An ImportError is taken for an extra that is missing."""

    @abstractmethod
    def _answer(self, model: M, requests: Sequence[Request]) -> list[Completion]:
        """Answer each request, in order. A RuntimeError or ValueError is the model's failure."""

    async def start(self) -> None:
        await asyncio.to_thread(self._start)

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await asyncio.to_thread(self._complete, requests)

    async def close(self) -> None:
        with self._lock:
            self._model = None
            self._grammar.cache_clear()

    def _start(self) -> None:
        with self._lock:
            if self._model is None:
                try:
                    self._model = self._load()
                except ImportError as error:
                    missing = f"{error}: pip install 'lookalike-bench[{self.name}]'"
                    raise PluginError(f"player {self.name}: {missing}") from error

    def _complete(self, requests: Sequence[Request]) -> list[Completion]:
        with self._lock:
            if self._model is None:
                raise PlayerFailure(f"player {self.name}: asked before it was started")
            try:
                return self._answer(self._model, requests)
            except (RuntimeError, ValueError) as error:
                # Out of memory on a GPU is a RuntimeError too.
                line = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise PlayerFailure(f"player {self.name}: {self.model}: {line[:300]}") from error

    def _new_grammar(self, vocabulary: tuple[str, ...]) -> WordGrammar:
        from lookalike_plugins.players.word_grammar import WordGrammar

        assert self._model is not None
        return WordGrammar(vocabulary, self._model.vocabulary())
