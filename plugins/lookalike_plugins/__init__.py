"""The built-in plugins. They register as a stranger's package would: through an entry point and these hooks."""

from lookalike_bench.plugins import hookimpl


@hookimpl
def lookalike_environments() -> dict[str, str]:
    return {
        "zork": "lookalike_plugins.environments.zork:Zork",
        "adventure": "lookalike_plugins.environments.adventure:ColossalCave",
        "procgen": "lookalike_plugins.environments.procgen:Procgen",
    }


@hookimpl
def lookalike_players() -> dict[str, str]:
    return {
        "local": "lookalike_plugins.players.local:Local",
        "openai": "lookalike_plugins.players.openai:OpenAI",
        "gemini": "lookalike_plugins.players.gemini:Gemini",
        "transformers": "lookalike_plugins.players.transformers:Transformers",
        "random": "lookalike_plugins.players.random:RandomPlayer",
        "constant": "lookalike_plugins.players.constant:ConstantPlayer",
    }


@hookimpl
def lookalike_critics() -> dict[str, str]:
    return {
        "transcript": "lookalike_plugins.critics.transcript:Transcript",
        "frames": "lookalike_plugins.critics.frames:Frames",
        "outline": "lookalike_plugins.critics.outline:Outline",
        "random": "lookalike_plugins.critics.random:RandomCritic",
        "constant": "lookalike_plugins.critics.controls:ConstantCritic",
        "clock": "lookalike_plugins.critics.controls:ClockCritic",
        "openai": "lookalike_plugins.critics.openai:OpenAI",
        "gemini": "lookalike_plugins.critics.gemini:Gemini",
        "transformers": "lookalike_plugins.critics.transformers:Transformers",
    }


@hookimpl
def lookalike_aggregators() -> dict[str, str]:
    return {
        "best-reward": "lookalike_plugins.aggregators.best_reward:BestReward",
        "majority": "lookalike_plugins.aggregators.majority:Majority",
        "reward-weighted": "lookalike_plugins.aggregators.reward_weighted:RewardWeighted",
    }
