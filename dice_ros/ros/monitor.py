"""What the node tells of itself: ``/diagnostics`` in regular intervals, ``~/stats`` when asked."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from std_srvs.srv import Trigger

from dice_ros.ros.diagnostics_report import DiagnosticsReport, NodeState
from dice_ros.ros.node_tools import NodeTools
from dice_ros.ros.reporter import Reporter
from dice_ros.ros.watchdog import Sight, Watchdog

_MOST_IN_FLIGHT = 2
"""One image may wait and one be in progress; more would be lost somewhere."""


class Monitor:
    """Watches a node from a thread of its own, which goes on while the executor is busy.

    Args:
        node: the node.
        tools: its counts, its log and its settings.
        sight: what the watchdog needs to know.
        state: what the diagnostics need to know.
    """

    def __init__(
        self,
        node: Node,
        tools: NodeTools,
        *,
        sight: Callable[[], Sight],
        state: Callable[[], NodeState],
    ) -> None:
        self._node = node
        self._accounting, self._settings = tools.accounting, tools.settings
        self._sight, self._state = sight, state
        self._watchdog = Watchdog(tools.accounting, tools.log)
        self._report = DiagnosticsReport()
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        node.create_service(Trigger, "~/stats", self._on_stats)
        self._reporter = Reporter(self._publish, lambda: self._settings().diagnostics_period_s)

    def start(self) -> None:
        """Begin to report."""
        self._reporter.start()

    def stop(self, timeout_s: float) -> None:
        """Report no more."""
        self._reporter.stop(timeout_s)

    def _publish(self) -> None:
        troubles = self._watchdog.look(self._sight(), self._settings())
        message = self._report.message(self._accounting.account(), self._state(), troubles)
        message.header.stamp = self._node.get_clock().now().to_msg()
        if self._node.context.ok():
            self._publisher.publish(message)

    def _on_stats(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        del request
        account = self._accounting.account()
        response.success = 0 <= account.in_flight <= _MOST_IN_FLIGHT
        response.message = account.json_text()
        return response
