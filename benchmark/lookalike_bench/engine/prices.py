"""What a run costs: before it is played, while it is, and after.

    prices = Prices.load()                                    # or Prices.load(Path("my-prices.yaml"))
    prices.cost("gemini-3.8-flash", Usage(494_000, 0, 800))   # 0.3735 dollars; None for a model without a price
    estimate(plan, prices, plugins)                           # --dry-run
    player = PaidPlayer(player, Budget(prices, limit=5.0))    # --budget 5: stops the run, to be resumed

A price file is YAML: a model's name (a * at the end stands for anything) and dollars per million tokens.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from lookalike_bench.engine.environments import shows_pictures
from lookalike_bench.engine.plan import EpisodePlan
from lookalike_bench.engine.remote import RemoteModel, together
from lookalike_bench.engine.wrapped_player import WrappedPlayer
from lookalike_bench.episodes.play import copies
from lookalike_bench.errors import UsageError
from lookalike_bench.plugins.manager import PluginManager
from lookalike_bench.plugins.player import Player
from lookalike_bench.tasks.schema import PluginSpec
from lookalike_bench.types import Completion, Request, Usage

BUILT_IN = Path(__file__).with_name("prices.yaml")

SYSTEM_TOKENS, STEP_TOKENS, MEMORY_TOKENS, ANSWER_TOKENS = 700, 110, 25, 6
"""What an estimate assumes: tokens of the instructions, of one step in the history, of one remembered proposal,
and of one answer. Measured on Zork I with a four-letter-a-token model; the vocabulary is most of the first."""

OUTLINE_TOKENS, REVIEW_TOKENS, REWARD_TOKENS, JUDGED_STEPS = 2500, 90, 40, 100
"""And of a critic that judges by its model: tokens of the outline with its instructions, of a review, and of the reward
of one proposal; and how many steps it is told at most."""

LOOK_TOKENS, SEEN_TOKENS = 400, 120
"""And of one that puts pictures into words: tokens of a small picture with its instructions, and of the words."""


ON_THIS_MACHINE = ("local", "transformers")
"""Players and critics that cost no money."""
NO_MODEL = ("random", "constant")
"""Players that ask nobody."""


class Price(BaseModel):
    """Dollars per million tokens. Without a price of its own, a cached token costs what any other does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)

    def cost(self, usage: Usage) -> float:
        """Dollars for so many tokens."""
        cached = self.input if self.cached is None else self.cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        return (fresh * self.input + usage.cached_tokens * cached + usage.completion_tokens * self.output) / 1e6


class PriceFile(RootModel[dict[str, Price]]):
    """A price file as it is written."""


class Prices:
    """Prices by model."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)

    @classmethod
    def load(cls, path: Path = BUILT_IN) -> Prices:
        """Read a price file. Raises UsageError with file:line."""
        from lookalike_bench.tasks.yaml_file import read_yaml

        return cls(read_yaml(path, error=UsageError).validate(PriceFile).root)

    def price(self, model: str) -> Price | None:
        """The price of the model of this name; else that of the longest pattern that fits."""
        if model in self._prices:
            return self._prices[model]
        fitting = [pattern for pattern in self._prices if fnmatch.fnmatchcase(model, pattern)]
        return self._prices[max(fitting, key=len)] if fitting else None

    def cost(self, model: str, usage: Usage) -> float | None:
        """Dollars, or None if the model has no price."""
        price = self.price(model)
        return None if price is None else price.cost(usage)


@dataclass
class Budget:
    """Dollars that a run may spend. What is spent is counted when an answer arrives, so that calls under way
    when the limit is reached still count: a run can end a little above it, never far."""

    prices: Prices
    limit: float | None = None
    spent: float = 0.0
    on_reached: Callable[[], None] | None = field(default=None, repr=False)

    @property
    def reached(self) -> bool:
        return self.limit is not None and self.spent >= self.limit

    def charge(self, model: str, usage: Usage) -> None:
        """Count what a call took. A model without a price is free here: a dry run names it."""
        before = self.reached
        self.spent += self.prices.cost(model, usage) or 0.0
        if self.reached and not before and self.on_reached is not None:
            self.on_reached()

    def check(self) -> None:
        """Before a call: raises CancelledError if nothing is left. The episode is then interrupted, as if by
        hand: not scored, not an error, and taken up again by --resume."""
        if self.reached:
            raise asyncio.CancelledError(f"the budget of ${self.limit:g} is spent")


class PaidPlayer(WrappedPlayer):
    """Charges what the player inside spends to the budget. Stands inside the cache: what is cached is free."""

    def __init__(self, player: Player, budget: Budget) -> None:
        super().__init__(player)
        self.budget = budget

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await together([self._complete(request) for request in requests])

    async def _complete(self, request: Request) -> Completion:
        self.budget.check()
        [completion] = await self.player.complete([request])
        self.budget.charge(self.player.model, completion.usage)
        return completion


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run takes at most: every episode played to its last step. The prompt grows with each step, and
    all but its end was sent before: `low` dollars take that for cached by the provider, `high` for not.
    Both are None if some model has no price; `unpriced` names those."""

    episodes: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    low: float | None
    high: float | None
    unpriced: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "episodes": self.episodes,
            "calls": self.calls,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost_usd": None if self.high is None else {"low": self.low, "high": self.high},
            "without_price": list(self.unpriced),
        }

    def __str__(self) -> str:
        cost = (
            f"${self.low:.2f} to ${self.high:.2f}"
            if self.high is not None
            else f"cost unknown: no price for {', '.join(self.unpriced)}"
        )
        tokens = f"{self.prompt_tokens:,} prompt and {self.completion_tokens:,} completion tokens"
        return f"at most {self.episodes} episodes, {self.calls:,} calls, {tokens}; {cost}"


def estimate(episodes: Sequence[EpisodePlan], prices: Prices, plugins: PluginManager) -> Estimate:
    """What playing these episodes would take, before anything is spent: of players, and of critics that ask their
    model at each step, to judge it or to see its picture. Models on this machine cost nothing, and the random player
    asks nobody. What it takes to watch is not in it: nothing is known of videos before they are opened."""
    usage = Usage()
    calls = 0
    low = high = 0.0
    unpriced: dict[str, None] = {}
    for spec, taken in (asked for episode in episodes for asked in _asked(episode, plugins)):
        calls += taken.calls
        usage += taken.usage
        if spec.plugin in ON_THIS_MACHINE:
            continue
        model = str(spec.arguments.get("model", spec.plugin))
        price = prices.price(model)
        if price is None:
            unpriced[model] = None
            continue
        high += price.cost(taken.usage)
        low += price.cost(replace(taken.usage, cached_tokens=taken.usage.prompt_tokens - taken.fresh))
    return Estimate(
        episodes=len(episodes),
        calls=calls,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        low=None if unpriced else low,
        high=None if unpriced else high,
        unpriced=tuple(unpriced),
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What one model takes in an episode that uses all its steps; `fresh` prompt tokens were never sent before."""

    calls: int
    usage: Usage
    fresh: int


def _asked(episode: EpisodePlan, plugins: PluginManager) -> Iterator[tuple[PluginSpec, Taken]]:
    """Who is asked in an episode, and for how much."""
    variant, critic = episode.variant, episode.variant.critic
    if variant.player is not None and variant.player.plugin not in NO_MODEL:
        yield variant.player, _playing(episode)
    if critic is None or not issubclass(plugins.find("critic", critic.plugin).load(), RemoteModel):
        return
    if critic.arguments.get("judge") == "model":
        yield critic, _judging(episode)
    if shows_pictures(plugins, episode.task.file.environment):
        yield critic, _describing(episode)


def _playing(episode: EpisodePlan) -> Taken:
    task, variant = episode.task.file, episode.variant
    # Members of one swarm ask about one history; copies in lockstep each have their own.
    askers = variant.members
    histories = copies(variant)
    step_tokens = STEP_TOKENS + MEMORY_TOKENS * min(variant.memory, variant.members)
    prompt = 0
    kept = 0
    for _ in range(task.max_steps):
        kept += 1
        prompt += askers * (SYSTEM_TOKENS + kept * step_tokens)
        if kept > task.history:
            kept = task.history // 2
    calls = task.max_steps * askers
    fresh = histories * SYSTEM_TOKENS + task.max_steps * max(askers, histories) * step_tokens
    return Taken(calls, Usage(prompt, 0, calls * ANSWER_TOKENS), min(fresh, prompt))


def _judging(episode: EpisodePlan) -> Taken:
    """At each step the proposals are judged in one call and the outcome in another; before the first, the beginning."""
    steps, histories = episode.task.file.max_steps, copies(episode.variant)
    told = sum(2 * min(step, JUDGED_STEPS) for step in range(1, steps + 1)) + 1
    calls = (2 * steps + 1) * histories
    prompt = calls * OUTLINE_TOKENS + told * histories * STEP_TOKENS
    written = (steps + 1) * histories * REVIEW_TOKENS + steps * episode.variant.members * REWARD_TOKENS
    fresh = histories * (OUTLINE_TOKENS + (steps + 1) * STEP_TOKENS)
    return Taken(calls, Usage(prompt, 0, written), min(fresh, prompt))


def _describing(episode: EpisodePlan) -> Taken:
    """Every picture is put into words once, the first one too."""
    calls = (episode.task.file.max_steps + 1) * copies(episode.variant)
    return Taken(calls, Usage(calls * LOOK_TOKENS, 0, calls * SEEN_TOKENS), calls * LOOK_TOKENS)
