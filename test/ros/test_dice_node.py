"""The real node over real DDS, with good and bad input."""

import copy
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from dice_ros.msg import HandFaceInteraction, MeshTopology
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from test_support import wait_until
from visualization_msgs.msg import MarkerArray

from dice_ros.errors import SettingsError
from dice_ros.pipeline import Pipeline
from dice_ros.render.overlay import OverlayRenderer
from dice_ros.ros.dice_node import DiceNode
from dice_ros.ros.interaction_message import header
from dice_ros.ros.markers import MarkerMaker

EPOCH = 1_700_000_000_000_000_000


class Client(Node):
    """A camera and a listener in one."""

    def __init__(self, prefix, extra=()):
        super().__init__(f"client_{prefix}")
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.interactions, self.topologies, self.diagnostics = [], [], []
        self.markers, self.overlays = [], []
        self.images = self.create_publisher(Image, f"/{prefix}/image", qos)
        self.compressed = self.create_publisher(CompressedImage, f"/{prefix}/image/compressed", qos)
        self.infos = self.create_publisher(CameraInfo, f"/{prefix}/camera_info", qos)
        topic = f"/{prefix}/dice"
        self.create_subscription(
            HandFaceInteraction, f"{topic}/interaction", self.interactions.append, 10
        )
        self.create_subscription(MeshTopology, f"{topic}/topology", self.topologies.append, latched)
        self.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, 10)
        if "markers" in extra:
            self.create_subscription(MarkerArray, f"{topic}/markers", self.markers.append, 10)
        if "overlay" in extra:
            self.create_subscription(Image, f"{topic}/overlay", self.overlays.append, 10)

    def answer(self, stamp_ns, timeout_s=15.0):
        """The first message with a stamp."""

        def found():
            for message in list(self.interactions):
                stamp = message.header.stamp
                if stamp.sec * 10**9 + stamp.nanosec == stamp_ns:
                    return message
            return None

        return wait_until(found, timeout_s)

    def status(self):
        """(level, message) of the newest diagnostics."""
        found = self.diagnostics[-1].status[0] if self.diagnostics else None
        return found and (found.level, found.message)

    def value(self, key):
        """A value of the newest diagnostics."""
        for report in reversed(self.diagnostics):
            for item in report.status[0].values:
                if item.key == key:
                    return item.value
        return None


def image_message(picture, stamp_ns, frame_id="eye"):
    message = Image(header=header(stamp_ns, frame_id), encoding="rgb8")
    message.height, message.width = picture.shape[:2]
    message.step = 3 * picture.shape[1]
    message.data.frombytes(np.ascontiguousarray(picture).tobytes())
    return message


def info_message(camera, stamp_ns):
    info = CameraInfo(header=header(stamp_ns, "eye"), width=camera.width, height=camera.height)
    info.k = camera.K.reshape(-1)
    return info


def parameters(**values):
    defaults = {"diagnostics_period_s": 0.2, "camera_info_wait_s": 0.0} | values
    return [Parameter(name, value=value) for name, value in defaults.items()]


@pytest.fixture(scope="module")
def factory(asset_dir):
    return lambda settings: Pipeline(asset_dir, settings)


def start(ros, factory, prefix, **values):
    node = DiceNode(factory, namespace=prefix, parameter_overrides=parameters(**values))
    ros.add(node)
    return node


@pytest.fixture(scope="module")
def served(ros, factory):
    """One node and its client for the tests that do not need their own."""
    node = start(ros, factory, "shared")
    client = ros.add(Client("shared"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(client.images.get_subscription_count)
    yield node, client
    ros.remove(client)
    ros.remove(node)


_CLOCK = [EPOCH]


def next_stamp():
    _CLOCK[0] += 100_000_000
    return _CLOCK[0]


def send(client, picture, **changes):
    """Publish an image, fields changed; its stamp."""
    stamp_ns = changes.pop("stamp_ns", None) or next_stamp()
    message = image_message(picture, stamp_ns)
    for name, value in changes.items():
        setattr(message, name, value)
    client.images.publish(message)
    return stamp_ns


def test_the_photograph_is_answered_with_its_stamp_and_frame(served, astronaut):
    _, client = served
    message = client.answer(send(client, astronaut))
    assert message.header.frame_id == "eye"
    assert message.source == "landmark_fit"
    assert message.face_present
    assert message.person_id >= 0
    assert len(message.face.vertices) == 3 * 4439
    assert len(message.face.contact) == 4439
    assert message.intrinsics_assumed
    assert "total" in message.stage_names
    assert len(message.stage_names) == len(message.stage_ms)


def test_a_picture_of_nobody_is_answered_too(served, astronaut):
    _, client = served
    message = client.answer(send(client, np.zeros_like(astronaut)))
    assert message.person_id == -1
    assert not message.face_present


def test_late_listeners_get_the_topologies(served, ros):
    late = ros.add(Client("shared"))
    assert wait_until(lambda: len(late.topologies) == 3)
    by_id = {message.id: message for message in late.topologies}
    head = by_id["mh-head-4439"]
    assert head.vertex_count == 4439 == len(head.region_labels)
    assert len(head.triangles) == 3 * 8820
    assert "left_cheek" in head.region_names
    ros.remove(late)


BAD_IMAGES = {
    "unknown_encoding": {"encoding": "klingon8"},
    "step_too_small": {"step": 7},
    "data_too_short": {"height": 600},
    "data_too_long": {"height": 500},
    "zero_size": {"width": 0, "step": 0},
    "too_many_pixels": {"width": 100_000, "height": 100_000, "step": 300_000},
}


@pytest.mark.parametrize("reason", BAD_IMAGES)
def test_bad_images_are_counted_and_the_next_good_one_is_answered(served, astronaut, reason):
    node, client = served
    before = node.accounting.account().drops.get(reason, 0)
    send(client, astronaut, **BAD_IMAGES[reason])
    assert wait_until(lambda: node.accounting.account().drops.get(reason, 0) == before + 1)
    assert wait_until(lambda: client.value(f"dropped.{reason}") == str(before + 1))
    assert client.answer(send(client, astronaut)) is not None


def test_a_stamp_of_zero_is_counted(served, astronaut):
    node, client = served
    message = image_message(astronaut, 0)
    client.images.publish(message)
    assert wait_until(lambda: node.accounting.account().drops.get("stamp_zero"))
    assert wait_until(lambda: client.value("remedy.stamp_zero"))
    assert client.answer(send(client, astronaut)) is not None


def test_nan_in_the_calibration_is_noted_and_a_focal_length_assumed(served, astronaut):
    node, client = served
    client.infos.publish(
        CameraInfo(header=header(1, "eye"), width=512, height=512, k=[float("nan")] * 9)
    )
    assert wait_until(lambda: node.accounting.account().notes.get("nan_intrinsics"))
    message = client.answer(send(client, astronaut))
    assert message.intrinsics_assumed
    assert message.fx == pytest.approx(1.2 * 512)


def test_every_frame_is_accounted_for(served, astronaut):
    node, client = served
    for _ in range(12):
        send(client, astronaut)
    last = send(client, astronaut)
    assert client.answer(last)

    def balanced():
        account = node.accounting.account()
        gone = account.published + sum(account.drops.values()) + account.overwritten
        return account.received == gone

    assert wait_until(balanced)


def test_images_that_come_too_fast_are_overwritten_and_counted(served, astronaut):
    node, client = served
    before = node.accounting.account().overwritten
    # Straight into the callback: DDS itself keeps one image only and would lose the rest before.
    for _ in range(20):
        node._on_image(serialize_message(image_message(astronaut, next_stamp())), {})
    assert wait_until(lambda: node.accounting.account().overwritten > before)
    assert wait_until(lambda: client.value("dropped.overwritten"))


def test_a_stamp_that_goes_back_starts_new_tracks(served, astronaut):
    node, client = served
    first = client.answer(send(client, astronaut))
    earlier = EPOCH - 3600 * 10**9
    message = client.answer(send(client, astronaut, stamp_ns=earlier))
    assert message.person_id != first.person_id
    assert node.accounting.account().notes["stamp_went_back"] >= 1


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


@pytest.mark.parametrize(
    ("arguments", "assets", "text"),
    [
        (["-p", "max_person:=2"], None, "did you mean 'max_persons'"),
        (["-p", "max_persons:=99"], None, "expected 1 to 8"),
        ([], "/nowhere", "dice-ros assets"),
    ],
)
def test_the_program_ends_with_one_clear_line(arguments, assets, text):
    environment = os.environ | ({"DICE_ROS_ASSETS": assets} if assets else {})
    done = subprocess.run(
        [sys.executable, "-m", "dice_ros.ros.dice_node", "--ros-args", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert text in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_program_ends_cleanly_when_it_is_told_to(asset_dir):
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-m", "dice_ros.ros.dice_node"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        while not any("ready" in line for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        process.send_signal(number)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0, rest
        assert "received 0 images, published 0" in rest
        assert "Traceback" not in rest


def test_the_calibration_is_used_and_expensive_topics_are_served(ros, factory, touching_render):
    frame, _ = touching_render
    node = start(ros, factory, "calibrated", camera_info_wait_s=10.0)
    client = ros.add(Client("calibrated", extra=("markers", "overlay")))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    stamp_ns = next_stamp()
    client.images.publish(image_message(frame.image, stamp_ns))
    time.sleep(0.2)
    assert not client.interactions
    client.infos.publish(info_message(frame.camera, stamp_ns))
    message = client.answer(stamp_ns)
    assert not message.intrinsics_assumed
    assert message.fx == frame.camera.K[0, 0]
    (hand,) = message.hands
    assert hand.side == hand.RIGHT
    assert hand.touch == hand.TOUCH_CONTACT
    assert hand.topology == "mh-hand-right-1611"
    assert len(message.contacts) > 0
    assert message.contact_source == "proximity_prior"
    assert message.deformation_source == "indentation_prior"
    assert wait_until(lambda: client.markers)
    kinds = {marker.ns for marker in client.markers[0].markers}
    assert {"face_mesh", "right_hand_mesh", "contacts", "contact_text"} <= kinds
    assert wait_until(lambda: client.overlays)
    overlay = client.overlays[0]
    assert (overlay.width, overlay.height) == (640, 480)
    assert overlay.header == message.header
    ros.remove(client)
    ros.remove(node)


def test_nothing_expensive_is_made_while_nobody_listens(served, astronaut, monkeypatch):
    _, client = served
    made = []
    monkeypatch.setattr(MarkerMaker, "markers", lambda *_: made.append("markers"))
    monkeypatch.setattr(OverlayRenderer, "draw", lambda *_: made.append("overlay"))
    for _ in range(2):  # the second answer comes after the first one's extras
        assert client.answer(send(client, astronaut))
    assert made == []


def test_compressed_images_are_read_and_cut_off_ones_counted(ros, factory, astronaut):
    node = start(ros, factory, "jpeg", image_transport="compressed")
    client = ros.add(Client("jpeg"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(client.compressed.get_subscription_count)
    data = cv2.imencode(".jpg", astronaut[..., ::-1])[1].tobytes()
    for payload, reason in ((data[:3000], "truncated_image"), (b"", "empty_data")):
        bad = CompressedImage(header=header(next_stamp(), "eye"), format="jpeg")
        bad.data.frombytes(payload)
        client.compressed.publish(bad)
        assert wait_until(lambda name=reason: node.accounting.account().drops.get(name))
    stamp_ns = next_stamp()
    good = CompressedImage(header=header(stamp_ns, "eye"), format="jpeg")
    good.data.frombytes(data)
    client.compressed.publish(good)
    assert client.answer(stamp_ns).face_present
    ros.remove(client)
    ros.remove(node)


def test_missing_assets_are_said_and_end_the_node(ros, tmp_path):
    node = start(ros, lambda settings: Pipeline(tmp_path, settings), "lost")
    assert wait_until(lambda: node.failure)
    assert "dice-ros assets" in node.failure
    client = ros.add(Client("lost"))
    assert wait_until(
        lambda: any(report.status[0].message == node.failure for report in list(client.diagnostics))
    )
    ros.remove(client)
    ros.remove(node)


def test_a_defect_in_one_frame_does_not_end_the_node(ros, asset_dir, astronaut):
    class Fragile(Pipeline):
        def process(self, frame):
            if frame.image.max() == 0:
                raise RuntimeError("defect")
            return super().process(frame)

    node = start(ros, lambda settings: Fragile(asset_dir, settings), "fragile")
    client = ros.add(Client("fragile"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    send(client, np.zeros_like(astronaut))
    assert wait_until(lambda: node.accounting.account().drops.get("internal_error") == 1)
    assert client.answer(send(client, astronaut)).face_present
    ros.remove(client)
    ros.remove(node)


def test_messages_equal_the_results(pipeline, touching_render):
    from dice_ros.ros.interaction_message import interaction_messages

    pipeline.reset()
    result = pipeline.process(copy.copy(touching_render[0]))
    (message,) = interaction_messages(result, result.frame.camera)
    (person,) = result.interactions
    np.testing.assert_array_equal(
        np.array(message.face.vertices).reshape(-1, 3), person.face.vertices
    )
    np.testing.assert_array_equal(np.array(message.hands[0].contact), person.hands[0].contact)
    assert message.face.betas.tolist() == person.face.betas.tolist()
    assert [item.hand_part for item in message.contacts] == [
        item.hand_part for item in person.contacts
    ]
    assert list(message.hands[0].transl) == person.hands[0].transl.tolist()
