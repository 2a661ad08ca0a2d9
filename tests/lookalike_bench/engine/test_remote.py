"""Calls are tried again when that may help, for a bounded time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from lookalike_bench.engine.limiter import Limiter
from lookalike_bench.engine.remote import Transient, Transport, Unanswered, persist, retry_after_seconds

QUICK = Transport(timeout=0.2, attempts=3, backoff=0.001, longest_backoff=0.01, patience=5)


def run(*outcomes: object, transport: Transport = QUICK) -> tuple[object, int, Limiter]:
    """Persist with a call that has these outcomes, one after the other; an Exception is raised."""
    limiter = Limiter()
    calls = 0

    async def send() -> object:
        nonlocal calls
        calls += 1
        outcome = outcomes[min(calls, len(outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, float):
            await asyncio.sleep(outcome)
        return outcome

    async def play() -> object:
        try:
            return await persist(send, limiter, transport)
        except Exception as error:
            return error

    return asyncio.run(play()), calls, limiter


def test_it_is_tried_again_until_it_succeeds() -> None:
    answer, calls, limiter = run(Transient("busy"), Transient("busy"), "done")
    assert (answer, calls, limiter.running) == ("done", 3, 0)


def test_attempts_are_bounded_and_the_last_trouble_is_told() -> None:
    answer, calls, _ = run(Transient("first"), Transient("second"), Transient("third"))
    assert isinstance(answer, Unanswered) and str(answer) == "third (3 attempts)" and calls == 3


def test_a_call_has_a_time_limit() -> None:
    answer, calls, _ = run(5.0, "done")
    assert (answer, calls) == ("done", 2)
    answer, _, _ = run(5.0, transport=Transport(timeout=0.01, attempts=2, backoff=0.001))
    assert str(answer) == "no answer within 0.01 s (2 attempts)"


def test_only_a_429_cuts_the_limit() -> None:
    _, _, limiter = run(Transient("HTTP 500"), "done")
    assert limiter.limit == 20
    _, _, limiter = run(Transient("HTTP 429", rate_limited=True), "done")
    assert limiter.limit < 20


def test_what_is_not_transient_is_raised_at_once() -> None:
    answer, calls, limiter = run(KeyError("x"))
    assert isinstance(answer, KeyError) and calls == 1 and limiter.running == 0


def test_an_unreasonable_retry_after_is_not_waited_for() -> None:
    answer, calls, _ = run(Transient("HTTP 429", rate_limited=True, retry_after=86400))
    assert isinstance(answer, Unanswered) and "86400 s" in str(answer) and calls == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("", None), ("3", 3.0), ("0.5", 0.5), ("-3", 0.0), ("nan", None), ("soon", None)],
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header) == seconds


def test_retry_after_as_a_date() -> None:
    seconds = retry_after_seconds(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert seconds is not None and 55 < seconds <= 60
