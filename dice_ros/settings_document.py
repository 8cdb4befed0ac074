"""The settings as files for people: ``config/dice.yaml`` and the table in the README.

``python -m dice_ros.settings_document yaml`` or ``... markdown`` prints them.
"""

from __future__ import annotations

import sys

from dice_ros.settings import Effect, Scope, SettingSpec, SettingValue, schema

_HEAD = """\
# Parameters of dice_node: every one with its default. Made from dice_ros/settings.py by
#   python -m dice_ros.settings_document yaml > config/dice.yaml
/**:
  ros__parameters:
"""


def settings_yaml() -> str:
    """The text of ``config/dice.yaml``."""
    blocks = []
    for spec in schema().values():
        remarks = [spec.range_text(), spec.unit, _effect(spec)]
        notes = ", ".join(remark for remark in remarks if remark)
        lines = [f"    # {spec.description}"] + ([f"    # ({notes})"] if notes else [])
        blocks.append("\n".join([*lines, f"    {spec.name}: {_yaml(spec.default)}"]) + "\n")
    return _HEAD + "".join(blocks)


def settings_markdown() -> str:
    """A table of all settings."""
    rows = ["| name | default | range | unit | meaning |", "|---|---|---|---|---|"]
    for spec in schema().values():
        scope = " Node only." if spec.scope is Scope.NODE else ""
        effect = _effect(spec)
        fixed = f" {effect[0].upper()}{effect[1:]}." if effect else ""
        allowed = spec.range_text().replace("|", "\\|")
        rows.append(
            f"| `{spec.name}` | `{_yaml(spec.default)}` | {allowed} | {spec.unit} | "
            f"{spec.description}{scope}{fixed} |"
        )
    return "\n".join(rows) + "\n"


def _effect(spec: SettingSpec) -> str:
    words = {Effect.RESTART: "at start-up only", Effect.REBUILD: "a change rebuilds the estimator"}
    return words.get(spec.effect, "")


def _yaml(value: SettingValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


if __name__ == "__main__":
    sys.stdout.write(settings_yaml() if "yaml" in sys.argv else settings_markdown())
