"""Touched face vertices as a point cloud, made only while somebody listens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2, PointField

from dice_ros.ros.interaction_message import header
from dice_ros.types import FrameResult, HandSide, Interaction, MeshTopology

_POINT = np.dtype(
    [
        *(("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("probability", "<f4")),
        *(("side", "u1"), ("region", "u1"), ("padding", "<u2")),
    ]
)
_KINDS = {"f": PointField.FLOAT32, "u": PointField.UINT8}
_SIDES = {HandSide.LEFT: 0, HandSide.RIGHT: 1}
_FIELDS = [
    PointField(
        name=name,
        offset=_POINT.fields[name][1],
        datatype=_KINDS[_POINT.fields[name][0].kind],
        count=1,
    )
    for name in _POINT.names
    if name != "padding"
]


class ContactPointsPublisher:
    """Publishes ``dice/contact_points``: one cloud an image, empty if nobody touches.

    Fields: ``x``, ``y``, ``z`` (metres, camera optical frame, deformed skin), ``probability`` (of
    contact), ``side`` (0 left, 1 right, of the hand with the nearest touching vertex), ``region``
    (index into ``region_names`` of the head's topology).

    Args:
        node: the node that owns the topic.
    """

    def __init__(self, node: Node) -> None:
        self._publisher = node.create_publisher(PointCloud2, "dice/contact_points", 2)
        self._labels: dict[str, NDArray[np.uint8]] = {}

    def prepare(self, topologies: Sequence[MeshTopology]) -> None:
        """Learn the regions of the heads."""
        self._labels = {item.id: item.region_labels for item in topologies}

    def publish(self, result: FrameResult, probability_min: float) -> None:
        """Send the points that are at least so probable, if somebody listens."""
        if self._publisher.get_subscription_count() == 0:
            return
        clouds = [self._points(item, probability_min) for item in result.interactions]
        points = np.concatenate([np.zeros(0, dtype=_POINT), *clouds])
        message = PointCloud2(
            header=header(result.frame.stamp_ns, result.frame.frame_id),
            height=1,
            width=len(points),
            fields=_FIELDS,
            point_step=_POINT.itemsize,
            row_step=points.nbytes,
            is_dense=True,
        )
        message.data.frombytes(points.tobytes())
        self._publisher.publish(message)

    def _points(self, item: Interaction, probability_min: float) -> NDArray[np.void]:
        face = item.face
        labels = None if face is None else self._labels.get(face.topology)
        if face is None or labels is None:
            return np.zeros(0, dtype=_POINT)
        touched = np.flatnonzero(face.contact >= probability_min)
        points = np.zeros(len(touched), dtype=_POINT)
        if not len(touched):
            return points
        places = face.vertices[touched]
        for column, axis in enumerate("xyz"):
            points[axis] = places[:, column]
        points["probability"] = face.contact[touched]
        points["side"] = _nearest_sides(item, places, probability_min)
        points["region"] = labels[touched]
        return points


def _nearest_sides(
    item: Interaction, places: NDArray[np.float32], probability_min: float
) -> NDArray[np.uint8]:
    """Whose touching vertices are nearest to each place; with one hand there is no question."""
    sides = np.array([_SIDES[hand.side] for hand in item.hands] or [0], dtype=np.uint8)
    if len(item.hands) < 2:
        return np.full(len(places), sides[0], dtype=np.uint8)
    gaps = []
    for hand in item.hands:
        touching = hand.vertices[hand.contact >= probability_min]
        offsets = places[:, None] - touching[None]
        gaps.append((offsets**2).sum(axis=2).min(axis=1, initial=np.inf))
    return sides[np.argmin(gaps, axis=0)]
