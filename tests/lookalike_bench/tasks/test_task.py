from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookalike_bench.errors import TaskError, UsageError
from lookalike_bench.tasks.schema import Expectation, PluginSpec, json_schema, parse_seeds
from lookalike_bench.tasks.spec import parse_plugin_spec
from lookalike_bench.tasks.suite import Suite, load
from lookalike_bench.tasks.task import load_stand_in, load_task
from lookalike_bench.tasks.variants import BUILT_IN_VARIANTS

from tests.conftest import write_task

TASKS = Path(__file__).parents[3] / "tasks"


@pytest.mark.parametrize("path", sorted(TASKS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_task_and_suite_of_the_project_loads(path: Path) -> None:
    task = load(path)
    assert task.name == path.stem
    if isinstance(task, Suite):
        return
    assert task.variants
    if task.file.stand_in:
        stand_in = load_stand_in(task)
        assert stand_in is not None and stand_in.stand_in_for == task.name


def test_the_committed_json_schema_is_the_one_of_the_models() -> None:
    assert json.loads((TASKS / "task.schema.json").read_text()) == json_schema()


@pytest.mark.parametrize(
    ("changes", "without", "expected"),
    [
        ("goal: {scor: 1}", ("goal",), "goal.scor: unknown key; did you mean 'score'?"),
        ("goal: {}", ("goal",), "goal: a goal names at least one of"),
        ("videos: [{file: {a: b}}]", ("videos",), "videos.0.file: expected the path of a file"),
        ("max_stepz: 3", (), "max_stepz: unknown key; did you mean 'max_steps'?"),
        ("seeds: 4-1", ("seeds",), "seeds: the range 4-1 runs backwards"),
        ("seeds: [1, 1]", ("seeds",), "seeds: a seed is named twice"),
        ("", ("goal",), "goal: this key is required"),
        ("variants: {swrm: {}}", ("variants",), "variants: variant 'swrm' is not built in; did you mean 'swarm'?"),
        ("variants: {swarm: {members: 2, temperatures: [1]}}", ("variants",), "variants.swarm: 2 members but 1 temp"),
        ("variants: {single: {members: 2, temperatures: [0.1, 0.2]}}", ("variants",), "variants: variant 'single'"),
        ("videos: [{file: ../secret.mp4}]", ("videos",), "videos.0.file: a path in a task file is relative"),
        ("videos: [{file: /etc/passwd}]", ("videos",), "videos.0.file: a path in a task file is relative"),
        ("videos: [{file: a.mp4, walkthrough: b}]", ("videos",), "videos.0: a video names exactly one of"),
        ("videos: []", ("videos",), "variants: variant 'single' has a critic, but the task names no videos"),
        ("extends: nothing.yaml", (), "extends: "),
        ("extends: corridor.yaml", (), "extends: corridor.yaml extends this file in turn"),
        ("expect: {swarm.succes: '> 1'}", (), "expect: 'swarm.succes' is not VARIANT.METRIC"),
        ("expect: {swarm.success: about 1}", (), "expect: 'about 1' is not a comparison"),
        (
            "expect: {singel.steps: '< 9'}",
            (),
            "expect.singel.steps: no variant is called 'singel'; did you mean 'single'",
        ),
        ("expect: {random-player.success: '< 1'}", (), "expect.random-player.success: no variant is called"),
        (
            "player: {plugin: random, decode: chose}",
            ("player",),
            "player.decode: input should be 'choose', 'generate' or",
        ),
        (f"extends: {'long' * 100}", (), "extends: "),
        ('extends: "a\\0b"', (), "extends: "),
        ("temperature: hot", (), "temperature: input should be a valid number"),
    ],
)
def test_a_wrong_task_says_what_and_where(
    tmp_path: Path, changes: str, without: tuple[str, ...], expected: str
) -> None:
    path = write_task(tmp_path, changes, without=without)
    with pytest.raises(TaskError) as caught:
        load_task(path)
    where, _, message = str(caught.value).partition(": ")
    assert where.startswith(f"{path}:") and where.rsplit(":", 1)[1].isdigit()
    assert message.startswith(expected)
    assert "\n" not in message


def test_extends_lays_a_task_on_its_base(tmp_path: Path) -> None:
    write_task(tmp_path, name="base.yaml")
    (tmp_path / "longer.yaml").write_text("extends: base.yaml\nname: longer\nmax_steps: 9\n")
    task = load_task(tmp_path / "longer.yaml")
    assert (task.name, task.file.max_steps, task.file.environment.plugin) == ("longer", 9, "corridor")


def test_the_hash_changes_with_what_is_asked_and_not_with_who_answers(tmp_path: Path) -> None:
    task = load_task(write_task(tmp_path))
    other_player = task.with_options(player=PluginSpec(plugin="random"), seeds=[7], variants=["baseline"])
    assert other_player.hash == task.hash
    assert load_task(write_task(tmp_path, "max_steps: 7", without=("max_steps",))).hash != task.hash


def test_controls_keep_their_own_player_when_another_is_asked_for(tmp_path: Path) -> None:
    task = load_task(write_task(tmp_path)).with_options(
        variants=["single", "random-player", "replay"], player=parse_plugin_spec("local:model=smollm2-135m")
    )
    players = {variant.name: variant.player and variant.player.plugin for variant in task.variants}
    assert players == {"single": "local", "random-player": "random", "replay": None}


def test_an_unknown_variant_on_the_command_line_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'baseline'"):
        load_task(write_task(tmp_path)).with_options(variants=["basline"])


def test_a_wrong_value_on_the_command_line_names_the_nearest(tmp_path: Path) -> None:
    player = parse_plugin_spec("random:decode=chose")
    with pytest.raises(UsageError, match=r"^--player random:decode=chose: decode: .*did you mean 'choose'\?$"):
        load_task(write_task(tmp_path)).with_options(player=player)


@pytest.mark.parametrize("key", ["max_steps", "seeds", "extends", "goal", "name", "reveal"])
def test_a_value_of_any_length_is_one_short_line(tmp_path: Path, key: str) -> None:
    path = write_task(tmp_path, f"{key}: {'long ' * 20_000}", without=(key,))
    with pytest.raises(TaskError) as caught:
        load_task(path)
    assert f": {key}: " in str(caught.value) and len(str(caught.value)) < len(str(path)) + 450


def test_a_swarm_spreads_its_temperatures_and_a_retry_does_not(tmp_path: Path) -> None:
    task = load_task(write_task(tmp_path)).with_options(variants=list(BUILT_IN_VARIANTS))
    assert task.variant("swarm").temperatures == (0.2, 0.8, 1.4)
    assert task.variant("retry").temperatures == (0.7,) * 5
    assert task.variant("same-temperature").temperatures == (0.7,) * 5
    assert task.variant("no-memory").memory == 0
    assert task.variant("score-only").reveal == "score"
    assert task.variant("independent").critic is None


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20, unique=True))
def test_seeds_come_back_as_they_were_listed(seeds: list[int]) -> None:
    assert parse_seeds(",".join(map(str, seeds))) == seeds == parse_seeds(seeds)


def test_an_expectation_reads_as_it_is_written() -> None:
    expectation = Expectation.parse("random-player.success", "< 0.5")
    assert expectation.met_by(0.4) and not expectation.met_by(0.5)
    assert str(expectation) == "random-player.success < 0.5"


@pytest.mark.parametrize(
    ("text", "plugin", "arguments"),
    [
        ("random", "random", {}),
        ("local:model=a.gguf,threads=2", "local", {"model": "a.gguf", "threads": 2}),
        ("openai:base_url=http://127.0.0.1:8000/v1,model=x", "openai",
         {"base_url": "http://127.0.0.1:8000/v1", "model": "x"}),
    ],
)  # fmt: skip
def test_plugins_are_named_on_the_command_line(text: str, plugin: str, arguments: dict[str, object]) -> None:
    spec = parse_plugin_spec(text)
    assert (spec.plugin, spec.arguments) == (plugin, arguments)


@pytest.mark.parametrize("text", ["", ":model=x", "local:model", "local:=x", "local:plugin=3"])
def test_a_malformed_plugin_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_plugin_spec(text)
