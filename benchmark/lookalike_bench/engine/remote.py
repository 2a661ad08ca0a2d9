"""Calls to models over a network: tried again when it helps, for a bounded time, and never more at once than
the server bears.

    class MyPlayer(RemoteModel, Player):
        async def ask(self, body):
            async def send():
                ...                         # raises Transient for what may go better the next time
            return await persist(send, self.limiter, self.transport)

What a player or critic that derives from RemoteModel does with its network is set by the engine, from the
command line; it is no part of what a run is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from lookalike_bench.errors import LookalikeError

if TYPE_CHECKING:
    from lookalike_bench.engine.cache import ResponseCache
    from lookalike_bench.engine.limiter import Limiter
    from lookalike_bench.engine.prices import Budget

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Transport:
    """How calls are made. `timeout` is seconds for one call, `attempts` how often a call is tried at most,
    `backoff` the wait in seconds before the second attempt, doubled for each further one up to
    `longest_backoff`; `patience` is the longest `Retry-After` that is waited for."""

    max_connections: int = 100
    timeout: float = 120.0
    attempts: int = 7
    backoff: float = 0.5
    longest_backoff: float = 20.0
    patience: float = 120.0


class RemoteModel:
    """What a player or critic whose model is called over a network is given by the engine before `start`.

    `cache` keeps a critic's answers (a player's are kept by the engine itself), and `budget` is charged for them.
    """

    transport: Transport = Transport()
    cache: ResponseCache | None = None
    budget: Budget | None = None

    @property
    def model(self) -> str:
        """The model's name, by which it has its price."""
        return type(self).__name__.lower()

    @property
    def identity(self) -> dict[str, object]:
        """All that decides an answer beside the question: the server, the model, its settings."""
        return {}


class Transient(Exception):
    """A call failed in a way that may pass. `rate_limited` if the server said that it was asked too often;
    `retry_after` is the wait that it asked for, in seconds."""

    def __init__(self, message: str, *, rate_limited: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.rate_limited = rate_limited
        self.retry_after = retry_after


class Unanswered(LookalikeError):
    """All attempts of a call failed; the text says how the last one did."""


async def persist(send: Callable[[], Awaitable[T]], limiter: Limiter, transport: Transport) -> T:
    """Call until it succeeds. Raises Unanswered when all attempts failed, and at once whatever is not Transient."""
    from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
    from tenacity.wait import wait_random_exponential

    jitter = wait_random_exponential(multiplier=transport.backoff, max=transport.longest_backoff)

    def wait(state: RetryCallState) -> float:
        trouble = state.outcome.exception() if state.outcome else None
        asked_for = trouble.retry_after or 0.0 if isinstance(trouble, Transient) else 0.0
        # A little jitter on top of Retry-After, so that not all waiting calls come back in the same instant.
        return asked_for + jitter(state) * (0.1 if asked_for else 1.0)

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(Transient), stop=stop_after_attempt(transport.attempts), wait=wait, reraise=True
    )
    try:
        return await retrying(_once, send, limiter, transport)
    except Transient as error:
        raise Unanswered(f"{error} ({transport.attempts} attempts)") from None


async def _once(send: Callable[[], Awaitable[T]], limiter: Limiter, transport: Transport) -> T:
    """One attempt, within its time and in its place among the others."""
    async with limiter:
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(transport.timeout):
                answer = await send()
        except TimeoutError:
            raise Transient(f"no answer within {transport.timeout:g} s") from None
        except Transient as error:
            if error.rate_limited:
                limiter.cut(started, min(error.retry_after or 0.0, transport.patience))
            if error.retry_after is not None and error.retry_after > transport.patience:
                raise Unanswered(f"{error}, and asks to be left alone for {error.retry_after:.0f} s") from None
            raise
    limiter.succeeded()
    return answer


async def together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of calls made at once. All have ended, one way or the other, before the first failure is raised."""
    if len(calls) == 1:
        return [await calls[0]]
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # no exception is left in it


def retry_after_seconds(header: str | None) -> float | None:
    """A `Retry-After` header (RFC 9110, 10.2.3) in seconds from now: a number, or a date."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    # A hostile or broken header (nan, negative) must not become a wait.
    return max(0.0, seconds) if seconds == seconds else None
