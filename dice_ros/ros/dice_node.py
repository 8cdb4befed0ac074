"""The node: camera images in, hand-face interaction out.

A managed node. Its subscriptions and publishers last as long as it does; *configure* loads the
networks, *activate* starts the worker that answers images, *deactivate* and *cleanup* undo both.
Callbacks only put images into a one-slot mailbox, so the executor is never held up, and a slow
frame costs nothing but the images that arrive meanwhile, which are counted.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo

from dice_ros.camera_message_fields import camera_from_fields
from dice_ros.cli.interruption import Interruption
from dice_ros.errors import CameraError, DiceRosError, ImageError, SettingsError
from dice_ros.ros.calibration import Calibration
from dice_ros.ros.dds_profile import use_dds_profile
from dice_ros.ros.diagnostics_report import NodeState
from dice_ros.ros.frame_accounting import FrameAccounting
from dice_ros.ros.frame_worker import Arrival, FrameWorker
from dice_ros.ros.image_input import ImageInput
from dice_ros.ros.image_message import message_of
from dice_ros.ros.monitor import Monitor
from dice_ros.ros.node_tools import NodeTools
from dice_ros.ros.parameters import SettingsParameters
from dice_ros.ros.pipeline_host import PipelineFactory, PipelineHost, pipeline_of_the_user
from dice_ros.ros.publications import Publications
from dice_ros.ros.task_thread import TaskThread
from dice_ros.ros.throttled_log import ThrottledLog
from dice_ros.ros.transport_losses import TransportLosses
from dice_ros.ros.watchdog import Sight
from dice_ros.settings import Settings

STOP_TIMEOUT_S = 10.0
"""How long the image in progress may take to finish before the worker is abandoned."""
_FLUSH_TIMEOUT_S = 1.0
"""How long a node that ends waits for slow listeners."""
_HEARTBEAT_S = 0.2


class DiceNode(LifecycleNode):
    """Publishes :class:`dice_ros.msg.HandFaceInteraction` for every image.

    Args:
        pipeline_factory: makes the pipeline from the settings; None takes the user's assets.
        **options: handed to :class:`rclpy.lifecycle.LifecycleNode`.

    Raises:
        SettingsError: a parameter is unknown or invalid.
    """

    def __init__(self, pipeline_factory: PipelineFactory | None = None, **options) -> None:
        super().__init__("dice_node", **options)
        # First what destroy_node needs: a wrong parameter below ends the node half made.
        self._accounting = FrameAccounting()
        self._monitor: Monitor | None = None
        self._host: PipelineHost | None = None
        self._worker: FrameWorker | None = None
        self._thread: TaskThread | None = None
        self._make_pipeline = pipeline_factory or pipeline_of_the_user
        self._settings_parameters = SettingsParameters(self, self._on_settings)
        self._log = ThrottledLog(self.get_logger())
        self.failure: str | None = None
        """Why the node cannot work; None while it can."""
        self.has_ended = False
        """Whether it will never work again: shut down, or unable to start by itself."""
        self._transition: str | None = None
        self._rebuild_failure: Exception | None = None
        self._input_s: float | None = None
        self._heartbeat_s: float | None = None
        self._losses = TransportLosses()
        self._input = ImageInput(
            self, self.settings, self._on_image, self._on_camera_info, self._on_mismatch
        )
        self._publications = Publications(self, self.settings, self._on_mismatch)
        self._calibration = Calibration(self._input.info_topic, self._on_calibration_trouble)
        self._tools = NodeTools(
            settings=lambda: self.settings,
            now_ns=lambda: self.get_clock().now().nanoseconds,
            is_ending=lambda: not self.context.ok(),
            accounting=self._accounting,
            calibration=self._calibration,
            publications=self._publications,
            log=self._log,
        )
        self._jump_handle = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1)),
            post_callback=self._on_clock_jump,
        )
        # Not the node's clock: a simulation that stands still must not stop these.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._rebuild_failed = self.create_guard_condition(self._on_rebuild_failed)
        self._heartbeat = self.create_timer(_HEARTBEAT_S, self._on_heartbeat, clock=steady)
        if self.settings.autostart:
            self._autostart_timer = self.create_timer(0.0, self._autostart, clock=steady)
        self._monitor = Monitor(self, self._tools, sight=self._sight, state=self._state)
        self._monitor.start()

    @property
    def settings(self) -> Settings:
        """Settings in force."""
        return self._settings_parameters.settings

    @property
    def accounting(self) -> FrameAccounting:
        """Where every frame went."""
        return self._accounting

    @property
    def lifecycle_label(self) -> str:
        """The lifecycle state, e.g. ``active``."""
        return self._state_machine.current_state[1]

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the networks; fails with the reason if files are missing."""
        del state
        return self._guarded("configure", self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer images from now on."""
        del state
        return self._guarded("activate", self._activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Finish the image in progress and answer no more."""
        del state
        return self._guarded("deactivate", self._deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the networks."""
        del state
        return self._guarded("cleanup", self._cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything; what goes wrong is said, and the node is done all the same."""
        del state
        self._guarded("shutdown", self._release)
        self.has_ended = True
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything, so that the node can be configured anew."""
        del state
        self._accounting.noted("transition_error")
        reason = self.failure
        outcome = self._guarded("error", self._release)
        if outcome is not TransitionCallbackReturn.SUCCESS:
            self.has_ended = True
            return TransitionCallbackReturn.FAILURE
        self.failure = reason
        return outcome

    def destroy_node(self) -> None:
        """Stop everything, say where every frame went, and free everything."""
        if self._monitor is not None:
            self._monitor.stop(STOP_TIMEOUT_S)
            self._guarded("destroy", self._release)
            self._end_thread()
            if self.context.ok():
                self._publications.flush(_FLUSH_TIMEOUT_S)
            self._jump_handle.unregister()
            self._say(self._accounting.account().sentence())
        super().destroy_node()

    def note_defect(self) -> None:
        """Count and say the exception being handled, which came out of the executor."""
        self._accounting.noted("internal_error_in_executor")
        text = f"a callback failed; please report this:\n{traceback.format_exc()}"
        self._log.error("internal_error_in_executor", text)

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() is not TransitionCallbackReturn.SUCCESS:
                self.has_ended = True
                return

    def _guarded(self, name: str, action: Callable[[], None]) -> TransitionCallbackReturn:
        """Run a transition's action; rclpy itself would swallow what is wrong."""
        self._transition = name
        try:
            action()
        except DiceRosError as error:
            self._fail(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # a node outlives its transitions
            self.get_logger().error(traceback.format_exc())
            self._fail(f"the transition {name} failed: {type(error).__name__}: {error}")
            return TransitionCallbackReturn.ERROR
        finally:
            self._transition = None
            self._heartbeat_s = None
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self.failure = None
        self._host = PipelineHost(self._make_pipeline, self.settings, self._on_rebuilt)

    def _activate(self) -> None:
        host = self._host
        if host is None:
            raise RuntimeError("there is no pipeline to activate")
        # Parameters may have changed while nobody answered images.
        host.change(self.settings)
        if self._thread is None:
            self._thread = TaskThread("dice_worker")
        worker = FrameWorker(host, self._tools, self._thread)
        worker.start()
        self._worker = worker
        self._input_s = time.monotonic()
        self._say("ready")

    def _deactivate(self) -> None:
        worker, self._worker = self._worker, None
        self._input_s = None
        if worker is None:
            return
        has_stopped = worker.stop(STOP_TIMEOUT_S)
        if self.context.ok():
            self._publications.end_touches()
        if not has_stopped:
            # It closes the pipeline when it comes back: nobody else may touch it.
            stage = worker.stages.stage
            self._host = None
            self._end_thread()
            where = stage.name if stage else "work"
            raise RuntimeError(f"the worker hangs in {where} and was abandoned")

    def _end_thread(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.end()

    def _cleanup(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            host.close()

    def _release(self) -> None:
        try:
            self._deactivate()
        finally:
            self._cleanup()

    def _on_image(self, data: bytes, info: Mapping[str, Any]) -> None:
        self._accounting.received()
        self._count_losses(info)
        if self._worker is None:
            self._accounting.dropped("inactive")
            return
        self._input_s = time.monotonic()
        self._worker.offer(Arrival(data, self._input.kind, self._input.topic))

    def _count_losses(self, info: Mapping[str, Any]) -> None:
        lost = self._losses.seen(info)
        if lost:
            self._accounting.noted("lost_in_transport", lost)

    def _on_camera_info(self, data: bytes) -> None:
        try:
            camera = camera_from_fields(message_of(data, CameraInfo))
        except (CameraError, ImageError) as error:
            if error.reason != "uncalibrated":
                self._accounting.noted(error.reason)
                self._log.warning(error.reason, f"a CameraInfo is left out: {error}")
            return
        self._calibration.receive(camera)

    def _on_calibration_trouble(self, reason: str, text: str) -> None:
        if reason != "intrinsics_assumed":  # a state, not an event
            self._accounting.noted(reason)
        self._log.warning(reason, text)

    def _on_mismatch(self, text: str) -> None:
        self._accounting.noted("incompatible_qos")
        self._log.warning(f"incompatible_qos {text}", text)

    def _on_clock_jump(self, jump: TimeJump) -> None:
        if jump.delta.nanoseconds >= 0:
            return
        self._accounting.noted("clock_went_back")
        worker = self._worker
        if worker is not None:
            worker.clock_went_back(self.get_clock().now().nanoseconds)

    def _on_settings(self, settings: Settings) -> None:
        self._input.change(settings)
        if self._host is not None:
            self._host.change(settings)

    def _on_rebuilt(self, failure: Exception | None) -> None:
        """Called by the building thread."""
        if failure is None:
            self._accounting.noted("estimator_rebuilt")
            self._say("the estimator was rebuilt")
            return
        self._rebuild_failure = failure
        self._rebuild_failed.trigger()

    def _on_rebuild_failed(self) -> None:
        """Set the parameters back, so that they say what is in force."""
        failure, host = self._rebuild_failure, self._host
        if failure is None or host is None:
            return
        self._rebuild_failure = None
        self._accounting.noted("rebuild_failed")
        self.get_logger().error(
            f"the estimator could not be rebuilt, the old one goes on: "
            f"{type(failure).__name__}: {failure}"
        )
        values = host.built_values().items()
        self.set_parameters_atomically([Parameter(name, value=value) for name, value in values])

    def _on_heartbeat(self) -> None:
        self._heartbeat_s = time.monotonic()

    def _sight(self) -> Sight:
        worker, input_s = self._worker, self._input_s
        return Sight(
            stage=worker.stages.stage if worker else None,
            thread_id=worker.thread_id if worker else None,
            executor_s=None if self._transition else self._heartbeat_s,
            input_s=input_s if worker else None,
            clock_ns=self.get_clock().now().nanoseconds,
            why_silent=self._input.silence_text,
        )

    def _state(self) -> NodeState:
        host, lifecycle = self._host, self.lifecycle_label
        return NodeState(
            name=self.get_fully_qualified_name(),
            lifecycle=lifecycle,
            text=_state_text(self._transition, lifecycle),
            failure=self.failure,
            intrinsics_assumed=self._calibration.is_assumed,
            rebuilding=host is not None and host.is_rebuilding,
            estimator={} if host is None else host.status,
        )

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self.get_logger().fatal(reason)

    def _say(self, text: str) -> None:
        # After a shutdown signal the logger may have lost its context.
        if self.context.ok():
            self.get_logger().info(text)
        else:
            sys.stderr.write(f"[dice_node] {text}\n")


def _state_text(transition: str | None, lifecycle: str) -> str:
    if transition == "configure":
        return "loading networks"
    return "ready" if lifecycle == "active" else transition or lifecycle


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is interrupted or shut down; returns the exit code."""
    use_dds_profile()
    # rclpy's own handlers would end the communication first: open touches could not be ended.
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    with Interruption() as interruption:
        try:
            return _run(interruption)
        except KeyboardInterrupt:  # asked twice
            return 1
        finally:
            rclpy.try_shutdown()


def _run(interruption: Interruption) -> int:
    try:
        node = DiceNode()
    except SettingsError as error:
        sys.stderr.write(f"dice_node: {error}\n")
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with suppress(ExternalShutdownException):
        while rclpy.ok() and not node.has_ended and not interruption.is_asked():
            _spin_once(executor, node)
    failed = node.has_ended and node.failure is not None
    executor.shutdown()
    node.destroy_node()
    return 1 if failed else 0


def _spin_once(executor: SingleThreadedExecutor, node: DiceNode) -> None:
    try:
        executor.spin_once(timeout_sec=0.2)
    except (KeyboardInterrupt, ExternalShutdownException):
        raise
    except Exception:  # the node outlives a defect in one callback
        if not rclpy.ok():
            return
        node.note_defect()
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
