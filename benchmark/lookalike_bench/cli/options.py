"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike_bench.plugins.manager import PluginManager


def add_plugin_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("plugins")
    group.add_argument("--plugin", metavar="FILE", action="append", default=[], help="load a plugin from a file")
    group.add_argument("--no-plugins", action="store_true", help="load no plugins of installed packages")
    group.add_argument("--allow-plugin", metavar="NAME", action="append", help="load only this installed plugin")


def plugins_of(arguments: argparse.Namespace) -> PluginManager:
    from lookalike_bench.plugins.manager import load_plugins

    return load_plugins(
        arguments.plugin, entry_points=not arguments.no_plugins, allow=tuple(arguments.allow_plugin or ()) or None
    )
