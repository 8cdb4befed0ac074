"""The managed node over real DDS: every transition, and every transition going wrong."""

import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from ros.node_client import Client, next_stamp, parameters, send
from test_support import wait_until

from dice_ros.errors import AssetError
from dice_ros.pipeline import Pipeline
from dice_ros.ros import dice_node
from dice_ros.ros.dice_node import DiceNode

SUCCESS, FAILURE, ERROR = (
    TransitionCallbackReturn.SUCCESS,
    TransitionCallbackReturn.FAILURE,
    TransitionCallbackReturn.ERROR,
)
FULL_CYCLE = ("configure", "activate", "deactivate", "cleanup")


@pytest.fixture
def managed(ros, asset_dir):
    """Makes nodes that wait for their lifecycle manager, which is the test."""
    made = []

    def make(prefix, factory=None, **values):
        factory = factory or (lambda settings: Pipeline(asset_dir, settings))
        given = parameters(**({"autostart": False} | values))
        node = DiceNode(factory, namespace=prefix, parameter_overrides=given)
        client = Client(prefix)
        made.extend([node, client])
        ros.add(node)
        ros.add(client)
        return node, client

    yield make
    for node in made:
        ros.remove(node)


def trigger(node, *transitions):
    return [getattr(node, f"trigger_{name}")() for name in transitions]


def connected(client):
    return wait_until(client.images.get_subscription_count)


def test_a_node_that_is_not_told_to_start_waits_unconfigured(managed):
    node, client = managed("patient")
    assert wait_until(lambda: client.value("lifecycle")) == "unconfigured"
    assert node.failure is None


def test_a_lifecycle_manager_takes_the_node_through_its_states(managed, ros, astronaut):
    _, client = managed("services")
    change = client.create_client(ChangeState, "/services/dice_node/change_state")
    get = client.create_client(GetState, "/services/dice_node/get_state")
    assert change.wait_for_service(15.0)

    def ask(service, request):
        future = service.call_async(request)
        assert wait_until(future.done, 60)
        return future.result()

    for number, label in (
        (Transition.TRANSITION_CONFIGURE, "inactive"),
        (Transition.TRANSITION_ACTIVATE, "active"),
        (Transition.TRANSITION_DEACTIVATE, "inactive"),
        (Transition.TRANSITION_CLEANUP, "unconfigured"),
        (Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, "finalized"),
    ):
        if label == "inactive" and number == Transition.TRANSITION_DEACTIVATE:
            assert connected(client)
            assert client.answer(send(client, astronaut)).face_present
        assert ask(change, ChangeState.Request(transition=Transition(id=number))).success
        assert ask(get, GetState.Request()).current_state.label == label


def test_only_an_active_node_answers_and_the_rest_is_counted(managed, astronaut):
    node, client = managed("steps")
    assert connected(client)
    send(client, astronaut)
    assert wait_until(lambda: node.accounting.account().drops.get("inactive") == 1)
    assert trigger(node, "configure", "activate") == [SUCCESS, SUCCESS]
    assert client.answer(send(client, astronaut)).face_present
    assert trigger(node, "deactivate") == [SUCCESS]
    send(client, astronaut)
    assert wait_until(lambda: node.accounting.account().drops.get("inactive") == 2)
    assert trigger(node, "activate") == [SUCCESS]
    assert client.answer(send(client, astronaut)).face_present
    account = node.accounting.account()
    assert (account.received, account.published, account.in_flight) == (4, 2, 0)


def test_a_node_works_after_many_full_cycles(managed, astronaut):
    node, client = managed("cycles")
    assert connected(client)
    for _ in range(5):
        assert trigger(node, *FULL_CYCLE) == [SUCCESS] * 4
    assert trigger(node, "configure", "activate") == [SUCCESS, SUCCESS]
    assert client.answer(send(client, astronaut)).face_present
    # Latched topologies are published once, however often the node is activated.
    assert len(client.topologies) == 3


def test_missing_files_fail_configuration_and_it_can_be_repeated(managed, asset_dir):
    missing = [True]

    def factory(settings):
        if missing:
            raise AssetError("a file is missing")
        return Pipeline(asset_dir, settings)

    node, client = managed("retry", factory)
    assert trigger(node, "configure") == [FAILURE]
    assert (node.failure, node.lifecycle_label) == ("a file is missing", "unconfigured")
    assert wait_until(lambda: client.status() == (DiagnosticStatus.ERROR, "a file is missing"))
    assert not node.has_ended
    missing.clear()
    assert trigger(node, "configure", "activate") == [SUCCESS, SUCCESS]
    assert node.failure is None


class Faulty(Pipeline):
    """A real pipeline that fails where it is told to."""

    fails_in = ""

    @property
    def topologies(self):
        self.fail("topologies")
        return super().topologies

    def close(self):
        super().close()
        self.fail("close")

    def fail(self, place):
        if self.fails_in == place:
            raise RuntimeError(f"defect in {place}")


@pytest.fixture
def faulty(asset_dir):
    """(factory, the pipelines it made); the first one fails where ``Faulty.fails_in`` says."""
    made = []

    def factory(settings):
        if Faulty.fails_in == "construction" and not made:
            made.append(None)
            raise RuntimeError("defect in construction")
        made.append(Faulty(asset_dir, settings))
        if len(made) > 1:
            made[-1].fails_in = ""
        return made[-1]

    yield factory, made
    Faulty.fails_in = ""


@pytest.mark.parametrize(
    ("place", "good", "bad"),
    [
        ("construction", (), "configure"),
        ("topologies", ("configure",), "activate"),
        ("close", ("configure", "activate", "deactivate"), "cleanup"),
    ],
)
def test_a_defect_in_a_transition_leads_back_to_unconfigured_and_the_node_can_be_used_again(
    managed, faulty, astronaut, place, good, bad
):
    Faulty.fails_in = place
    factory, _ = faulty
    node, client = managed(f"faulty_{bad}", factory)
    assert connected(client)
    assert trigger(node, *good) == [SUCCESS] * len(good)
    assert trigger(node, bad) == [ERROR]
    assert node.lifecycle_label == "unconfigured"
    assert f"defect in {place}" in node.failure
    assert node.accounting.account().notes["transition_error"] == 1
    assert trigger(node, "configure", "activate") == [SUCCESS, SUCCESS]
    assert node.failure is None
    assert client.answer(send(client, astronaut)).face_present


class Hanging(Pipeline):
    """A real pipeline that hangs in its first frame until it is released."""

    released = threading.Event()
    closed = threading.Event()
    hangs = True

    def process(self, frame):
        if Hanging.hangs:
            Hanging.hangs = False
            assert Hanging.released.wait(60)
        return super().process(frame)

    def close(self):
        super().close()
        Hanging.closed.set()


@pytest.fixture
def hanging(asset_dir, monkeypatch):
    monkeypatch.setattr(dice_node, "STOP_TIMEOUT_S", 0.5)
    Hanging.released.clear()
    Hanging.closed.clear()
    Hanging.hangs = True
    yield lambda settings: Hanging(asset_dir, settings)
    Hanging.released.set()


def test_a_worker_that_hangs_is_abandoned_and_a_new_one_answers(managed, hanging, astronaut):
    node, client = managed("hanging", hanging)
    assert connected(client)
    trigger(node, "configure", "activate")
    lost = send(client, astronaut)
    assert wait_until(lambda: not Hanging.hangs)
    assert trigger(node, "deactivate") == [ERROR]
    assert node.lifecycle_label == "unconfigured"
    assert "hangs in estimate" in node.failure
    assert node.accounting.account().drops == {"stalled": 1}
    assert trigger(node, "configure", "activate") == [SUCCESS, SUCCESS]
    assert client.answer(send(client, astronaut)).face_present
    assert not Hanging.closed.is_set()
    # When it comes back it frees its networks and says nothing.
    Hanging.released.set()
    assert Hanging.closed.wait(30)
    account = node.accounting.account()
    assert (account.received, account.published, account.in_flight) == (2, 1, 0)
    assert client.answer(lost, 0.3) is None


def test_a_stage_that_hangs_is_named_with_its_place_and_its_end_is_noticed(
    managed, hanging, astronaut
):
    node, client = managed("stalling", hanging, stall_timeout_s=0.3, diagnostics_period_s=0.1)
    assert connected(client)
    trigger(node, "configure", "activate")
    stamp_ns = send(client, astronaut)
    text = wait_until(lambda: client.value("trouble.stalled_in_estimate"))
    assert "stalled in the stage estimate" in text
    assert ".py:" in text
    assert client.status()[0] == DiagnosticStatus.ERROR
    Hanging.released.set()
    assert client.answer(stamp_ns).face_present
    assert wait_until(lambda: client.status() == (DiagnosticStatus.OK, "ready"))
    assert node.accounting.account().notes["stalled_in_estimate"] == 1


@pytest.mark.parametrize("last", ["configure", "activate"])
def test_a_defect_while_shutting_down_finalizes_the_node_all_the_same(managed, faulty, last):
    Faulty.fails_in = "close"
    factory, _ = faulty
    node, _ = managed(f"ending_{last}", factory)
    trigger(node, *FULL_CYCLE[: FULL_CYCLE.index(last) + 1])
    assert trigger(node, "shutdown") == [SUCCESS]
    assert node.lifecycle_label == "finalized"
    assert node.has_ended
    assert "defect in close" in node.failure


def test_an_unconfigured_node_can_be_shut_down(managed):
    node, _ = managed("unused")
    assert trigger(node, "shutdown") == [SUCCESS]
    assert (node.lifecycle_label, node.has_ended, node.failure) == ("finalized", True, None)


def test_a_defect_in_the_error_handling_itself_finalizes_the_node(managed, asset_dir):
    class Stubborn(Pipeline):
        @property
        def topologies(self):
            raise RuntimeError("defect in topologies")

        def close(self):
            super().close()
            raise RuntimeError("defect in close")

    node, client = managed("stubborn", lambda settings: Stubborn(asset_dir, settings))
    assert trigger(node, "configure", "activate") == [SUCCESS, ERROR]
    assert node.lifecycle_label == "finalized"
    assert node.has_ended
    assert "defect in close" in node.failure
    assert wait_until(lambda: client.value("lifecycle") == "finalized")


def test_a_transition_that_the_state_does_not_know_is_refused_and_changes_nothing(managed):
    node, _ = managed("wrong_order")
    assert trigger(node, "activate") == [ERROR]
    assert node.lifecycle_label == "unconfigured"
    assert trigger(node, "configure") == [SUCCESS]


def test_deactivation_finishes_the_image_in_progress_and_gives_up_the_one_that_waits(
    managed, asset_dir, astronaut
):
    begun, go = threading.Event(), threading.Event()

    class Slow(Pipeline):
        def process(self, frame):
            begun.set()
            assert go.wait(60)
            return super().process(frame)

    node, client = managed("finishing", lambda settings: Slow(asset_dir, settings))
    assert connected(client)
    trigger(node, "configure", "activate")
    first = send(client, astronaut)
    assert begun.wait(15)
    send(client, astronaut)
    assert wait_until(lambda: node.accounting.account().in_flight == 2)
    threading.Timer(0.3, go.set).start()
    assert trigger(node, "deactivate") == [SUCCESS]
    assert client.answer(first).face_present
    account = node.accounting.account()
    assert (account.published, account.drops, account.in_flight) == (1, {"inactive": 1}, 0)


def test_transitions_while_images_pour_in_lose_count_of_none(managed, astronaut):
    node, client = managed("pouring")
    assert connected(client)
    small = astronaut[::4, ::4]
    stop, sent = threading.Event(), []

    def pour():
        while not stop.is_set():
            sent.append(send(client, small, stamp_ns=next_stamp()))
            time.sleep(0.005)

    camera = threading.Thread(target=pour)
    camera.start()
    for _ in range(4):
        assert trigger(node, "configure", "activate") == [SUCCESS, SUCCESS]
        time.sleep(0.3)
        assert trigger(node, "deactivate", "cleanup") == [SUCCESS, SUCCESS]
    stop.set()
    camera.join()
    assert wait_until(lambda: node.accounting.account().in_flight == 0)
    account = node.accounting.account()
    assert account.published > 0
    assert set(account.drops) <= {"inactive"}
    lost = account.notes.get("lost_in_transport", 0)
    assert len(sent) - 5 <= account.received + lost <= len(sent)


def test_a_defect_in_a_callback_is_counted_and_the_program_goes_on(asset_dir, ros):
    node = DiceNode(
        lambda settings: Pipeline(asset_dir, settings),
        namespace="careless",
        parameter_overrides=parameters(autostart=False),
    )

    def fail():
        raise RuntimeError("defect in a callback")

    timer = node.create_timer(0.0, fail)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    assert wait_until(
        lambda: (
            dice_node._spin_once(executor, node),
            node.accounting.account().notes.get("internal_error_in_executor"),
        )[1]
    )
    timer.cancel()
    assert trigger(node, "configure", "activate") == [SUCCESS, SUCCESS]
    executor.shutdown()
    node.destroy_node()


def test_the_program_ends_when_its_node_is_shut_down(ros):
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dice_ros.ros.dice_node"),
            *("--ros-args", "-r", "__ns:=/program", "-p", "autostart:=false"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    client = ros.add(Client("program"))
    change = client.create_client(ChangeState, "/program/dice_node/change_state")
    assert change.wait_for_service(60.0)
    shutdown = Transition(id=Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    change.call_async(ChangeState.Request(transition=shutdown))
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert "received 0 images" in text
    assert "Traceback" not in text
    ros.remove(client)
