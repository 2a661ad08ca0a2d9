"""The limiter lets in as many calls as a server bears."""

from __future__ import annotations

import asyncio

import pytest
from lookalike_bench.engine.limiter import Limiter, shared_limiter


async def call(limiter: Limiter, seconds: float = 0.001) -> None:
    async with limiter:
        await asyncio.sleep(seconds)
    limiter.succeeded()


def test_it_starts_at_twenty_and_grows_to_the_maximum_while_calls_wait() -> None:
    async def play() -> None:
        limiter = Limiter(maximum=100)
        waves = [asyncio.ensure_future(call(limiter, 0.01)) for _ in range(600)]
        await asyncio.sleep(0)
        assert limiter.running == 20
        await asyncio.gather(*waves)
        assert limiter.limit == 100 == limiter.most_running
        assert limiter.running == 0

    asyncio.run(play())


def test_it_does_not_grow_while_nobody_waits() -> None:
    async def play() -> None:
        limiter = Limiter()
        for _ in range(50):
            await asyncio.gather(*(call(limiter) for _ in range(5)))
        assert limiter.limit == 20

    asyncio.run(play())


def test_a_429_halves_what_was_running_once_for_each_round() -> None:
    async def play() -> None:
        limiter = Limiter()
        started = asyncio.get_running_loop().time()
        for _ in range(19):
            await limiter.__aenter__()
        await asyncio.sleep(0.001)
        limiter.cut(started)
        assert limiter.limit == 10
        limiter.cut(started)
        assert limiter.limit == 10, "a call from before the cut tells nothing new"
        await asyncio.sleep(0.001)
        limiter.cut(asyncio.get_running_loop().time())
        assert limiter.limit == 5

    asyncio.run(play())


def test_after_a_cut_it_grows_by_one_for_a_full_round() -> None:
    async def play() -> None:
        limiter = Limiter(maximum=100, start=4)
        limiter.running = 4
        limiter.cut(asyncio.get_running_loop().time())
        limiter.running = 0
        before = limiter.limit
        await asyncio.gather(*(call(limiter) for _ in range(12)))
        assert before < limiter.limit < before + 6

    asyncio.run(play())


def test_retry_after_holds_everybody_back() -> None:
    async def play() -> None:
        limiter = Limiter()
        loop = asyncio.get_running_loop()
        limiter.cut(loop.time(), pause=0.1)
        began = loop.time()
        await asyncio.gather(*(call(limiter) for _ in range(3)))
        assert loop.time() - began >= 0.1

    asyncio.run(play())


def test_a_cancelled_call_leaves_no_place_taken() -> None:
    async def play() -> None:
        limiter = Limiter(maximum=1)
        holding = asyncio.ensure_future(call(limiter, 0.05))
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(call(limiter)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        holding.cancel()
        # The place goes to a call that is cancelled in the very moment in which it gets it.
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.wait_for(waiting[2], 1)
        assert limiter.running == 0

    asyncio.run(play())


def test_calls_of_one_model_share_a_limiter() -> None:
    async def play() -> None:
        one = shared_limiter("server model", 50)
        assert shared_limiter("server model", 50) is one
        assert shared_limiter("server other", 50) is not one

    asyncio.run(play())


def test_a_failing_call_frees_its_place() -> None:
    async def play() -> None:
        limiter = Limiter(maximum=1)
        with pytest.raises(ZeroDivisionError):
            async with limiter:
                raise ZeroDivisionError
        await asyncio.wait_for(call(limiter), 1)

    asyncio.run(play())
