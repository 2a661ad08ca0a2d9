"""Long work off the event loop that nobody has to wait for: an interrupt ends the process at once.

learned = await in_background(learn, films)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_background(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Like asyncio.to_thread, whose threads are waited for when the process ends; these are not. Meant for work that
    writes no file by halves."""
    done: Future[T] = Future()

    def run() -> None:
        done.set_running_or_notify_cancel()
        try:
            done.set_result(work(*arguments, **named))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(done)
