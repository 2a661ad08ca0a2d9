"""Plugins as they are named on the command line: `local:model=smollm2-135m,decode=generate`."""

from __future__ import annotations

import yaml

from lookalike_bench.errors import UsageError
from lookalike_bench.tasks.schema import PluginSpec


def parse_plugin_spec(text: str) -> PluginSpec:
    """A name, then arguments after a colon, separated by commas. Values are read as YAML scalars."""
    name, _, listed = text.partition(":")
    if not name:
        raise UsageError(f"{text!r}: expected NAME or NAME:ARGUMENT=VALUE,...")
    arguments: dict[str, object] = {}
    for part in filter(None, listed.split(",")):
        argument, equals, value = part.partition("=")
        if not equals or not argument.isidentifier() or argument == "plugin":
            raise UsageError(f"{text!r}: {part!r} is not ARGUMENT=VALUE")
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            read = value
        arguments[argument] = read if isinstance(read, (str, int, float, bool, type(None))) else value
    return PluginSpec.model_validate({"plugin": name, **arguments})
