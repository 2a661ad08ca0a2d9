"""The built-in variants, and how a task file's words become a complete Variant.

The three of the paper: `baseline` (pLLM), `single` (pLLM + vLLM), `swarm` (pLLM swarm + vLLM). The others are
controls: each takes one thing away, so that what remains can be told from what it was taken from.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from lookalike_bench.tasks.schema import CriticSpec, Method, PlayerSpec, PluginSpec, TaskFile, VariantSpec, VideoSpec
from lookalike_bench.text import did_you_mean
from lookalike_bench.types import Reveal

SWARM_SIZE = 5
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.2, 1.4
MEMORY = 8
ROLES = (
    "You are the navigator: think of where to go.",
    "You are the collector: think of what to take and use.",
    "You are the solver: think of what opens and unlocks.",
    "You are the scout: think of what is still unknown.",
    "You are the guard: avoid danger and repetition.",
)

BUILT_IN_VARIANTS: dict[str, tuple[str, VariantSpec]] = {
    "baseline": ("the player alone (paper: pLLM)", VariantSpec(method="baseline")),
    "single": ("one player, each step judged by the critic (paper: pLLM + vLLM)", VariantSpec(method="single")),
    "swarm": ("players at different temperatures share rewards as memory (paper: swarm)", VariantSpec(method="swarm")),
    "independent": ("players that share nothing, no critic; the best counts", VariantSpec(method="independent")),
    "same-temperature": (
        "a swarm at one temperature",
        VariantSpec(method="swarm", temperatures=[0.7] * SWARM_SIZE),
    ),
    "retry": ("one player, as many tries a step as a swarm has members", VariantSpec(method="retry")),
    "no-memory": ("a swarm without shared memory", VariantSpec(method="swarm", memory=0)),
    "score-only": ("single, but of a judgement only the reward is told", VariantSpec(method="single", reveal="score")),
    "eyes-only": (
        "single, but the critic only tells what it sees: no reward, no advice",
        VariantSpec(method="single", reveal="none"),
    ),
    "random-critic": (
        "a swarm whose critic rewards and recommends at random",
        VariantSpec(method="swarm", critic=CriticSpec(plugin="random")),
    ),
    "random-player": (
        "a swarm whose members choose blindly: what the critic alone achieves",
        VariantSpec(method="swarm", player=PlayerSpec(plugin="random")),
    ),
    "replay": ("the human-authored solution, replayed: the ceiling", VariantSpec(method="replay")),
}


class Variant(BaseModel):
    """A named way to play, complete: nothing left to default."""

    model_config = ConfigDict(frozen=True)

    name: str
    method: Method
    temperatures: tuple[float, ...]
    roles: tuple[str, ...]
    aggregator: PluginSpec | None
    memory: int
    mode: str
    reveal: Reveal
    player: PlayerSpec | None
    critic: CriticSpec | None
    videos: tuple[VideoSpec, ...]

    @property
    def members(self) -> int:
        return len(self.temperatures)


def resolve_variants(task: TaskFile) -> list[Variant]:
    """Every variant of a task, in the order of the file. Raises ValueError naming the variant."""
    return [_resolve(name, spec, task) for name, spec in task.variants.items()]


def _resolve(name: str, spec: VariantSpec, task: TaskFile) -> Variant:
    _, built_in = BUILT_IN_VARIANTS.get(name, ("", VariantSpec()))
    method = spec.method or built_in.method
    if method is None:
        hint = did_you_mean(name, BUILT_IN_VARIANTS)
        raise ValueError(f"variant {name!r} is not built in{hint} (a variant of your own names its method:)")
    chosen = built_in.model_copy(update={key: getattr(spec, key) for key in spec.model_fields_set})
    many = method in ("swarm", "independent", "retry")
    judged = method in ("single", "swarm", "retry")
    resized = spec.members is not None and spec.temperatures is None
    if chosen.temperatures and not resized:
        temperatures = list(chosen.temperatures)
    elif many:
        temperatures = _spread(chosen.members or SWARM_SIZE, same=task.temperature if method == "retry" else None)
    else:
        temperatures = [task.temperature]
    if not many and len(temperatures) > 1:
        raise ValueError(f"variant {name!r}: the method {method!r} has one player, not {len(temperatures)}")
    videos = tuple(chosen.videos or task.videos)
    if judged and not videos:
        raise ValueError(f"variant {name!r} has a critic, but the task names no videos: for it to watch")
    roles = tuple(chosen.roles or ROLES) if method == "swarm" else ()
    return Variant(
        name=name,
        method=method,
        temperatures=tuple(temperatures),
        roles=tuple(roles[index % len(roles)] for index in range(len(temperatures))) if roles else (),
        aggregator=(chosen.aggregator or PluginSpec(plugin="best-reward")) if method in ("swarm", "retry") else None,
        memory=(MEMORY if chosen.memory is None else chosen.memory) if method == "swarm" else 0,
        mode=chosen.mode or "together",
        reveal=(chosen.reveal or task.reveal) if judged else "none",
        player=None if method == "replay" else chosen.player or task.player,
        critic=(chosen.critic or task.critic) if judged else None,
        videos=videos,
    )


def _spread(members: int, same: float | None = None) -> list[float]:
    """Temperatures of a swarm: evenly from the lowest to the highest, or all the same."""
    if same is not None or members == 1:
        return [LOWEST_TEMPERATURE if same is None else same] * members
    step = (HIGHEST_TEMPERATURE - LOWEST_TEMPERATURE) / (members - 1)
    return [round(LOWEST_TEMPERATURE + step * index, 3) for index in range(members)]
