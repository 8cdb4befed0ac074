"""Core results to messages. Bulk data are flat float arrays filled from bytes: element by element
they would cost milliseconds."""

from __future__ import annotations

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import Header

from dice_ros.body.rotation import quaternion_from_matrix
from dice_ros.camera import Camera
from dice_ros.msg import (
    Contact as ContactMessage,
)
from dice_ros.msg import (
    Face as FaceMessage,
)
from dice_ros.msg import (
    Hand as HandMessage,
)
from dice_ros.msg import (
    HandFaceInteraction,
)
from dice_ros.msg import (
    MeshTopology as MeshTopologyMessage,
)
from dice_ros.types import (
    Contact,
    Face,
    FrameResult,
    Hand,
    HandSide,
    Interaction,
    MeshTopology,
    StageTiming,
    TouchDecision,
)

NOBODY = -1
_SIDES = {HandSide.LEFT: HandMessage.LEFT, HandSide.RIGHT: HandMessage.RIGHT}
_TOUCHES = {
    TouchDecision.NO_OVERLAP: HandMessage.TOUCH_NO_OVERLAP,
    TouchDecision.NO_CONTACT: HandMessage.TOUCH_NO_CONTACT,
    TouchDecision.UNCERTAIN: HandMessage.TOUCH_UNCERTAIN,
    TouchDecision.CONTACT: HandMessage.TOUCH_CONTACT,
}


def interaction_messages(result: FrameResult, camera: Camera) -> list[HandFaceInteraction]:
    """One message per person; one with ``person_id`` -1 if nobody was seen."""
    if result.interactions:
        return [_interaction(item, result.timings) for item in result.interactions]
    message = HandFaceInteraction()
    message.header = header(result.frame.stamp_ns, result.frame.frame_id)
    message.person_id = NOBODY
    message.scale_source = message.contact_source = message.deformation_source = "none"
    _set_camera(message, camera)
    _set_timings(message, result.timings)
    return [message]


def topology_message(topology: MeshTopology) -> MeshTopologyMessage:
    """The constant part of a mesh."""
    message = MeshTopologyMessage()
    message.id = topology.id
    message.vertex_count = topology.vertex_count
    message.triangles = array("I", topology.triangles.astype(np.uint32).tobytes())
    message.region_labels = array("B", topology.region_labels.tobytes())
    message.region_names = list(topology.region_names)
    message.mesh_hash = topology.mesh_hash
    message.licence = topology.licence
    return message


def header(stamp_ns: int, frame_id: str) -> Header:
    """A header with a stamp in nanoseconds."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id)


def _interaction(item: Interaction, timings: tuple[StageTiming, ...]) -> HandFaceInteraction:
    message = HandFaceInteraction()
    message.header = header(item.stamp_ns, item.frame_id)
    message.person_id = item.person_id
    message.source = item.source
    message.face_present = item.face is not None
    if item.face is not None:
        message.face = _face(item.face)
    message.hands = [_hand(hand) for hand in item.hands]
    message.contacts = [_contact(contact) for contact in item.contacts]
    message.scale_source = item.scale_source.value
    message.contact_source = item.contact_source.value
    message.deformation_source = item.deformation_source.value
    _set_camera(message, item.camera)
    _set_timings(message, timings)
    return message


def _set_camera(message: HandFaceInteraction, camera: Camera) -> None:
    K = camera.K
    message.intrinsics_assumed = camera.assumed
    message.fx, message.fy = float(K[0, 0]), float(K[1, 1])
    message.cx, message.cy = float(K[0, 2]), float(K[1, 2])


def _set_timings(message: HandFaceInteraction, timings: tuple[StageTiming, ...]) -> None:
    message.stage_names = [timing.stage for timing in timings]
    message.stage_ms = array("f", [timing.duration_ms for timing in timings])


def _face(face: Face) -> FaceMessage:
    message = FaceMessage()
    message.confidence = face.confidence
    message.box_x, message.box_y = face.box.x, face.box.y
    message.box_width, message.box_height = face.box.width, face.box.height
    x, y, z, w = map(float, quaternion_from_matrix(face.pose.rotation))
    message.pose = Pose(
        position=_point(face.pose.translation), orientation=Quaternion(x=x, y=y, z=z, w=w)
    )
    message.topology = face.topology
    message.vertices = floats(face.vertices)
    message.deformation = floats(face.deformation)
    message.contact = floats(face.contact)
    message.landmarks = floats(face.landmarks)
    message.landmarks_image = floats(face.landmarks_image)
    message.betas = floats(face.betas)
    message.expression = floats(face.expression)
    message.fit_rms_px = face.fit_rms_px
    return message


def _hand(hand: Hand) -> HandMessage:
    message = HandMessage()
    message.side = _SIDES[hand.side]
    message.confidence = hand.confidence
    message.box_x, message.box_y = hand.box.x, hand.box.y
    message.box_width, message.box_height = hand.box.width, hand.box.height
    message.topology = hand.topology
    message.vertices = floats(hand.vertices)
    message.joints = floats(hand.joints)
    message.contact = floats(hand.contact)
    message.contact_presence = hand.contact_presence
    message.touch = _TOUCHES[hand.touch]
    message.global_orient = hand.global_orient.astype(np.float32)
    message.transl = hand.transl.astype(np.float32)
    message.hand_pose = floats(hand.hand_pose)
    message.betas = floats(hand.betas)
    message.scale = hand.scale
    message.depth_ratio = hand.depth_ratio
    message.fit_rms_px = hand.fit_rms_px
    return message


def _contact(contact: Contact) -> ContactMessage:
    message = ContactMessage()
    message.side = _SIDES[contact.side]
    message.hand_part = contact.hand_part
    message.face_region = contact.face_region
    message.probability = contact.probability
    message.area_mm2 = contact.area_mm2
    message.depth_mm = contact.depth_mm
    message.centre = _point(contact.centre)
    x, y, z = map(float, contact.normal)
    message.normal = Vector3(x=x, y=y, z=z)
    message.face_vertex_count = contact.face_vertex_count
    message.hand_vertex_count = contact.hand_vertex_count
    return message


def floats(values: np.ndarray) -> array:
    """A flat ``float32[]`` field from an array of any shape."""
    return array("f", np.ascontiguousarray(values, dtype=np.float32).tobytes())


def _point(values: np.ndarray) -> Point:
    x, y, z = map(float, values)
    return Point(x=x, y=y, z=z)
