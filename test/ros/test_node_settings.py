"""Parameters of the real node, changed while it works."""

import threading

import cv2
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from rclpy.parameter import Parameter
from ros.node_client import Client, next_stamp, parameters, send, start
from sensor_msgs.msg import CompressedImage
from test_support import wait_until

from dice_ros.errors import SettingsError
from dice_ros.pipeline import Pipeline
from dice_ros.ros.dice_node import DiceNode
from dice_ros.ros.interaction_message import header


def test_parameters_change_as_a_whole_or_not_at_all(served, astronaut):
    node, _ = served
    results = node.set_parameters_atomically(
        [Parameter("indentation_mm", value=5.0), Parameter("max_persons", value=99)]
    )
    assert not results.successful
    assert node.settings.indentation_mm == 3.0
    assert node.get_parameter("indentation_mm").value == 3.0
    good = node.set_parameters_atomically(
        [Parameter("indentation_mm", value=5.0), Parameter("marker_rate_hz", value=3.0)]
    )
    assert good.successful
    assert (node.settings.indentation_mm, node.settings.marker_rate_hz) == (5.0, 3.0)
    node.set_parameters([Parameter("indentation_mm", value=3.0)])


def test_what_needs_a_restart_is_refused_with_the_reason(served):
    node, _ = served
    (result,) = node.set_parameters([Parameter("autostart", value=False)])
    assert not result.successful
    assert "start-up" in result.reason


def test_unknown_parameters_are_refused_at_start_up(factory, ros):
    with pytest.raises(SettingsError, match="did you mean 'max_persons'"):
        DiceNode(factory, namespace="wrong", parameter_overrides=parameters(max_person=2))


def test_a_defect_while_settings_change_does_not_end_the_node(ros, asset_dir, astronaut):
    class Stubborn(Pipeline):
        def apply(self, settings):
            raise RuntimeError("defect")

    node = start(ros, lambda settings: Stubborn(asset_dir, settings), "stubborn")
    client = ros.add(Client("stubborn"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert node.set_parameters([Parameter("indentation_mm", value=5.0)])[0].successful
    send(client, astronaut)
    assert wait_until(lambda: node.accounting.account().drops.get("internal_error") == 1)
    assert client.answer(send(client, astronaut)).face_present
    ros.remove(client)
    ros.remove(node)


def test_an_estimator_setting_is_changed_while_images_are_answered(ros, asset_dir, astronaut):
    building, go = threading.Event(), threading.Event()

    def factory(settings):
        if settings.network_threads == 1:
            building.set()
            assert go.wait(60)
        return Pipeline(asset_dir, settings)

    node = start(ros, factory, "rebuilt")
    client = ros.add(Client("rebuilt"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    first = client.answer(send(client, astronaut))
    assert node.set_parameters([Parameter("network_threads", value=1)])[0].successful
    assert building.wait(15)
    assert wait_until(lambda: client.value("rebuilding") == "True")
    assert client.answer(send(client, astronaut)).person_id == first.person_id
    go.set()
    assert wait_until(lambda: node.accounting.account().notes.get("estimator_rebuilt"), 30)
    assert client.answer(send(client, astronaut)).face_present
    account = node.accounting.account()
    assert (account.received, account.published, account.drops) == (3, 3, {})
    assert len(client.topologies) == 3
    ros.remove(client)
    ros.remove(node)


def test_an_estimator_that_cannot_be_built_sets_the_parameters_back(
    ros, factory, astronaut, tmp_path
):
    node = start(ros, factory, "set_back")
    client = ros.add(Client("set_back"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    changes = [Parameter("estimator", value="dice"), Parameter("model_dir", value=str(tmp_path))]
    assert node.set_parameters_atomically([*changes, Parameter("max_persons", value=2)]).successful
    assert wait_until(lambda: node.accounting.account().notes.get("rebuild_failed"), 60)
    assert wait_until(lambda: node.get_parameter("estimator").value == "landmark_fit")
    assert (node.settings.model_dir, node.settings.max_persons) == ("", 2)
    assert client.answer(send(client, astronaut)).source == "landmark_fit"
    assert node.failure is None
    ros.remove(client)
    ros.remove(node)


def test_the_transport_of_images_can_be_changed_at_run_time(ros, factory, astronaut):
    node = start(ros, factory, "switched")
    client = ros.add(Client("switched"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert client.answer(send(client, astronaut)).face_present
    assert node.set_parameters([Parameter("image_transport", value="compressed")])[0].successful
    assert wait_until(client.compressed.get_subscription_count)
    stamp_ns = next_stamp()
    jpeg = CompressedImage(header=header(stamp_ns, "eye"), format="jpeg")
    jpeg.data.frombytes(cv2.imencode(".jpg", astronaut[..., ::-1])[1].tobytes())
    client.compressed.publish(jpeg)
    assert client.answer(stamp_ns).face_present
    ros.remove(client)
    ros.remove(node)
