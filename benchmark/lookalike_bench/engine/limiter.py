"""How many calls to one model may run at once: as many as its server bears, found out while playing.

    limiter = shared_limiter("http://127.0.0.1:8000/v1 qwen2.5", maximum=100)
    async with limiter:
        answer = await ask()
    limiter.succeeded()

It starts at 20. While calls wait for a place, every success adds one, up to the maximum; when the server says
429 (too many requests), the number is halved, and grows by one for each full round of successes from then on.
A server that fails (5xx) is not one that is too busy: that changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakValueDictionary

START = 20


class Limiter:
    """Places for calls, given in the order of asking. Belongs to one event loop."""

    def __init__(self, maximum: int = 100, start: int = START) -> None:
        self.maximum = max(1, maximum)
        self.limit = float(min(start, self.maximum))
        self.running = 0
        self.most_running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._cautious = False
        self._last_cut = float("-inf")
        self._paused_until = float("-inf")

    async def __aenter__(self) -> Limiter:
        if self._waiting or not self._free():
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            self._admit()
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._release()
                raise
        else:
            self._take()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._release()

    def succeeded(self) -> None:
        """A call was answered. The limit grows only when it is the limit that holds calls back."""
        if self._waiting:
            self.limit = min(self.maximum, self.limit + (1 / self.limit if self._cautious else 1))
            self._admit()

    def cut(self, started: float, pause: float = 0.0) -> None:
        """A call that began at `started` (loop time) was turned away with 429; nothing new begins for `pause`
        seconds. Calls that began before the last cut tell nothing new and do not cut again."""
        loop = asyncio.get_running_loop()
        if started > self._last_cut:
            self.limit = max(1.0, min(self.limit, self.running + 1) / 2)
            self._last_cut = loop.time()
            self._cautious = True
        if pause > 0 and loop.time() + pause > self._paused_until:
            self._paused_until = loop.time() + pause
            loop.call_later(pause, self._admit)

    def _free(self) -> bool:
        paused = asyncio.get_running_loop().time() < self._paused_until
        return not paused and self.running < int(self.limit)

    def _take(self) -> None:
        self.running += 1
        self.most_running = max(self.most_running, self.running)

    def _release(self) -> None:
        self.running -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and (self._waiting[0].done() or self._free()):
            place = self._waiting.popleft()
            if not place.done():
                self._take()
                place.set_result(None)


_shared: WeakValueDictionary[tuple[int, str], Limiter] = WeakValueDictionary()


def shared_limiter(model: str, maximum: int) -> Limiter:
    """The one limiter of a model on this event loop, for all players and critics that call it. Kept as long
    as one of them holds it."""
    key = (id(asyncio.get_running_loop()), model)
    limiter = _shared.get(key)
    if limiter is None:
        limiter = _shared[key] = Limiter(maximum)
    return limiter
