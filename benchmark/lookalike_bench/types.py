"""The values that pass between environments, players, critics and episodes.

Plain frozen data that does nothing, so that every floor of the house may import them:

    observation = environment.reset(seed=0)             # Observation
    request = Request(messages=(Message("system", ...), Message("user", observation.text)), ...)
    [completion] = await player.complete([request])     # Completion
    observation = environment.step(completion.text)     # Observation
    judgement = await judge.review()                    # Judgement
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]
    """A picture: (height, width, 3), uint8, RGB."""

Role = Literal["system", "user", "assistant"]
Decode = Literal["choose", "generate", "grammar"]
"""How a player is asked: choose among listed actions by likelihood, write freely, or write within a vocabulary."""
Reveal = Literal["none", "score", "actions", "recommendation"]
"""How much of a judgement a player is shown; each level includes the ones before it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What an environment shows after a reset or a step.

    `score` is cumulative and in the environment's own units. As in Gymnasium, `terminated` means that the
    environment reached an end of its own (victory, death, level over); `truncated` that its clock ran out.
    `description` is what the critic saw in the frame, in words: no environment fills it in.
    """

    text: str
    score: float = 0.0
    terminated: bool = False
    truncated: bool = False
    victory: bool = False
    level_complete: bool = False
    milestones: tuple[str, ...] = ()
    frame: Frame | None = field(default=None, compare=False, repr=False)
    description: str = field(default="", compare=False)

    @property
    def words(self) -> str:
        """All that can be read of it: the environment's text, and the description."""
        return "\n\n".join(part for part in (self.text.strip(), self.description.strip()) if part)


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """What is fixed about an environment: shown to players, recorded in manifests, used to normalise scores.

    `score_range` is (lowest, highest) in the environment's units; progress is the score scaled onto it.
    `fingerprint` names exactly what is played (a story file's sha256, a game's name and mode).
    `handicaps` lists what a player is given beyond the raw game, such as "valid actions listed".
    """

    name: str
    instructions: str
    action_format: str
    vocabulary: tuple[str, ...]
    score_range: tuple[float, float]
    fingerprint: str
    handicaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with a player."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a player. `choices` are the listed actions when it chooses; `vocabulary` the words that
    a grammar holds it to; both empty when it writes freely."""

    messages: tuple[Message, ...]
    temperature: float
    seed: int
    choices: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    max_tokens: int = 24


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls. `cached_tokens` is the part of `prompt_tokens` that a prefix cache served."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A player's answer. When it scored choices, `text` is the choice and `log_probabilities` holds the mean
    log-likelihood of every choice, in the order of the request; when it wrote, that of what it wrote alone, or
    nothing where it is not known."""

    text: str
    usage: Usage = Usage()
    log_probabilities: tuple[float, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """A picture in words, and what it took to find them."""

    text: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a critic says of a step: a reward in [-1, 1], why, and what could be done next."""

    reward: float
    reason: str = ""
    possible: tuple[str, ...] = ()
    recommended: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one member of a swarm wants to do at a step, and what the critic thinks of it before it is played."""

    member: int
    temperature: float
    action: str
    judgement: Judgement = Judgement(0.0)
    completion: Completion = Completion("")


@dataclass(frozen=True, slots=True)
class Brief:
    """What a critic is told of a task before it watches: never a solution, never the recorded actions."""

    task: str
    goal: str
    instructions: str
    vocabulary: tuple[str, ...] = ()
