"""RViz markers: meshes with contacts in red, contact points, words.

A triangle list needs a ROS object per corner, which makes it the costliest message by far. The
meshes are drawn as point-shared triangles of every second hand triangle and the skin of the face's
front only, and the caller limits the rate.
"""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from dice_ros.ros.interaction_message import header
from dice_ros.types import FrameResult, HandSide, Interaction, MeshTopology

_LIFETIME = Duration(sec=0, nanosec=500_000_000)
_STEPS = 16
_BASES = {
    "face": (0.75, 0.78, 0.85),
    HandSide.RIGHT: (0.95, 0.75, 0.45),
    HandSide.LEFT: (0.55, 0.85, 0.60),
}


class MarkerMaker:
    """Makes marker arrays.

    Args:
        topologies: every topology results may refer to.
    """

    def __init__(self, topologies: tuple[MeshTopology, ...]) -> None:
        self._triangles = {item.id: _drawn_triangles(item) for item in topologies}
        self._ramps = {key: _ramp(base) for key, base in _BASES.items()}

    def markers(self, result: FrameResult) -> MarkerArray:
        """Markers of everybody in one image; older ones fade after half a second."""
        stamp = header(result.frame.stamp_ns, result.frame.frame_id)
        found = []
        for item in result.interactions:
            found += self._meshes(item, stamp)
            found += _contacts(item, stamp)
        return MarkerArray(markers=found)

    def _meshes(self, item: Interaction, stamp: Header) -> list[Marker]:
        meshes = []
        if item.face is not None:
            face = item.face
            meshes.append(("face", "face", face.topology, face.vertices, face.contact))
        for hand in item.hands:
            name = f"{hand.side.value}_hand"
            meshes.append((name, hand.side, hand.topology, hand.vertices, hand.contact))
        markers = []
        for name, ramp, topology, vertices, contact in meshes:
            marker = _marker(stamp, f"{name}_mesh", item.person_id, Marker.TRIANGLE_LIST)
            marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
            corners = self._triangles[topology]
            points = [Point(x=x, y=y, z=z) for x, y, z in vertices.tolist()]
            levels = np.minimum((contact * _STEPS).astype(np.int64), _STEPS - 1).tolist()
            colours = self._ramps[ramp]
            marker.points = [points[corner] for corner in corners]
            marker.colors = [colours[levels[corner]] for corner in corners]
            markers.append(marker)
        return markers


def _contacts(item: Interaction, stamp: Header) -> list[Marker]:
    markers = []
    for number, contact in enumerate(item.contacts[:8]):
        x, y, z = map(float, contact.centre)
        sphere = _marker(stamp, "contacts", 100 * item.person_id + number, Marker.SPHERE)
        sphere.pose.position = Point(x=x, y=y, z=z)
        sphere.scale = Vector3(x=0.01, y=0.01, z=0.01)
        sphere.color = ColorRGBA(r=1.0, g=0.1, b=0.1, a=float(contact.probability))
        markers.append(sphere)
    if item.contacts:
        best = item.contacts[0]
        text = _marker(stamp, "contact_text", item.person_id, Marker.TEXT_VIEW_FACING)
        x, y, z = map(float, best.centre)
        text.pose.position = Point(x=x, y=y - 0.08, z=z - 0.05)
        text.scale.z = 0.025
        text.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
        part, region = best.hand_part.replace("_", " "), best.face_region.replace("_", " ")
        text.text = f"{best.side.value} {part} on {region}"
        markers.append(text)
    return markers


def _marker(stamp: Header, namespace: str, number: int, kind: int) -> Marker:
    marker = Marker(header=stamp, ns=namespace, id=number, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.lifetime = _LIFETIME
    return marker


def _drawn_triangles(topology: MeshTopology) -> list[int]:
    """Corners of the triangles that have a region, flat: what is never touched is not drawn."""
    kept = (topology.region_labels[topology.triangles] > 0).any(axis=1)
    return topology.triangles[kept].reshape(-1).tolist()


def _ramp(base: tuple[float, float, float]) -> list[ColorRGBA]:
    """Colours from a mesh's own to red."""
    shares = np.linspace(0.0, 1.0, _STEPS)[:, None]
    colours = (1.0 - shares) * np.array(base) + shares * np.array([1.0, 0.05, 0.05])
    return [ColorRGBA(r=r, g=g, b=b, a=1.0) for r, g, b in colours.tolist()]
