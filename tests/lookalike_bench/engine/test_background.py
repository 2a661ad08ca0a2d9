"""Work in the background: it is told how it went, and nobody waits for it who does not want to."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest
from lookalike_bench.engine.background import in_background

ABANDONED = """
import asyncio, time
from lookalike_bench.engine.background import in_background

async def main():
    try:
        await asyncio.wait_for(in_background(time.sleep, 60), 0.1)
    except TimeoutError:
        print("went on")

asyncio.run(main())
"""


def test_results_and_errors_come_back() -> None:
    assert asyncio.run(in_background(divmod, 7, 2)) == (3, 1)
    assert asyncio.run(in_background(sorted, [1, 2], reverse=True)) == [2, 1]
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_background(divmod, 1, 0))


def test_other_work_goes_on_meanwhile() -> None:
    async def both() -> list[str]:
        told: list[str] = []

        async def quick() -> None:
            told.append("quick")

        await asyncio.gather(in_background(lambda: (time.sleep(0.2), told.append("slow"))), quick())
        return told

    assert asyncio.run(both()) == ["quick", "slow"]


def test_a_process_that_ends_does_not_wait_for_it() -> None:
    ended = subprocess.run([sys.executable, "-c", ABANDONED], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (0, "went on\n"), ended.stderr
