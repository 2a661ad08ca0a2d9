"""A corridor to walk and players to walk it: the twenty-line fakes that the engine and the runner are tested on.

A plugin file like any stranger's (`--plugin tests/fake_plugins.py`).
"""

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from lookalike_bench.errors import CriticFailure, PlayerFailure
from lookalike_bench.plugins import hookimpl
from lookalike_bench.plugins.critic import Critic, Judge
from lookalike_bench.plugins.environment import Environment, Walkthrough
from lookalike_bench.plugins.player import Player
from lookalike_bench.reward_models.model import OutlineStep, RewardModel
from lookalike_bench.types import Completion, Description, EnvironmentInfo, Judgement, Observation, Request, Usage


class Corridor(Environment):
    """The exit is in the east."""

    def __init__(self, length: int = 4, crash_at: int = -1) -> None:
        self.length, self.crash_at, self.place, self.seed = length, crash_at, 0, 0

    @property
    def info(self) -> EnvironmentInfo:
        return EnvironmentInfo(
            "corridor", "You are in a corridor. The exit is in the east.", "One direction.", ("east", "west"),
            (0, self.length), f"corridor-{self.length}",
        )  # fmt: skip

    def reset(self, seed: int) -> Observation:
        self.place, self.seed = 0, seed
        return self._look()

    def step(self, action: str) -> Observation:
        self.place = max(0, self.place + {"east": 1, "west": -1}.get(action, 0))
        if self.place == self.crash_at:
            os.abort()
        return self._look()

    def _look(self) -> Observation:
        out = self.place >= self.length
        return Observation(f"You are {self.place} steps in.", self.place, terminated=out, victory=out)

    def snapshot(self) -> bytes:
        return f"{self.place},{self.seed}".encode()

    def restore(self, snapshot: bytes) -> None:
        self.place, self.seed = map(int, snapshot.decode().split(","))

    def actions(self) -> list[str]:
        return ["west", "wait", "east"]

    def walkthrough(self) -> Walkthrough:
        return Walkthrough(["east"] * self.length, 0, "scripted", "tests", "corridor")


class Lane(Environment):
    """A game of pictures: a white dot on a lane, whose right end is the goal and whose left end is a hole."""

    shows_pictures = True
    frames_per_second = 15
    by_hand: ClassVar[dict[str, Any]] = {"hold": 1}

    def __init__(self, length: int = 60, hold: int = 4) -> None:
        self.length, self.hold, self.place, self.frames = length, hold, 0, 0

    @property
    def info(self) -> EnvironmentInfo:
        return EnvironmentInfo(
            "lane", "Go right. <b>Not</b> left.", "One action.", ("right", "left", "wait"), (0, 1),
            f"lane-{self.length}-{self.hold}",
        )  # fmt: skip

    def reset(self, seed: int) -> Observation:
        self.place, self.frames = 10 + seed % 10, 0
        return self._look()

    def step(self, action: str) -> Observation:
        for _ in range(self.hold):
            self._advance(action)
        return self._look()

    def _advance(self, action: str) -> None:
        if 0 < self.place < self.length:
            self.place += {"right": 1, "jump right": 2, "left": -1}.get(action, 0)
            self.frames += 1

    def _look(self) -> Observation:
        done = self.place >= self.length
        over = done or self.place <= 0
        return Observation(
            f"Frame {self.frames}.", float(done), terminated=over, level_complete=done, frame=self.picture()
        )

    def picture(self) -> Any:
        import numpy as np

        picture = np.zeros((64, 96, 3), np.uint8)
        picture[24:40, max(0, self.place - 4) : self.place + 4] = 255
        return picture

    def film(self, seed: int, actions: Iterable[str]) -> Iterator[Any]:
        self.reset(seed)
        yield self.picture()
        for action in actions:
            for _ in range(self.hold):
                self._advance(action)
                yield self.picture()

    def snapshot(self) -> bytes:
        return f"{self.place},{self.frames}".encode()

    def restore(self, snapshot: bytes) -> None:
        self.place, self.frames = map(int, snapshot.decode().split(","))

    def actions(self) -> list[str]:
        return ["right", "left", "jump", "jump right", "wave", "wait"]


class Believer(Player):
    """Does what is recommended; alone it dithers. Waits a moment, as a server would. `together`: answers only when
    so many calls wait for it at once."""

    concurrency = 8

    def __init__(self, wait: float = 0.0, fail_at: int = -1, broken: bool = False, together: int = 1) -> None:
        self.wait, self.fail_at, self.broken, self.together, self.calls = wait, fail_at, broken, together, 0

    async def start(self) -> None:
        if self.broken:
            raise PlayerFailure("the server refused: no such model")
        self.all_here = asyncio.Barrier(self.together)

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self.calls += 1
        if self.calls == self.fail_at:
            raise PlayerFailure("the server answered 500")
        await asyncio.sleep(self.wait)
        try:
            await asyncio.wait_for(self.all_here.wait(), 60)
        except (TimeoutError, asyncio.BrokenBarrierError):
            raise PlayerFailure(f"fewer than {self.together} calls at once") from None
        log = os.environ.get("FAKE_PLAYER_LOG")
        if log:
            with open(log, "a") as file:
                file.writelines(repr([(m.role, m.content) for m in request.messages]) + "\n" for request in requests)
        return [Completion(self._choice(request), Usage(100, 50, 1)) for request in requests]

    def _choice(self, request: Request) -> str:
        said = request.messages[-1].content
        recommended = [choice for choice in request.choices if f"The expert recommends: {choice}." in said]
        return (recommended or [request.choices[request.seed % len(request.choices)]])[0]


class EastCritic(Critic):
    """Has seen that people go east."""

    def __init__(self, broken: bool = False, praise: float = 1.0) -> None:
        self.broken, self.praise = broken, praise

    async def watch(self, videos: Sequence[object], brief: object) -> RewardModel:
        if self.broken:
            raise CriticFailure("the model saw nothing")
        return RewardModel(rules=["Go east."], provenance={"critic": "east"})

    def judge(self, reward_model: RewardModel) -> Judge:
        return EastJudge(self.praise)


class EastJudge(Judge):
    def __init__(self, praise: float = 1.0) -> None:
        self.praise = praise

    def observe(self, action: str | None, observation: Observation, actions: Sequence[str]) -> None:
        self.last = action

    async def judge(self, proposals: Sequence[str]) -> list[Judgement]:
        return [Judgement(self.praise if action == "east" else -0.5, "east is out") for action in proposals]

    async def review(self) -> Judgement:
        reward = 0.0 if self.last is None else 1.0 if self.last == "east" else -0.5
        return Judgement(reward, "", ("west", "east"), "east")


class Onlooker(Critic):
    """Sees where the dot of a lane is, and says so in its own way. It judges nothing itself."""

    def __init__(self, says: str = "A dot at") -> None:
        self.says = says

    async def watch(self, videos: Sequence[object], brief: object) -> RewardModel:
        steps = [OutlineStep(cue=f"{self.says} {place}.", action="right") for place in range(10, 60, 4)]
        return RewardModel(outline=steps, provenance={"critic": "onlooker"})

    async def describe(self, frame: Any) -> Description:
        return Description(f"{self.says} {int(frame[32, :, 0].argmax()) + 4}.", Usage(10, 0, 5))


@hookimpl
def lookalike_environments() -> dict[str, type[Environment]]:
    return {"corridor": Corridor, "lane": Lane}


@hookimpl
def lookalike_players() -> dict[str, type[Player]]:
    return {"believer": Believer}


@hookimpl
def lookalike_critics() -> dict[str, type[Critic]]:
    return {"east": EastCritic, "onlooker": Onlooker}
