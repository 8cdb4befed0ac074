"""Parameters on a plain node: declared from the schema, changed as a whole."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from rclpy.node import Node
from rclpy.parameter import Parameter

from dice_ros.errors import SettingsError
from dice_ros.ros.parameters import SettingsParameters
from dice_ros.settings import Settings, schema


@pytest.fixture
def declare(ros):
    nodes = []

    def make(on_change=lambda settings: None, **values):
        given = [Parameter(name, value=value) for name, value in values.items()]
        nodes.append(Node(f"declared_{len(nodes)}", parameter_overrides=given))
        return nodes[-1], SettingsParameters(nodes[-1], on_change)

    yield make
    for node in nodes:
        node.destroy_node()


def test_every_setting_is_a_parameter_with_its_default(declare):
    node, parameters = declare()
    assert parameters.settings == Settings()
    for spec in schema().values():
        assert node.get_parameter(spec.name).value == spec.default
        assert spec.description in node.describe_parameter(spec.name).description


def test_values_given_at_start_up_win_over_defaults(declare):
    node, parameters = declare(max_persons=3, estimator="landmark_fit", publish_tf=False)
    assert (parameters.settings.max_persons, parameters.settings.publish_tf) == (3, False)
    assert node.get_parameter("max_persons").value == 3


def test_a_whole_number_at_start_up_is_taken_where_a_number_is_wanted(declare):
    node, parameters = declare(indentation_mm=4)
    assert parameters.settings.indentation_mm == 4.0
    assert node.get_parameter("indentation_mm").value == 4.0


def test_what_is_no_number_at_start_up_is_refused(declare):
    with pytest.raises(SettingsError, match="expected int"):
        declare(max_persons=2.0)


def test_whoever_wants_to_know_hears_of_valid_changes_only(declare):
    heard = []
    node, _ = declare(heard.append)
    good, bad = Parameter("indentation_mm", value=5.0), Parameter("max_persons", value=99)
    assert not node.set_parameters_atomically([good, bad]).successful
    assert heard == []
    assert node.set_parameters_atomically([good]).successful
    assert [settings.indentation_mm for settings in heard] == [5.0]


def test_other_peoples_parameters_are_left_alone(declare):
    node, parameters = declare()
    node.declare_parameter("tag", "x")
    assert node.set_parameters([Parameter("tag", value="y")])[0].successful
    assert parameters.settings == Settings()
