"""YAML read as data only, with line numbers, so that an error can say where it is.

    document = read_yaml(Path("tasks/zork.yaml"))
    task = document.validate(TaskFile)      # raises TaskError: tasks/zork.yaml:7: goal.scor: ...

Duplicate keys, tags, merge keys and documents that expand to more than 100,000 nodes are rejected.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lookalike_bench.errors import LookalikeError, TaskError
from lookalike_bench.text import did_you_mean, shortened

MODEL = TypeVar("MODEL", bound=BaseModel)
Location = tuple[str | int, ...]

SCALAR_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
TEXT_TAGS = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
MAXIMUM_NODES = 100_000
TOLD = 400
"""Characters of all that is said of a place, into which a name of any length may have come."""


@dataclass
class Document:
    """The data of a YAML file, and for each place in it the file and line that it came from."""

    path: Path
    data: Any
    lines: dict[Location, tuple[Path, int]] = field(default_factory=dict)
    error: type[LookalikeError] = TaskError

    def where(self, location: Location) -> str:
        """`file:line` of the nearest place that is in the file."""
        while location and location not in self.lines:
            location = location[:-1]
        path, line = self.lines.get(location, (self.path, 1))
        return f"{path}:{line}"

    def fail(self, location: Location, message: str) -> LookalikeError:
        """An error at a place, to be raised."""
        shown = shortened(".".join(str(part) for part in location))
        return self.error(f"{self.where(location)}: {shown}{': ' if shown else ''}{shortened(message, TOLD)}")

    def validate(self, model: type[MODEL], context: Any = None) -> MODEL:
        """The data as a pydantic model. Raises this document's error type for the first thing that is wrong."""
        try:
            return model.model_validate(self.data, context=context)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            # An unknown key is most often the cause of a missing one: report it first.
            problem = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
            location = self._real(problem["loc"])
            raise self.fail(location, self._explain(problem, model, location)) from None

    def _real(self, location: Location) -> Location:
        """The location without the names of union members that pydantic puts in."""
        real: list[str | int] = []
        data = self.data
        for index, part in enumerate(location):
            inside = (isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int))
            if inside:
                data = data[part]
                real.append(part)
            elif index == len(location) - 1 and isinstance(data, dict):
                real.append(part)
        return tuple(real)

    def _explain(self, problem: Any, model: type[BaseModel], location: Location) -> str:
        if problem["type"] == "extra_forbidden":
            names = _field_names(model, location[:-1])
            hint = did_you_mean(str(location[-1]), names)
            return f"unknown key{hint} (expected one of: {', '.join(names)})"
        if problem["type"] == "missing":
            return "this key is required"
        return wrong_value(problem)


def wrong_value(problem: Any) -> str:
    """What pydantic says of a value, in the words of this project, with the nearest right one."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    given = problem["input"]
    if isinstance(given, (str, int, float, bool)):
        message += f", got {shortened(repr(given))}"
    if problem["type"] == "literal_error":
        message += did_you_mean(str(given), re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
    return message


def read_yaml(path: Path, error: type[LookalikeError] = TaskError) -> Document:
    """Read a YAML file as data. Raises `error` with file:line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.y*ml")], 1)
        raise error(f"{path}: no such file{f'; did you mean {path.parent / near[0]}?' if near else ''}") from None
    except (OSError, ValueError) as problem:
        reason = "not UTF-8 text" if isinstance(problem, UnicodeDecodeError) else getattr(problem, "strerror", problem)
        raise error(f"{shortened(str(path), TOLD)}: cannot be read: {reason}") from None
    return parse_yaml(text, path, error)


def parse_yaml(text: str, path: Path, error: type[LookalikeError] = TaskError) -> Document:
    """Read YAML text as data; `path` is what errors name."""
    document = Document(path, None, error=error)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise error(f"{path}:{line}: not valid YAML: {shortened(str(problem.problem))}") from None
    except (yaml.YAMLError, RecursionError) as problem:
        raise error(f"{path}: not valid YAML: {shortened(str(problem).splitlines()[0])}") from None
    if node is None:
        raise error(f"{path}:1: the file is empty")
    try:
        document.data = _Construction(document).construct(node, ())
    except RecursionError:
        raise error(f"{path}: nested too deeply") from None
    return document


class _Construction:
    """Turns YAML nodes into plain data, noting lines and refusing whatever is not data."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0
        self.scalars = yaml.SafeLoader("")

    def construct(self, node: yaml.Node, location: Location) -> Any:
        self.nodes += 1
        # A key's line is noted before its value's: an error about the key points at the key.
        self.document.lines.setdefault(location, (self.document.path, node.start_mark.line + 1))
        if self.nodes > MAXIMUM_NODES:
            raise self.document.fail(location, f"the file expands to more than {MAXIMUM_NODES} values")
        if isinstance(node, yaml.MappingNode):
            self._expect_tag(node, "map", location)
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            self._expect_tag(node, "seq", location)
            return [self.construct(child, (*location, index)) for index, child in enumerate(node.value)]
        if node.tag in TEXT_TAGS:
            return node.value
        if node.tag not in SCALAR_TAGS:
            raise self.document.fail(location, f"tags are not allowed in this file, got {shortened(node.tag)}")
        try:
            return self.scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            raise self.document.fail(location, f"not a valid value: {shortened(repr(node.value))}") from None

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            here = key_node.start_mark.line + 1
            if key is None:
                raise self.document.error(f"{self.document.path}:{here}: a key must be plain text")
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self.document.error(f"{self.document.path}:{here}: merge keys (<<) are not allowed; use extends:")
            inside = (*location, key)
            if key in mapping:
                first = self.document.lines[inside][1]
                shown = shortened(".".join(map(str, inside)))
                raise self.document.error(f"{self.document.path}:{here}: {shown}: duplicate key, first in line {first}")
            self.document.lines[inside] = (self.document.path, here)
            mapping[key] = self.construct(value_node, inside)
        return mapping

    def _expect_tag(self, node: yaml.Node, name: str, location: Location) -> None:
        if node.tag != f"tag:yaml.org,2002:{name}":
            raise self.document.fail(location, f"tags are not allowed in this file, got {shortened(node.tag)}")


def merged(base: Document, over: Document) -> Document:
    """`over` laid on `base`: each of its top-level keys replaces the base's."""
    kept = {key: value for key, value in base.data.items() if key not in over.data}
    lines = {place: line for place, line in base.lines.items() if not place or place[0] in kept}
    return Document(over.path, {**kept, **over.data}, {**lines, **over.lines}, over.error)


def _field_names(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that are allowed at a place, found by walking the model's annotations."""
    current: list[Any] = [model]
    for part in location:
        following: list[Any] = []
        for annotation in current:
            following += _step_into(annotation, part)
        current = following
    names: list[str] = []
    for annotation in _flattened(current):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names += [info.alias or name for name, info in annotation.model_fields.items()]
    return list(dict.fromkeys(names))


def _step_into(annotation: Any, part: str | int) -> list[Any]:
    found: list[Any] = []
    for member in _flattened([annotation]):
        if isinstance(member, type) and issubclass(member, BaseModel):
            if part in member.model_fields:
                found.append(member.model_fields[str(part)].annotation)
        elif typing.get_args(member):
            found.append(typing.get_args(member)[-1])
    return found


def _flattened(annotations: list[Any]) -> list[Any]:
    """Annotations with unions and Annotated taken apart."""
    flat: list[Any] = []
    for annotation in annotations:
        origin = typing.get_origin(annotation)
        if origin in (typing.Union, types.UnionType):
            flat += _flattened(list(typing.get_args(annotation)))
        elif origin is typing.Annotated:
            flat += _flattened([typing.get_args(annotation)[0]])
        else:
            flat.append(annotation)
    return flat
