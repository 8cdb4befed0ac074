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

from ros.node_client import Client, image_message, info_message, next_stamp, send, start
from sensor_msgs.msg import CameraInfo, CompressedImage
from test_support import wait_until

from dice_ros.pipeline import Pipeline
from dice_ros.render.overlay import OverlayRenderer
from dice_ros.ros.contact_points import ContactPointsPublisher
from dice_ros.ros.interaction_message import header
from dice_ros.ros.markers import MarkerMaker
from dice_ros.ros.publications import Publications


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


def assert_cloud_repeats_face(cloud, message, topologies):
    names = [field.name for field in cloud.fields]
    assert names == ["x", "y", "z", "probability", "side", "region"]
    kind = np.dtype(
        {
            "names": names,
            "formats": ["<f4"] * 4 + ["u1"] * 2,
            "offsets": [field.offset for field in cloud.fields],
            "itemsize": cloud.point_step,
        }
    )
    points = np.frombuffer(bytes(cloud.data), kind)
    contact = np.array(message.face.contact)
    touched = contact >= 0.5
    (head,) = [item for item in topologies if item.id == message.face.topology]
    vertices = np.array(message.face.vertices).reshape(-1, 3)[touched]
    assert cloud.header == message.header
    assert (cloud.width, cloud.row_step) == (touched.sum(), len(cloud.data))
    np.testing.assert_array_equal(np.stack([points[axis] for axis in "xyz"], 1), vertices)
    np.testing.assert_array_equal(points["probability"], contact[touched])
    np.testing.assert_array_equal(points["region"], np.array(head.region_labels)[touched])
    assert set(points["side"]) == {message.hands[0].side}


def test_the_calibration_is_used_and_expensive_topics_are_served(ros, factory, touching_render):
    frame, _ = touching_render
    node = start(ros, factory, "calibrated", camera_info_wait_s=10.0)
    client = ros.add(Client("calibrated", extra=("markers", "overlay", "contact_points")))
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
    assert wait_until(lambda: client.contact_points)
    assert_cloud_repeats_face(client.contact_points[0], message, client.topologies)
    ros.remove(client)
    ros.remove(node)


def test_nothing_expensive_is_made_while_nobody_listens(served, astronaut, monkeypatch):
    _, client = served
    made = []
    monkeypatch.setattr(MarkerMaker, "markers", lambda *_: made.append("markers"))
    monkeypatch.setattr(OverlayRenderer, "draw", lambda *_: made.append("overlay"))
    monkeypatch.setattr(ContactPointsPublisher, "_points", lambda *_: made.append("points"))
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
    before = client.answer(send(client, astronaut))
    send(client, np.zeros_like(astronaut))
    assert wait_until(lambda: node.accounting.account().drops.get("internal_error") == 1)
    after = client.answer(send(client, astronaut))
    assert after.face_present
    # What a defect left of the tracks is not built upon.
    assert after.person_id != before.person_id
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
