"""The node with the estimator dice: stand-ins in, real DDS, the same message out."""

import threading

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("torch", reason="DICE needs PyTorch: pip install torch smplx safetensors")

import torch
from diagnostic_msgs.msg import DiagnosticStatus
from ros.node_client import Client, image_message, info_message, next_stamp, start
from test_support import wait_until

from dice_ros.checkpoints.weights_file import read_weights, write_weights
from dice_ros.pipeline import Pipeline


@pytest.fixture(scope="module")
def factory(asset_dir):
    return lambda settings: Pipeline(asset_dir, settings)


@pytest.fixture(scope="module")
def served(ros, factory, model_dir):
    node = start(
        ros,
        factory,
        "learned",
        estimator="dice",
        model_dir=str(model_dir),
        contact_probability_min=0.2,
        camera_info_wait_s=10.0,
    )
    client = ros.add(Client("learned", extra=("markers", "overlay")))
    assert wait_until(lambda: len(client.topologies) == 3, 60), node.failure
    assert wait_until(client.images.get_subscription_count)
    yield node, client
    ros.remove(client)
    ros.remove(node)


def test_a_render_is_answered_with_meshes_contacts_and_deformation(served, touching_render):
    _, client = served
    frame, _ = touching_render
    stamp_ns = next_stamp()
    client.infos.publish(info_message(frame.camera, stamp_ns))
    client.images.publish(image_message(frame.image, stamp_ns))
    message = client.answer(stamp_ns, 30)
    assert message.source == "synthetic"
    assert not message.intrinsics_assumed
    assert len(message.face.vertices) == len(message.face.deformation) == 3 * 5023
    assert len(message.face.contact) == 5023
    assert message.face.topology == "synthetic-flame-5023"
    assert np.isfinite(np.array(message.face.vertices)).all()
    (hand,) = message.hands
    assert hand.topology == "synthetic-mano-right-778"
    assert (len(hand.vertices), len(hand.contact)) == (3 * 778, 778)
    assert message.contact_source == message.deformation_source == "network"
    assert message.scale_source == "network"
    assert len(message.contacts) > 0
    assert "dice_network" in message.stage_names
    assert wait_until(lambda: client.markers)
    assert wait_until(lambda: client.overlays)


def test_latched_topologies_fit_the_meshes(served):
    _, client = served
    by_id = {message.id: message for message in client.topologies}
    head = by_id["synthetic-flame-5023"]
    assert head.vertex_count == 5023 == len(head.region_labels)
    assert len(head.triangles) == 3 * 9976
    assert {"left_cheek", "right_cheek", "nose_tip"} <= set(head.region_names)
    assert "synthetic" in head.licence
    right, left = by_id["synthetic-mano-right-778"], by_id["synthetic-mano-left-778"]
    triangles = [np.array(hand.triangles).reshape(-1, 3) for hand in (right, left)]
    np.testing.assert_array_equal(triangles[0], triangles[1][:, ::-1])


def test_outputs_that_are_not_finite_are_counted_and_diagnosed(
    ros, factory, model_dir, tmp_path, astronaut
):
    weights = read_weights(model_dir / "dice.safetensors")
    tensors = {name: np.array(array) for name, array in weights.tensors.items()}
    tensors["cam_param_fc3.weight"][:] = 3e38
    write_weights(tmp_path / "dice.safetensors", tensors, weights.origin)
    (tmp_path / "dice_bodies.npz").symlink_to(model_dir / "dice_bodies.npz")
    node = start(
        ros, factory, "exploding", estimator="dice", engine="eager", model_dir=str(tmp_path)
    )
    client = ros.add(Client("exploding"))
    assert wait_until(lambda: len(client.topologies) == 3, 60), node.failure
    assert wait_until(client.images.get_subscription_count)
    for number in (1, 2):
        client.images.publish(image_message(astronaut, next_stamp()))
        assert wait_until(
            lambda n=number: node.accounting.account().drops.get("non_finite_output") == n, 30
        )
    assert wait_until(lambda: client.value("dropped.non_finite_output") == "2")
    assert wait_until(lambda: client.value("remedy.non_finite_output"))
    assert client.status()[0] == DiagnosticStatus.ERROR
    assert node.failure is None
    ros.remove(client)
    ros.remove(node)


@pytest.mark.parametrize("fault", ["lost", "memory"])
def test_a_network_that_cannot_run_any_more_is_an_error_in_diagnostics(
    ros, factory, model_dir, monkeypatch, astronaut, fault
):
    from dice_ros.engine import choose

    broken = threading.Event()

    class Frail(choose.EagerEngine):
        """The real engine, until the GPU is lost or full; then what PyTorch says."""

        def run(self, images):
            if broken.is_set():
                raise {"lost": RuntimeError, "memory": torch.OutOfMemoryError}[fault]("CUDA error")
            return super().run(images)

    monkeypatch.setattr(choose, "EagerEngine", Frail)
    name = f"frail_{fault}"
    node = start(ros, factory, name, estimator="dice", engine="eager", model_dir=str(model_dir))
    client = ros.add(Client(name))
    assert wait_until(lambda: len(client.topologies) == 3, 60), node.failure
    assert wait_until(client.images.get_subscription_count)
    stamp_ns = next_stamp()
    client.images.publish(image_message(astronaut, stamp_ns))
    assert client.answer(stamp_ns, 60).source == "synthetic"
    broken.set()
    client.images.publish(image_message(astronaut, next_stamp()))
    assert wait_until(lambda: client.value("dropped.engine_failed") == "1", 30)
    level, text = client.status()
    assert level == DiagnosticStatus.ERROR
    assert "the network fails: 1 x engine_failed: see the log" in text
    assert node.failure is None
    broken.clear()  # the node goes on as soon as it can
    stamp_ns = next_stamp()
    client.images.publish(image_message(astronaut, stamp_ns))
    assert client.answer(stamp_ns, 60).source == "synthetic"
    ros.remove(client)
    ros.remove(node)


def test_no_image_is_lost_while_a_faster_engine_is_built_and_swapped_in(
    ros, factory, model_dir, tmp_path, monkeypatch, astronaut
):
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    from dice_ros.engine import choose

    monkeypatch.setenv("DICE_ROS_ENGINES", str(tmp_path))
    may_build, build = threading.Event(), choose.build_apart

    def build_slowly(order, folder, stop):
        assert may_build.wait(300)
        build(order, folder, stop)

    monkeypatch.setattr(choose, "build_apart", build_slowly)
    node = start(
        ros,
        factory,
        "swapping",
        estimator="dice",
        engine="openvino",
        precision="float32",
        model_dir=str(model_dir),
    )
    client = ros.add(Client("swapping"))
    assert wait_until(lambda: len(client.topologies) == 3, 60), node.failure
    assert wait_until(client.images.get_subscription_count)

    def ask():
        stamp_ns = next_stamp()
        client.images.publish(image_message(astronaut, stamp_ns))
        assert client.answer(stamp_ns, 60).source == "synthetic"

    for _ in range(3):
        ask()
    assert wait_until(lambda: (client.value("engine") or "").startswith("eager"))
    may_build.set()
    asked = 3
    while not client.value("engine").startswith("openvino"):
        assert asked < 3000, client.value("engine_event_1")
        ask()
        asked += 1
    ask()
    account = node.accounting.account()
    assert (account.received, account.published, sum(account.drops.values())) == (
        asked + 1,
        asked + 1,
        0,
    )
    assert "ready after" in client.value("engine_event_1")
    ros.remove(client)
    ros.remove(node)


def test_missing_models_are_said_and_end_the_node(ros, factory, tmp_path):
    node = start(
        ros, factory, "modelless", estimator="dice", engine="eager", model_dir=str(tmp_path)
    )
    assert wait_until(lambda: node.failure, 30)
    assert "dice.safetensors and dice_bodies.npz not found" in node.failure
    assert "dice-ros doctor" in node.failure
    ros.remove(node)


def test_two_hands_without_a_face_are_a_message(ros, factory, model_dir, touching_render):
    node = start(
        *(ros, factory, "two_hands"),
        estimator="interwild",
        model_dir=str(model_dir),
        camera_info_wait_s=10.0,
    )
    client = ros.add(Client("two_hands"))
    assert wait_until(lambda: len(client.topologies) == 2, 60), node.failure
    assert wait_until(client.images.get_subscription_count)
    frame, _ = touching_render
    stamp_ns = next_stamp()
    client.infos.publish(info_message(frame.camera, stamp_ns))
    client.images.publish(image_message(frame.image, stamp_ns))
    message = client.answer(stamp_ns, 60)
    assert message.source == "synthetic"
    assert not message.face_present
    assert message.contact_source == message.deformation_source == "none"
    (hand,) = message.hands
    assert hand.topology == "synthetic-mano-right-778"
    assert (len(hand.vertices), len(hand.hand_pose)) == (3 * 778, 45)
    assert np.isfinite(np.array(hand.vertices)).all()
    assert "interwild_network" in message.stage_names
    ros.remove(client)
    ros.remove(node)
