"""The paper's four failure signatures, computed from records for each variant.

    the player ignores the reward            guidance uptake, against what blind choice would take
    the swarm converges on a poor strategy   how much the proposals of one step differ
    temperatures make no difference          do hotter members depart more from what most propose
    the reward model is too large to use     how much of the prompt is the critic's feedback

Every number is None where it cannot be had: a baseline has no recommendation, a single player no diversity. A
signature that is present is a plain sentence in `flags`, by the thresholds below.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lookalike_bench.episodes.prompts import verdict
from lookalike_bench.episodes.stage import from_record
from lookalike_bench.records.schema import EpisodeHeader, JudgementRecord, ProposalRecord, StepRecord
from lookalike_bench.records.store import EpisodeRecord
from lookalike_bench.types import Reveal

IGNORES_REWARD_BELOW = 0.2
"""Of the way from blind choice (0) to always following (1), what a player that listens goes at least."""
CONVERGES_ABOVE = 0.75
"""Share of steps at which all members propose the same."""
POOR_BELOW = 0.5
"""Share of episodes that succeed, below which a strategy that all agree on is poor."""
NO_EFFECT_BELOW = 0.05
"""How much more often the hottest member departs from the majority than the coldest, as a share of steps."""
TOO_LARGE_ABOVE = 0.5
"""Share of the player's prompt that is the critic's feedback."""


@dataclass(frozen=True)
class Diagnostics:
    """What the records of one variant show. Shares are in [0, 1].

    `uptake`: proposals that are the recommended action; `blind_uptake`: what blind choice among the listed
    actions would give. `diversity`: the entropy of a step's proposals, 1 where all members differ; `unanimous`:
    steps at which all agree; `conflict`: steps with rewarded and punished proposals at once. `by_temperature`:
    (temperature, share that departs from the majority, uptake, mean reward); `temperature_correlation`: Spearman's
    rho of temperature and departure over all proposals; `total_variation`: between the distributions that members
    of different temperature chose from. `outline_words`: of the reward model; `feedback_share`: of the prompt's
    characters, those that are feedback.
    """

    uptake: float | None = None
    blind_uptake: float | None = None
    diversity: float | None = None
    unanimous: float | None = None
    conflict: float | None = None
    by_temperature: list[tuple[float, float, float | None, float | None]] = field(default_factory=list)
    temperature_correlation: float | None = None
    total_variation: float | None = None
    outline_steps: int | None = None
    outline_words: int | None = None
    feedback_share: float | None = None
    flags: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}


def diagnose(
    episodes: Iterable[EpisodeRecord], outline: Callable[[], tuple[int, int] | None] = lambda: None
) -> Diagnostics:
    """Read a variant's episodes, one after another. `outline` tells, after that, steps and words of their
    reward model."""
    tally = _Tally()
    for episode in episodes:
        tally.add(episode)
    return tally.diagnostics(outline())


class _Tally:
    """What is counted while the steps go by, so that no more than one episode is held."""

    def __init__(self) -> None:
        self.successes: list[bool] = []
        self.took: list[bool] = []
        self.blind: list[float] = []
        self.diversity: list[float] = []
        self.unanimous: list[bool] = []
        self.conflict: list[bool] = []
        self.departures: list[tuple[float, bool]] = []
        self.took_at: dict[float, list[bool]] = {}
        self.rewards_at: dict[float, list[float]] = {}
        self.variations: list[float] = []
        self.prompt_characters = 0
        self.feedback_characters = 0

    def add(self, episode: EpisodeRecord) -> None:
        reviews: dict[int, JudgementRecord | None] = {}
        prompts: dict[int, _Prompt] = {}
        if episode.end is not None and episode.end.success is not None:
            self.successes.append(episode.end.success)
        for step in episode.steps:
            shown = reviews.get(step.copy_index, episode.header.review)
            self._add_guidance(episode.header, shown, step)
            if len(step.proposals) > 1:
                self._add_diversity(step.proposals)
            prompt = prompts.setdefault(step.copy_index, _Prompt())
            prompt.grow(step, shown, episode.header)
            tails = sum(len(proposal.tail) for proposal in step.proposals)
            self.prompt_characters += prompt.characters * len(step.proposals) + tails
            self.feedback_characters += prompt.feedback * len(step.proposals)
            if episode.header.reveal in ("actions", "recommendation"):
                # What the critic advises stands in the tail, before the member's role.
                roles = episode.header.roles
                told = sum(len(f"\n\n{roles[p.member]}") for p in step.proposals if p.member < len(roles) and p.tail)
                self.feedback_characters += tails - told
            reviews[step.copy_index] = step.review

    def _add_guidance(self, header: EpisodeHeader, shown: JudgementRecord | None, step: StepRecord) -> None:
        recommended = same_action(shown.recommended) if shown and shown.recommended else None
        listed = step.choices or (shown.possible if shown else [])
        told = recommended is not None and header.reveal == "recommendation" and header.method != "replay"
        for proposal in step.proposals:
            if told:
                taken = same_action(proposal.action) == recommended
                self.took.append(taken)
                self.took_at.setdefault(proposal.temperature, []).append(taken)
                if listed:
                    self.blind.append(sum(same_action(action) == recommended for action in listed) / len(listed))
            if proposal.judgement is not None:
                self.rewards_at.setdefault(proposal.temperature, []).append(proposal.judgement.reward)

    def _add_diversity(self, proposals: Sequence[ProposalRecord]) -> None:
        actions = [same_action(proposal.action) for proposal in proposals]
        counts = Counter(actions)
        entropy = -sum(count / len(actions) * math.log(count / len(actions)) for count in counts.values())
        self.diversity.append(entropy / math.log(len(actions)))
        self.unanimous.append(len(counts) == 1)
        rewards = [proposal.judgement.reward for proposal in proposals if proposal.judgement is not None]
        if len(rewards) > 1:
            self.conflict.append(min(rewards) < 0 < max(rewards))
        if len({proposal.temperature for proposal in proposals}) > 1:
            most = max(counts.values())
            majority = {action for action, count in counts.items() if count == most}
            self.departures += [
                (proposal.temperature, action not in majority)
                for proposal, action in zip(proposals, actions, strict=True)
            ]
            self.variations += _variations(proposals)

    def diagnostics(self, outline: tuple[int, int] | None) -> Diagnostics:
        departures = self.departures
        by_temperature = [
            (
                temperature,
                _share([departed for at, departed in departures if at == temperature]) or 0.0,
                _share(self.took_at.get(temperature, [])),
                _share(self.rewards_at.get(temperature, [])),
            )
            for temperature in sorted({temperature for temperature, _ in departures})
        ]
        measured = Diagnostics(
            uptake=_share(self.took),
            blind_uptake=_share(self.blind),
            diversity=_share(self.diversity),
            unanimous=_share(self.unanimous),
            conflict=_share(self.conflict),
            by_temperature=by_temperature,
            temperature_correlation=_spearman(departures),
            total_variation=_share(self.variations),
            outline_steps=outline[0] if outline else None,
            outline_words=outline[1] if outline else None,
            feedback_share=(
                self.feedback_characters / self.prompt_characters
                if self.prompt_characters and self.feedback_characters
                else None
            ),
        )
        measured.flags.extend(_flags(measured, _share(self.successes)))
        return measured


@dataclass
class _Prompt:
    """How long one copy's conversation is, and how much of it is feedback, message by message."""

    messages: list[tuple[int, int]] = field(default_factory=list)
    feedback_of: dict[str, int] = field(default_factory=dict)

    def grow(self, step: StepRecord, shown: JudgementRecord | None, header: EpisodeHeader) -> None:
        if step.conversation is None:
            return
        reveal: Reveal = header.reveal  # type: ignore[assignment]
        text = verdict(from_record(shown), reveal) if step.step > 1 else ""
        del self.messages[step.conversation.kept :]
        for message in step.conversation.added:
            if text and message.role == "user" and message.content.endswith(text):
                self.feedback_of[message.content] = len(text)
            # After a cut the whole conversation is told again: a message keeps the share that it had.
            self.messages.append((len(message.content), self.feedback_of.get(message.content, 0)))

    @property
    def characters(self) -> int:
        return sum(length for length, _ in self.messages)

    @property
    def feedback(self) -> int:
        return sum(length for _, length in self.messages)


def same_action(action: str) -> str:
    """An action as it is compared: case and spaces do not matter."""
    return " ".join(action.lower().split())


def _flags(measured: Diagnostics, success: float | None) -> Iterable[str]:
    if measured.uptake is not None and measured.blind_uptake is not None and measured.blind_uptake < 1:
        followed = (measured.uptake - measured.blind_uptake) / (1 - measured.blind_uptake)
        if followed < IGNORES_REWARD_BELOW:
            yield (
                f"ignores the reward: {measured.uptake:.0%} of proposals are the recommended action, "
                f"blind choice would take {measured.blind_uptake:.0%}"
            )
    agree = measured.unanimous is not None and measured.unanimous > CONVERGES_ABOVE
    if agree and success is not None and success < POOR_BELOW:
        yield (
            f"converges on one poor strategy: all members propose the same at {measured.unanimous:.0%} of steps, "
            f"and {success:.0%} of episodes succeed"
        )
    if len(measured.by_temperature) > 1:
        (coldest, least, *_), (hottest, most, *_) = measured.by_temperature[0], measured.by_temperature[-1]
        if most - least < NO_EFFECT_BELOW:
            yield (
                f"temperatures make no difference: at {hottest:g} a member departs from the majority at {most:.0%} "
                f"of steps, at {coldest:g} at {least:.0%}"
            )
    if measured.feedback_share is not None and measured.feedback_share > TOO_LARGE_ABOVE:
        yield f"the reward model is too large: {measured.feedback_share:.0%} of the prompt is feedback"


def _variations(proposals: Sequence[ProposalRecord]) -> list[float]:
    """Total variation between the distributions of members of different temperature, where they chose by
    likelihood: each drew from the softmax of its scores divided by its temperature."""
    distributions = [
        (proposal.temperature, _softmax(proposal.log_probabilities, proposal.temperature))
        for proposal in proposals
        if len(proposal.log_probabilities) > 1
    ]
    return [
        sum(abs(one - other) for one, other in zip(first, second, strict=True)) / 2
        for index, (temperature, first) in enumerate(distributions)
        for other_temperature, second in distributions[index + 1 :]
        if temperature != other_temperature and len(first) == len(second)
    ]


def _softmax(scores: Sequence[float], temperature: float) -> list[float]:
    best = max(scores)
    if temperature <= 0:
        return [float(index == scores.index(best)) for index in range(len(scores))]
    weights = [math.exp((score - best) / temperature) for score in scores]
    return [weight / sum(weights) for weight in weights]


def _spearman(departures: Sequence[tuple[float, bool]]) -> float | None:
    """None where all temperatures, or all members' departures, are the same."""
    if len({at for at, _ in departures}) < 2 or len({departed for _, departed in departures}) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr([at for at, _ in departures], [departed for _, departed in departures]).statistic)


def _share(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
