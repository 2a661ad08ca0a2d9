from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookalike_bench.errors import TaskError
from lookalike_bench.tasks.yaml_file import merged, parse_yaml, read_yaml

HERE = Path("task.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "task.yaml:3: a: duplicate key, first in line 1"),
        ("a:\n  b: 1\n  b: 2\n", "task.yaml:3: a.b: duplicate key, first in line 2"),
        ("a: !!python/object/apply:os.system [ls]\n", "task.yaml:1: a: tags are not allowed"),
        ("a: !secret x\n", "task.yaml:1: a: tags are not allowed"),
        ("a: {b: 1}\nc:\n  <<: {d: 1}\n", "task.yaml:3: merge keys (<<) are not allowed"),
        ("a: [1, 2\n", "task.yaml:2: not valid YAML"),
        ("? [1, 2]\n: 3\n", "task.yaml:1: a key must be plain text"),
        ("", "task.yaml:1: the file is empty"),
        ("a: \x01\n", "task.yaml: not valid YAML"),
    ],
)
def test_says_what_is_wrong_and_where(text: str, expected: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_yaml(text, HERE)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("text", ["{0}: 1\n{0}: 2\n", "a: !{0} 1\n", "a: *{0}\n", "{0}: !x 1\n", "? [{0}]\n: 3\n"])
def test_a_name_of_any_length_is_one_short_line(text: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_yaml(text.format("x" * 900), HERE)
    assert len(str(caught.value)) < 250


def test_a_bomb_is_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 8)
    )
    with pytest.raises(TaskError, match="more than 100000 values"):
        parse_yaml(bomb, HERE)


def test_deep_nesting_is_refused_in_one_line() -> None:
    with pytest.raises(TaskError) as caught:
        parse_yaml("[" * 5000 + "]" * 5000, HERE)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "zork.yaml").write_text("a: 1")
    with pytest.raises(TaskError, match=r"zrok\.yaml: no such file; did you mean .*zork\.yaml\?"):
        read_yaml(tmp_path / "zrok.yaml")


def test_merging_replaces_whole_keys_and_knows_the_lines_of_both_files() -> None:
    base = parse_yaml("a: {x: 1, y: 2}\nb: [1]\n", Path("base.yaml"))
    over = parse_yaml("\na: {y: 3}\n", HERE)
    both = merged(base, over)
    assert both.data == {"a": {"y": 3}, "b": [1]}
    assert both.where(("b", 0)) == "base.yaml:2"
    assert both.where(("a", "y")) == "task.yaml:2"
    assert both.where(("a", "x")) == "task.yaml:2"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc :#-'\"", max_size=8)
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
)


@given(st.dictionaries(st.text("abcdef", min_size=1), DATA, min_size=1, max_size=4))
def test_reads_back_what_a_yaml_writer_wrote(data: dict[str, object]) -> None:
    import yaml

    assert parse_yaml(yaml.safe_dump(data), HERE).data == data


@given(st.text(max_size=200))
def test_any_text_is_data_or_one_line_of_complaint(text: str) -> None:
    try:
        parse_yaml(text, HERE)
    except TaskError as error:
        assert str(error).startswith("task.yaml")
        assert "\n" not in str(error)
