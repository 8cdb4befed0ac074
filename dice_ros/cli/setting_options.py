"""The settings as options of a subcommand."""

from __future__ import annotations

import argparse

from dice_ros.settings import Scope, Settings, SettingSpec, schema


def add_settings(
    parser: argparse.ArgumentParser, prefix: str = "", title: str = "settings"
) -> None:
    """Declare an option for every setting that is not the node's alone.

    Args:
        parser: of the subcommand.
        prefix: of the names of the settings that it uses.
        title: of the group of options in its help.
    """
    group = parser.add_argument_group(title)
    for spec in _core_settings(prefix):
        _add_setting(group, spec)


def settings_of(options: argparse.Namespace, prefix: str = "") -> Settings:
    """The settings that were chosen, for recordings (see :meth:`Settings.for_recordings`).

    Args:
        options: what the parser made.
        prefix: as in :func:`add_settings`.

    Raises:
        SettingsError: a value is out of range.
    """
    chosen = {spec.name: getattr(options, spec.name) for spec in _core_settings(prefix)}
    return Settings.from_mapping(chosen).for_recordings()


def _add_setting(group: argparse._ArgumentGroup, spec: SettingSpec) -> None:
    unit = f" [{spec.unit}]" if spec.unit else ""
    option = "--" + spec.name.replace("_", "-")
    text = (spec.description + unit).replace("%", "%%")
    if spec.kind is bool:
        group.add_argument(
            option, action=argparse.BooleanOptionalAction, default=spec.default, help=text
        )
    else:
        group.add_argument(option, type=spec.kind, default=spec.default, metavar="X", help=text)


def _core_settings(prefix: str) -> list[SettingSpec]:
    return [
        spec
        for name, spec in schema().items()
        if spec.scope is Scope.CORE and name.startswith(prefix)
    ]
