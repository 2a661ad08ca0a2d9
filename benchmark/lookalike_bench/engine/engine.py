"""Plays the episodes of a run on one background event loop.

    with Engine(run, plugins) as engine:
        futures = [engine.submit(episode) for episode in plan(tasks)]
        ends = [future.result() for future in futures]

Episodes wait together, not in turn: as many are under way as their player is good for. Whatever is left when
the engine closes is cancelled between two steps and can be resumed.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from lookalike_bench.engine.environments import EnvironmentPool, open_environment
from lookalike_bench.engine.models import Models
from lookalike_bench.engine.plan import EpisodePlan, Listener, Silent
from lookalike_bench.engine.watching import Watched, failed_play, make_critic, open_videos, watch
from lookalike_bench.episodes.play import Cast, bare_header, copies, describe_error, play_episode
from lookalike_bench.errors import EpisodeError, PlayerFailure, UsageError
from lookalike_bench.plugins.critic import Critic
from lookalike_bench.plugins.manager import PluginManager
from lookalike_bench.plugins.player import Player
from lookalike_bench.records.schema import EpisodeEnd
from lookalike_bench.records.store import EpisodeWriter, Run, partial_path, read_episode
from lookalike_bench.tasks.schema import PlayerSpec
from lookalike_bench.tasks.task import Task
from lookalike_bench.tasks.variants import Variant
from lookalike_bench.types import Completion, Request


class Nobody(Player):
    """The player of an episode in which nobody thinks."""

    concurrency = 2

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        raise PlayerFailure("this variant has no player to ask")


@dataclass(frozen=True)
class SeatedPlayer:
    """A player that is ready, and how many of its episodes may be under way."""

    player: Player
    places: asyncio.Semaphore


class Engine:
    """One run's players, environments and reward models, and the loop on which its episodes are played."""

    def __init__(
        self,
        run: Run,
        plugins: PluginManager,
        listener: Listener | None = None,
        *,
        resume: bool = False,
        models: Models | None = None,
    ) -> None:
        self.run = run
        self.plugins = plugins
        self.listener: Listener = listener or Silent()
        self.resume = resume
        self.models = models or Models()
        self.models.budget.on_reached = self._out_of_money
        self._pool = EnvironmentPool(plugins)
        self._players: dict[str, asyncio.Task[SeatedPlayer]] = {}
        self._critics: dict[str, Critic] = {}
        self._reward_models: dict[str, asyncio.Task[Watched]] = {}
        self._solutions: dict[str, asyncio.Task[list[str]]] = {}
        self._submitted: list[concurrent.futures.Future[EpisodeEnd]] = []
        self._closing: concurrent.futures.Future[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lookalike-engine", daemon=True)
        self._thread.start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def prepare(self, task: Task, variant: Variant) -> concurrent.futures.Future[None]:
        """Have ready what a variant's episodes share: the reward model and the player."""
        return asyncio.run_coroutine_threadsafe(self._prepare(task, variant), self._loop)

    def submit(self, episode: EpisodePlan) -> concurrent.futures.Future[EpisodeEnd]:
        """Play an episode as soon as there is a place. One that an earlier run finished is not played again."""
        future = asyncio.run_coroutine_threadsafe(self._episode(episode), self._loop)
        self._submitted.append(future)
        return future

    def cancel(self) -> None:
        """Stop whatever is under way, between two steps, and start nothing more."""
        for future in self._submitted:
            future.cancel()

    def close(self) -> None:
        """Cancel what is left, and free players and environments. Where an interrupt cut a call short, the next
        one waits for the same end."""
        if self._loop.is_closed():
            return
        if self._closing is None:
            self.cancel()
            self._closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        self._closing.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _out_of_money(self) -> None:
        budget = self.models.budget
        self.listener.note(f"the budget of ${budget.limit:g} is spent (${budget.spent:.4f}): the run stops here")
        self.cancel()

    async def _prepare(self, task: Task, variant: Variant) -> None:
        # In the order of what they cost: what is wrong is known before a model is loaded, or paid.
        await self._pool.warm(task.file.environment)
        await self._solution(task, variant)
        await self._reward_model(task, variant)
        await self._player(variant)

    async def _episode(self, episode: EpisodePlan) -> EpisodeEnd:
        task, variant, seed = episode.task, episode.variant, episode.seed
        finished = self.run.finished(*episode.key)
        if finished is not None and (finished.status == "scored" or not self.resume):
            return finished
        path = self.run.episode_path(*episode.key)
        try:
            seated = await self._player(variant)
            watched = await self._reward_model(task, variant)
        except EpisodeError as error:
            # What the episode stands on has failed: that is on record as an error of this episode too.
            writer = EpisodeWriter(path)
            writer.write(bare_header(task, variant, seed))
            end = EpisodeEnd(status="errored", error=describe_error(error))
            writer.finish(end)
            self.listener.episode_ended(episode, end)
            return end
        async with seated.places, self._pool.lend(task.file.environment, copies(variant)) as environments:
            self.listener.episode_started(episode)
            interrupted = read_episode(partial_path(path)) if self.resume and partial_path(path).exists() else None
            writer = EpisodeWriter(path, keep=1 + len(interrupted.steps) if interrupted else 0)
            try:
                critic = self._critic(task, variant)
                cast = Cast(
                    environments=environments,
                    player=seated.player,
                    make_judge=(lambda: critic.judge(watched.reward_model)) if critic and watched else None,
                    aggregator=(
                        self.plugins.create("aggregator", variant.aggregator.plugin, variant.aggregator.arguments)
                        if variant.aggregator
                        else None
                    ),
                    solution=await self._solution(task, variant),
                    reward_model=watched.key if watched else None,
                    cost=lambda playing, judging: self.models.cost(seated.player, playing, critic, judging),
                )
                end = await play_episode(
                    task,
                    variant,
                    seed,
                    cast,
                    writer,
                    interrupted=interrupted,
                    on_step=lambda step: self.listener.stepped(episode, step),
                )
            except BaseException:
                writer.abandon()
                raise
        self.listener.episode_ended(episode, end)
        return end

    def _critic(self, task: Task, variant: Variant) -> Critic | None:
        """The critic that makes a variant's judges; variants with the same critic share it."""
        if variant.critic is None:
            return None
        key = json.dumps([task.name, variant.critic.model_dump(mode="json")])
        if key not in self._critics:
            self._critics[key] = make_critic(self.plugins, variant.critic, task)
            self.models.reach(self._critics[key])
        return self._critics[key]

    async def _player(self, variant: Variant) -> SeatedPlayer:
        """The player of a variant; variants with the same player share it."""
        spec = variant.player
        key = json.dumps(spec.arguments, sort_keys=True, default=str) + spec.plugin if spec else ""
        if key not in self._players:
            self._players[key] = asyncio.ensure_future(self._start_player(spec))
        return await asyncio.shield(self._players[key])

    async def _start_player(self, spec: PlayerSpec | None) -> SeatedPlayer:
        if spec is None:
            return SeatedPlayer(Nobody(), asyncio.Semaphore(Nobody.concurrency))
        player = self.plugins.create("player", spec.plugin, spec.arguments)
        assert isinstance(player, Player)
        self.listener.note(f"starting the player {spec}")
        self.models.reach(player)
        await player.start()
        return SeatedPlayer(self.models.around(player), asyncio.Semaphore(player.concurrency))

    async def _reward_model(self, task: Task, variant: Variant) -> Watched | None:
        """What the variant's critic learned; variants that watch the same share it."""
        spec = variant.critic
        if spec is None:
            return None
        key = json.dumps([task.name, spec.model_dump(mode="json"), [v.model_dump() for v in variant.videos]])
        if key not in self._reward_models:
            self._reward_models[key] = asyncio.ensure_future(self._watch(task, variant))
        return await asyncio.shield(self._reward_models[key])

    async def _watch(self, task: Task, variant: Variant) -> Watched:
        assert variant.critic is not None
        self.listener.note(f"the critic {variant.critic} watches the videos of {task.name}")
        videos = await asyncio.to_thread(open_videos, task, variant.videos, self.plugins)
        for warning in failed_play(task, videos):
            self.listener.note(warning)
        watched = await watch(self.plugins, task, variant.critic, videos, models=self.models)
        watched.reward_model.save(self.run.reward_model_path(watched.key))
        return watched

    async def _solution(self, task: Task, variant: Variant) -> list[str]:
        """The environment's own solution, for `replay` and for nobody else."""
        if variant.method != "replay":
            return []
        if task.name not in self._solutions:
            self._solutions[task.name] = asyncio.ensure_future(self._read_solution(task))
        return await asyncio.shield(self._solutions[task.name])

    async def _read_solution(self, task: Task) -> list[str]:
        environment = await asyncio.to_thread(open_environment, self.plugins, task.file.environment)
        try:
            walkthrough = await asyncio.to_thread(environment.walkthrough)
        finally:
            environment.close()
        if walkthrough is None:
            raise UsageError(f"{task.path}: variant 'replay': the environment carries no walkthrough to replay")
        return walkthrough.actions

    async def _close(self) -> None:
        this = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not this]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for starting in self._players.values():
            if not starting.cancelled() and starting.exception() is None:
                await starting.result().player.close()
        for critic in self._critics.values():
            await critic.close()
        self._pool.close()
        self.models.close()
