"""The real node over real DDS, with good and bad input."""

import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from dice_ros.msg import HandFaceInteraction, MeshTopology
from rcl_interfaces.msg import Log
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import Trigger
from test_support import wait_until
from visualization_msgs.msg import MarkerArray

from dice_ros.errors import SettingsError
from dice_ros.pipeline import Pipeline
from dice_ros.render.overlay import OverlayRenderer
from dice_ros.ros.dice_node import DiceNode
from dice_ros.ros.interaction_message import header
from dice_ros.ros.markers import MarkerMaker
from dice_ros.ros.publications import Publications

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
        self._reporter = f"{prefix}/dice_node"
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        if "markers" in extra:
            self.create_subscription(MarkerArray, f"{topic}/markers", self.markers.append, 10)
        if "overlay" in extra:
            self.create_subscription(Image, f"{topic}/overlay", self.overlays.append, 10)

    def _on_diagnostics(self, report):
        # Every node reports there: only ours counts.
        if report.status[0].name.startswith(self._reporter):
            self.diagnostics.append(report)

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


def test_a_defect_behind_the_answer_is_noted_and_costs_no_image(served, astronaut, monkeypatch):
    node, client = served

    def fail(*_):
        raise RuntimeError("defect")

    before = node.accounting.account().published
    monkeypatch.setattr(Publications, "extras", fail)
    assert client.answer(send(client, astronaut))
    assert wait_until(lambda: node.accounting.account().notes.get("internal_error_in_extras"))
    monkeypatch.undo()
    assert client.answer(send(client, astronaut))
    assert wait_until(lambda: node.accounting.account().published == before + 2)


def test_an_answer_that_cannot_be_published_is_counted_once(served, astronaut, monkeypatch):
    node, client = served

    def fail(*_):
        raise RuntimeError("defect")

    before = node.accounting.account().drops.get("internal_error", 0)
    monkeypatch.setattr(Publications, "answer", fail)
    send(client, astronaut)
    assert wait_until(lambda: node.accounting.account().drops.get("internal_error") == before + 1)
    monkeypatch.undo()
    assert client.answer(send(client, astronaut))
    assert wait_until(lambda: node.accounting.account().in_flight == 0)


def test_reports_come_while_simulated_time_stands_still(ros, factory):
    node = start(ros, factory, "paused", use_sim_time=True)
    client = ros.add(Client("paused"))
    assert "/clock" in wait_until(lambda: client.value("trouble.no_clock"), 30)
    assert client.diagnostics[-1].status[0].name == "paused/dice_node: interaction"
    ros.remove(client)
    ros.remove(node)


def test_bytes_that_are_no_image_are_counted_and_the_next_image_is_answered(served, astronaut):
    node, client = served
    before = node.accounting.account().drops.get("undecodable_message", 0)
    for number, data in enumerate((b"", b"\x00", bytes(range(64)), bytes(1000)), start=1):
        client.images.publish(data)
        assert wait_until(
            lambda n=number: (
                sum(
                    node.accounting.account().drops.get(reason, 0)
                    for reason in ("undecodable_message", "stamp_zero")
                )
                >= before + n
            )
        )
    client.infos.publish(b"\x00\x01\x00\x00\xff\xff\xff\xff")
    assert wait_until(lambda: node.accounting.account().notes.get("undecodable_message"))
    assert client.answer(send(client, astronaut)).face_present


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


def test_statistics_are_told_on_request_and_add_up(served, astronaut):
    node, client = served
    assert client.answer(send(client, astronaut))
    assert wait_until(lambda: node.accounting.account().in_flight == 0)
    stats = client.create_client(Trigger, "/shared/dice_node/stats")
    assert stats.wait_for_service(15.0)
    future = stats.call_async(Trigger.Request())
    assert wait_until(future.done)
    assert future.result().success
    told = json.loads(future.result().message)
    assert told["received"] == (
        told["published"] + told["overwritten"] + sum(told["drops"].values()) + told["in_flight"]
    )
    account = node.accounting.account()
    assert (told["received"], told["drops"]) == (account.received, account.drops)
    assert told["latency_ms"]["p50"] > 0


def test_silence_is_reported_with_what_may_be_the_cause(ros, factory, astronaut):
    node = start(ros, factory, "silent", input_timeout_s=0.5, image_reliability="reliable")
    client = ros.add(Client("silent"))
    client.destroy_publisher(client.images)
    text = wait_until(lambda: client.value("trouble.input_silent"), 30)
    assert wait_until(
        lambda: "nobody publishes /silent/image" in client.value("trouble.input_silent")
    ), text
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    shy = client.create_publisher(Image, "/silent/image", qos)
    assert wait_until(lambda: "image_reliability" in client.value("trouble.input_silent"))
    assert wait_until(lambda: node.accounting.account().notes.get("incompatible_qos"))
    assert "best_effort" in wait_until(lambda: client.value("remedy.incompatible_qos"))
    client.destroy_publisher(shy)
    # One participant has one type for a topic: the wrong one comes from another.
    context = Context()
    rclpy.init(context=context)
    mistaken = Node("mistaken", context=context)
    mistaken.create_publisher(CompressedImage, "/silent/image", 1)
    assert wait_until(lambda: "CompressedImage" in client.value("trouble.input_silent"))
    mistaken.destroy_node()
    context.shutdown()
    ros.remove(client)
    ros.remove(node)


def test_images_that_come_again_end_the_silence(ros, factory, astronaut):
    node = start(ros, factory, "resumed", input_timeout_s=2.0)
    client = ros.add(Client("resumed"))
    assert wait_until(lambda: client.value("trouble.input_silent"), 30)
    assert "send nothing" in client.value("trouble.input_silent")
    assert client.answer(send(client, astronaut))
    assert wait_until(lambda: client.status() == (DiagnosticStatus.OK, "ready"))
    ros.remove(client)
    ros.remove(node)


def test_an_executor_that_does_not_run_the_node_is_reported(ros, factory):
    node = start(ros, factory, "starved", stall_timeout_s=0.5)
    client = ros.add(Client("starved"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    ros.executor.remove_node(node)
    assert "executor" in wait_until(lambda: client.value("trouble.executor_stalled"))
    ros.executor.add_node(node)
    assert wait_until(lambda: client.status()[1] != "" and "executor" not in client.status()[1])
    ros.remove(client)
    ros.remove(node)


def test_late_images_are_answered_counted_and_reported(ros, factory, astronaut):
    node = start(ros, factory, "late", late_frame_s=0.5)
    client = ros.add(Client("late"))
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    for number in range(1, 4):
        stamp_ns = time.time_ns() - 2 * 10**9
        assert client.answer(send(client, astronaut, stamp_ns=stamp_ns)).face_present
        assert node.accounting.account().notes["late_frame"] == number
    assert wait_until(lambda: "came late" in client.status()[1])
    ros.remove(client)
    ros.remove(node)


def test_a_bag_that_starts_over_in_simulated_time_starts_new_tracks(ros, factory, astronaut):
    node = start(ros, factory, "looped", use_sim_time=True)
    client = ros.add(Client("looped"))
    clock = client.create_publisher(Clock, "/clock", 10)
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(clock.get_subscription_count)

    def play(seconds):
        stamp_ns = EPOCH + int(seconds * 10**9)
        clock.publish(Clock(clock=header(stamp_ns, "").stamp))
        assert wait_until(lambda: node.get_clock().now().nanoseconds == stamp_ns)
        return client.answer(send(client, astronaut, stamp_ns=stamp_ns))

    first = [play(0.1 * number) for number in range(1, 4)]
    assert len({message.person_id for message in first}) == 1
    client.interactions.clear()
    second = [play(0.1 * number) for number in range(1, 4)]
    assert len({message.person_id for message in second}) == 1
    assert second[0].person_id != first[0].person_id
    notes = node.accounting.account().notes
    assert notes["clock_went_back"] == 1
    assert "late_frame" not in notes
    assert "foreign_clock" not in notes
    account = node.accounting.account()
    assert (account.published, account.drops) == (6, {})
    # Nothing is left of the first pass: the second gives the same meshes.
    assert first[0].face.vertices == second[0].face.vertices
    ros.remove(client)
    ros.remove(node)


def test_a_clock_that_goes_back_alone_starts_new_tracks_too(ros, factory, astronaut):
    node = start(ros, factory, "rewound", use_sim_time=True)
    client = ros.add(Client("rewound"))
    clock = client.create_publisher(Clock, "/clock", 10)
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(clock.get_subscription_count)
    for seconds in (10, 5):
        clock.publish(Clock(clock=header(EPOCH + seconds * 10**9, "").stamp))
        assert wait_until(lambda s=seconds: node.get_clock().now().nanoseconds == EPOCH + s * 10**9)
        if seconds == 10:
            before = client.answer(send(client, astronaut, stamp_ns=EPOCH + 10 * 10**9))
    after = client.answer(send(client, astronaut, stamp_ns=EPOCH + 10 * 10**9 + 1))
    assert after.person_id != before.person_id
    ros.remove(client)
    ros.remove(node)


def test_a_camera_that_pauses_or_changes_its_resolution_starts_new_tracks(served, astronaut):
    node, client = served
    small = np.ascontiguousarray(astronaut[::2, ::2])
    stamp_ns = EPOCH + 24 * 3600 * 10**9
    seen = []
    for passed_s, picture in ((0, astronaut), (1, astronaut), (7, astronaut), (8, small)):
        at_ns = stamp_ns + passed_s * 10**9
        seen.append(client.answer(send(client, picture, stamp_ns=at_ns)).person_id)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3
    notes = node.accounting.account().notes
    assert notes["stamp_jumped_ahead"] >= 1
    assert notes["resolution_changed"] >= 1


CAMERA_WITHOUT_PROFILE = """
import time, rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("camera")
qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
images = node.create_publisher(Image, "/lossy/image", qos)
message = Image(height=1080, width=1920, step=5760, encoding="rgb8")
message.data.frombytes(bytes(5760 * 1080))
small = Image(height=1, width=1, step=3, encoding="rgb8", data=[0, 0, 0])
while not images.get_subscription_count():
    time.sleep(0.05)
images.publish(small)
time.sleep(0.5)
for _ in range(30):
    images.publish(message)
    time.sleep(0.05)
time.sleep(0.5)
images.publish(small)
time.sleep(1.0)
"""


def test_images_lost_in_transport_are_counted_exactly_with_the_remedy(ros, factory):
    node = start(ros, factory, "lossy")
    client = ros.add(Client("lossy"))
    plain = {k: v for k, v in os.environ.items() if not k.endswith("_DEFAULT_PROFILES_FILE")}
    subprocess.run(
        [sys.executable, "-c", CAMERA_WITHOUT_PROFILE], env=plain, timeout=120, check=True
    )
    account = node.accounting.account()
    lost = account.notes.get("lost_in_transport", 0)
    assert lost + account.received == 32
    if lost:
        assert "fastdds.xml" in wait_until(lambda: client.value("remedy.lost_in_transport"))
    ros.remove(client)
    ros.remove(node)


def test_one_reason_to_warn_does_not_silence_another(ros, factory, astronaut):
    node = start(ros, factory, "noisy")
    client = ros.add(Client("noisy"))
    said = []
    client.create_subscription(Log, "/rosout", lambda log: said.append((log.name, log.msg)), 100)
    assert wait_until(lambda: len(client.topologies) == 3, 30)
    assert wait_until(client.images.get_subscription_count)
    assert wait_until(lambda: client.count_publishers("/rosout"))

    def warnings(text):
        return [line for name, line in list(said) if name == "noisy.dice_node" and text in line]

    for count, changes in enumerate([{"encoding": "klingon8"}, {"step": 7}] * 3, start=1):
        send(client, astronaut, **changes)
        wait_until(lambda n=count: sum(node.accounting.account().drops.values()) == n)
    assert wait_until(lambda: warnings("klingon8"))
    assert wait_until(lambda: warnings("step is 7"))
    assert (len(warnings("klingon8")), len(warnings("step is 7"))) == (1, 1)
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
