"""Finds plugins, and makes environments, players, critics and aggregators by name.

    manager = load_plugins(files=["my_critic.py"])
    critic = manager.create("critic", "my-critic", {"detail": "high"})

Built-in plugins come through the same entry points and hooks as a stranger's. A plugin that does not load, or
that claims a name which another one has, is listed in `problems` and passed over; using a name that such a
plugin claimed is an error that tells why.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from lookalike_bench.errors import PluginError
from lookalike_bench.plugins import hookspecs
from lookalike_bench.text import did_you_mean, shortened

ENTRY_POINT_GROUP = "lookalike_bench"
BUILT_IN = "builtin"

Kind = Literal["environment", "player", "critic", "aggregator"]
HOOK_OF_KIND: dict[Kind, str] = {
    "environment": "lookalike_environments",
    "player": "lookalike_players",
    "critic": "lookalike_critics",
    "aggregator": "lookalike_aggregators",
}


@dataclass(frozen=True, slots=True)
class Registered:
    """A name that a plugin brought: what stands behind it, and where it came from."""

    kind: Kind
    name: str
    target: type | str
    plugin: str
    version: str
    file: Path | None = None

    def load(self) -> type:
        """The class; imported now if it was given as "module:Class"."""
        if isinstance(self.target, type):
            return self.target
        module_name, _, class_name = self.target.partition(":")
        try:
            found = getattr(importlib.import_module(module_name), class_name)
        except ImportError as error:
            raise PluginError(
                f"{self.kind} {self.name!r} of plugin {self.plugin!r} needs a package that is missing: {error}"
            ) from error
        except AttributeError as error:
            raise PluginError(f"{self.kind} {self.name!r} of plugin {self.plugin!r}: no {self.target}") from error
        if not isinstance(found, type):
            raise PluginError(f"{self.kind} {self.name!r} of plugin {self.plugin!r}: {self.target} is not a class")
        return found


@dataclass(frozen=True, slots=True)
class Problem:
    """A plugin, or a name of it, that was passed over, and why."""

    plugin: str
    reason: str
    names: tuple[tuple[Kind, str], ...] = ()


class PluginManager:
    """What is plugged in, by kind and name."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._registered: dict[Kind, dict[str, Registered]] = {kind: {} for kind in HOOK_OF_KIND}

    def names(self, kind: Kind) -> list[str]:
        return sorted(self._registered[kind])

    def versions(self) -> dict[str, str]:
        """Every plugin that brought something, with its version."""
        return {
            registered.plugin: registered.version
            for named in self._registered.values()
            for registered in named.values()
        }

    def find(self, kind: Kind, name: str) -> Registered:
        """What is registered under a name. Raises PluginError with the nearest right name."""
        if name in self._registered[kind]:
            return self._registered[kind][name]
        for problem in self.problems:
            if (kind, name) in problem.names:
                raise PluginError(
                    f"{kind} {name!r} comes from plugin {problem.plugin!r}, which failed: {problem.reason}"
                )
        hint = did_you_mean(name, self.names(kind))
        known = ", ".join(self.names(kind)) or "none"
        broken = ", ".join(problem.plugin for problem in self.problems)
        failed = f"; plugins that failed to load: {broken}" if broken else ""
        raise PluginError(f"no {kind} is called {name!r}{hint} (known: {known}{failed})")

    def create(self, kind: Kind, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """An instance, made with the arguments of a task file. Raises PluginError for an unknown argument."""
        registered = self.find(kind, name)
        made = registered.load()
        check_arguments(registered, made, arguments or {})
        return made(**(arguments or {}))

    def add(self, plugin: object, name: str, version: str, file: Path | None = None) -> None:
        """Register one plugin: a module or an object with hook implementations."""
        pluggy_manager = pluggy.PluginManager("lookalike_bench")
        pluggy_manager.add_hookspecs(hookspecs)
        try:
            pluggy_manager.register(plugin, name)
            pluggy_manager.check_pending()
            brought = {kind: self._merged(getattr(pluggy_manager.hook, hook)()) for kind, hook in HOOK_OF_KIND.items()}
        except Exception as error:
            self.problems.append(Problem(name, f"{type(error).__name__}: {error}".splitlines()[0]))
            return
        if not any(brought.values()):
            self.problems.append(
                Problem(name, f"it implements no hook (expected one of {', '.join(HOOK_OF_KIND.values())})")
            )
        for kind, targets in brought.items():
            for target_name, target in targets.items():
                self._register(Registered(kind, target_name, target, name, version, file))

    @staticmethod
    def _merged(results: Iterable[Mapping[str, type | str]]) -> dict[str, type | str]:
        return {name: target for result in results for name, target in result.items()}

    def _register(self, new: Registered) -> None:
        old = self._registered[new.kind].get(new.name)
        if old is not None:
            self.problems.append(
                Problem(new.plugin, f"its {new.kind} {new.name!r} is already brought by plugin {old.plugin!r}")
            )
            return
        self._registered[new.kind][new.name] = new


def check_arguments(registered: Registered, made: type, arguments: Mapping[str, Any]) -> None:
    """Raise PluginError for an argument that the class does not take, one whose value is not of the type that is
    annotated, or a required one that is missing."""
    parameters = inspect.signature(made).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    what = f"{registered.kind} {registered.name!r}"
    for argument in arguments:
        if argument not in parameters:
            hint = did_you_mean(argument, parameters)
            takes = ", ".join(parameters) or "no arguments"
            raise PluginError(f"{what} has no argument {argument!r}{hint} (it takes: {takes})")
    for parameter in parameters.values():
        if parameter.default is inspect.Parameter.empty and parameter.name not in arguments:
            raise PluginError(f"{what} needs the argument {parameter.name!r}")
    try:
        annotations = typing.get_type_hints(made.__init__, include_extras=True)  # type: ignore[misc]
    except Exception:
        return  # A stranger's annotation that means nothing at run time forbids nothing.
    for argument, value in arguments.items():
        if argument in annotations and (wrong := _wrong(value, annotations[argument])):
            raise PluginError(f"{what}: {argument}: {wrong}")


def _wrong(value: object, annotation: Any) -> str:
    """What an annotation has against a value, and the nearest right one; empty if nothing."""
    try:
        TypeAdapter(annotation, config=ConfigDict(strict=True, allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        expected = " or ".join(dict.fromkeys(f["msg"].replace("Input should be ", "").strip() for f in faults))
        named = [name for f in faults for name in re.findall(r"'([^']*)'", f.get("ctx", {}).get("expected", ""))]
        return f"expected {expected}, not {shortened(repr(value))}{did_you_mean(str(value), named)}"
    except PydanticSchemaGenerationError:
        pass  # A class of the plugin's own, which no file can hold.
    return ""


def load_plugins(
    files: Sequence[Path | str] = (), *, entry_points: bool = True, allow: Sequence[str] | None = None
) -> PluginManager:
    """Load the built-in plugins, those of installed packages, and single files.

    `entry_points=False` (the command line's `--no-plugins`) leaves out installed packages other than the
    built-in one; `allow` admits only the packages that it names. Files given by name are always loaded.
    """
    manager = PluginManager()
    for entry_point in _entry_points(manager, entry_points, allow):
        version = entry_point.dist.version if entry_point.dist else "unknown"
        try:
            plugin = entry_point.load()
        except Exception as error:
            manager.problems.append(Problem(entry_point.name, f"{type(error).__name__}: {error}".splitlines()[0]))
            continue
        manager.add(plugin, entry_point.name, version)
    for file in files:
        path = Path(file)
        if not path.is_file():
            raise PluginError(f"--plugin {path}: no such file")
        manager.add(import_file(path), path.stem, "file", path.resolve())
    return manager


def _entry_points(
    manager: PluginManager, everything: bool, allow: Sequence[str] | None
) -> list[importlib.metadata.EntryPoint]:
    found = list(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))
    names = {entry_point.name for entry_point in found}
    for name in allow or ():
        if name not in names:
            hint = did_you_mean(name, names)
            raise PluginError(f"--allow-plugin {name}: no installed plugin has this name{hint}")
    admitted = [
        entry_point
        for entry_point in found
        if entry_point.name == BUILT_IN or (everything and (allow is None or entry_point.name in allow))
    ]
    # The built-in plugin first, so that a stranger who takes one of its names is the one passed over.
    return sorted(admitted, key=lambda entry_point: (entry_point.name != BUILT_IN, entry_point.name))


def import_file(path: Path) -> ModuleType:
    """Import a single-file plugin. Raises PluginError with the line that failed."""
    name = f"lookalike_file_plugin_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise PluginError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        line = _line_in(path, error)
        raise PluginError(f"{path}{f':{line}' if line else ''}: {type(error).__name__}: {error}") from error
    return module


def _line_in(path: Path, error: BaseException) -> int | None:
    """The last line of `path` on the error's way, for the message."""
    if isinstance(error, SyntaxError):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
