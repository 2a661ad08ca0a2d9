"""What asking alone takes: a conversation of 200 messages sent by the suite's client, and by the official SDK where
that is installed. Prints milliseconds a call as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec

from lookalike_bench.engine.remote import Transport
from lookalike_bench.types import Message
from lookalike_plugins.openai_server import ChatServer, encode_messages

LINE = "You are standing in an open field west of a white house, with a boarded front door. " * 3
MESSAGES = [Message("assistant" if number % 2 else "user", f"{number} {LINE}") for number in range(200)]


async def timed(ask: Callable[[], Awaitable[object]], calls: int) -> float:
    for _ in range(3):
        await ask()
    started = time.perf_counter()
    for _ in range(calls):
        await ask()
    return 1000 * (time.perf_counter() - started) / calls


async def ours(url: str) -> float:
    server = ChatServer(url, None)
    await server.open(Transport())
    try:
        return await timed(lambda: server.chat(encode_messages(MESSAGES), {"temperature": 0.7, "max_tokens": 24}), 200)
    finally:
        await server.close()


async def sdk(url: str) -> float:
    from openai import AsyncOpenAI

    messages = [{"role": message.role, "content": message.content} for message in MESSAGES]
    async with AsyncOpenAI(base_url=url, api_key="none") as client:
        return await timed(lambda: client.chat.completions.create(model="stub", messages=messages), 30)


async def main(url: str) -> dict[str, float]:
    found = {"ours": await ours(url)}
    if find_spec("openai"):
        found["sdk"] = await sdk(url)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    json.dump(asyncio.run(main(parser.parse_args().url)), sys.stdout)
