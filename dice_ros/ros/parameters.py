"""ROS parameters from the settings schema: declared once, changed as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from dice_ros.errors import SettingsError
from dice_ros.settings import Effect, Settings, SettingSpec, schema

# Parameters every node has, which are no settings of ours.
_FOREIGN_PREFIXES = ("use_sim_time", "qos_overrides.", "start_type_description_service")
_LARGEST = 1e308
_LARGEST_INTEGER = 2**62


class SettingsParameters:
    """Declares every setting on a node and keeps them valid.

    Args:
        node: the node.
        on_change: called with the new settings after a valid change, by whoever changed them.

    Raises:
        SettingsError: a value given at start-up is invalid or a name is unknown.
    """

    def __init__(self, node: Node, on_change: Callable[[Settings], None]) -> None:
        self._on_change = on_change
        # Overrides are checked by us first: the errors of our schema name the nearest known name.
        given = {
            name: parameter.value
            for name, parameter in node._parameter_overrides.items()
            if not name.startswith(_FOREIGN_PREFIXES)
        }
        self.settings = Settings.from_mapping(given)
        for spec in schema().values():
            # Checked above, and 4 made 4.0 where a number is wanted: rclpy would refuse it.
            value = getattr(self.settings, spec.name)
            node.declare_parameter(spec.name, value, _descriptor(spec), ignore_override=True)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._changed)

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        specs = schema()
        ours = {item.name: item.value for item in parameters if item.name in specs}
        try:
            self.settings.updated(ours)
        except SettingsError as error:
            return SetParametersResult(successful=False, reason=str(error))
        fixed = [
            name
            for name, value in ours.items()
            if specs[name].effect is Effect.RESTART and value != getattr(self.settings, name)
        ]
        if fixed:
            reason = f"{', '.join(fixed)} can only be set at start-up: restart the node with it"
            return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _changed(self, parameters: list[Parameter]) -> None:
        specs = schema()
        ours = {item.name: item.value for item in parameters if item.name in specs}
        if ours:
            self.settings = self.settings.updated(ours)
            self._on_change(self.settings)


def _descriptor(spec: SettingSpec) -> ParameterDescriptor:
    unit = f" [{spec.unit}]" if spec.unit else ""
    descriptor = ParameterDescriptor(
        description=spec.description + unit, additional_constraints=spec.range_text()
    )
    if spec.kind is float and (spec.minimum is not None or spec.maximum is not None):
        low = -_LARGEST if spec.minimum is None else float(spec.minimum)
        high = _LARGEST if spec.maximum is None else float(spec.maximum)
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    if spec.kind is int and (spec.minimum is not None or spec.maximum is not None):
        lowest = -_LARGEST_INTEGER if spec.minimum is None else int(spec.minimum)
        highest = _LARGEST_INTEGER if spec.maximum is None else int(spec.maximum)
        descriptor.integer_range = [IntegerRange(from_value=lowest, to_value=highest)]
    return descriptor
