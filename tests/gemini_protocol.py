"""Gemini's REST protocol for the loopback server: upload in two calls, polling, generate, count, cached contexts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.loopback_server import Answer, Call


def gemini_answer(text: str, finish: str = "STOP") -> dict[str, Any]:
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}],
        "usageMetadata": {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 90,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 4,
            "totalTokenCount": 107,
        },
        "modelVersion": "gemini-test-001",
    }


class GeminiProtocol:
    """Answers every question with `text`; an uploaded file is ready when it has been asked after `polls` times."""

    def __init__(self, text: str | Callable[[Any], str], *, polls: int = 2, caches: bool = True) -> None:
        self.text = text
        self.polls = polls
        self.caches = caches
        self.uploaded: list[bytes] = []
        self.asked_after = 0

    def __call__(self, call: Call) -> Answer:
        path = plain_path(call)
        if path == "/upload/files":
            host = call.headers.get("Host") or call.headers["host"]
            return Answer(content={}, headers={"X-Goog-Upload-URL": f"http://{host}/upload-here"})
        if path == "/upload-here":
            self.uploaded.append(call.body)
            return Answer(content={"file": self._file("PROCESSING")}, headers={"X-Goog-Upload-Status": "final"})
        if call.method == "GET" and path.startswith("/files/"):
            self.asked_after += 1
            return Answer(content=self._file("ACTIVE" if self.asked_after >= self.polls else "PROCESSING"))
        if path.endswith(":countTokens"):
            return Answer(content={"totalTokens": 500_000})
        if path == "/cachedContents":
            if not self.caches:
                return Answer(400, {"error": {"code": 400, "message": "too small", "status": "INVALID_ARGUMENT"}})
            return Answer(content={"name": "cachedContents/kept-1"})
        if call.method == "DELETE":
            return Answer(content={})
        assert path.endswith(":generateContent"), path
        return Answer(content=gemini_answer(self.text if isinstance(self.text, str) else self.text(call.json)))

    def _file(self, state: str) -> dict[str, Any]:
        name = f"files/video-{len(self.uploaded)}"
        return {"name": name, "uri": f"https://files.invalid/{name}", "mimeType": "video/mp4", "state": state}


def plain_path(call: Call) -> str:
    """The path without the version of the API, which the SDK chooses."""
    return re.sub(r"/v1(beta)?/", "/", call.path.split("?")[0])


def questions(calls: list[Call]) -> list[Any]:
    """The bodies of the calls that ask for an answer."""
    return [camel(call.json) for call in calls if plain_path(call).endswith(":generateContent")]


def camel(body: Any) -> Any:
    """The SDK writes some keys as start_offset and some as startOffset; Google's servers take both."""
    if isinstance(body, dict):
        return {re.sub(r"_([a-z])", lambda m: m[1].upper(), key): camel(value) for key, value in body.items()}
    return [camel(value) for value in body] if isinstance(body, list) else body
