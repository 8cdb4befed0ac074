"""Results as messages of a type store: what is written into a bag without ROS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.rotation import quaternion_from_matrix
from dice_ros.replay.message_store import message_store
from dice_ros.types import (
    Contact,
    Face,
    Frame,
    FrameResult,
    Hand,
    HandSide,
    Interaction,
    MeshTopology,
    StageTiming,
    TouchDecision,
)

NOBODY = -1
"""``person_id`` of the message that answers a frame without anybody."""

SIDE_CODES = {HandSide.LEFT: 0, HandSide.RIGHT: 1}
TOUCH_CODES = {
    TouchDecision.NO_OVERLAP: 0,
    TouchDecision.NO_CONTACT: 1,
    TouchDecision.UNCERTAIN: 2,
    TouchDecision.CONTACT: 3,
}
Message = Any
"""A dataclass that the type store makes at run time."""


def interaction_records(result: FrameResult) -> list[Message]:
    """One ``HandFaceInteraction`` per person; one for nobody if the frame is empty."""
    if not result.interactions:
        return [_empty_record(result)]
    return [_record(item, result.timings) for item in result.interactions]


def topology_record(topology: MeshTopology) -> Message:
    """``MeshTopology``."""
    return _new(
        "dice_ros/msg/MeshTopology",
        id=topology.id,
        vertex_count=topology.vertex_count,
        triangles=topology.triangles.reshape(-1).astype(np.uint32),
        region_labels=topology.region_labels,
        region_names=list(topology.region_names),
        mesh_hash=topology.mesh_hash,
        licence=topology.licence,
    )


def header_record(stamp_ns: int, frame_id: str) -> Message:
    """``std_msgs/Header``."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    stamp = _new("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
    return _new("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def _record(item: Interaction, timings: tuple[StageTiming, ...]) -> Message:
    K = item.camera.K
    return _new(
        "dice_ros/msg/HandFaceInteraction",
        header=header_record(item.stamp_ns, item.frame_id),
        person_id=item.person_id,
        source=item.source,
        face_present=item.face is not None,
        face=_empty_face() if item.face is None else _face(item.face),
        hands=[_hand(hand) for hand in item.hands],
        contacts=[_contact(contact) for contact in item.contacts],
        scale_source=item.scale_source.value,
        contact_source=item.contact_source.value,
        deformation_source=item.deformation_source.value,
        intrinsics_assumed=item.camera.assumed,
        fx=float(K[0, 0]),
        fy=float(K[1, 1]),
        cx=float(K[0, 2]),
        cy=float(K[1, 2]),
        stage_names=[timing.stage for timing in timings],
        stage_ms=np.array([timing.duration_ms for timing in timings], dtype=np.float32),
    )


def _empty_record(result: FrameResult) -> Message:
    frame: Frame = result.frame
    K = np.zeros((3, 3)) if frame.camera is None else frame.camera.K
    return _new(
        "dice_ros/msg/HandFaceInteraction",
        header=header_record(frame.stamp_ns, frame.frame_id),
        person_id=NOBODY,
        source="",
        face_present=False,
        face=_empty_face(),
        hands=[],
        contacts=[],
        scale_source="none",
        contact_source="none",
        deformation_source="none",
        intrinsics_assumed=frame.camera is None or frame.camera.assumed,
        fx=float(K[0, 0]),
        fy=float(K[1, 1]),
        cx=float(K[0, 2]),
        cy=float(K[1, 2]),
        stage_names=[timing.stage for timing in result.timings],
        stage_ms=np.array([timing.duration_ms for timing in result.timings], dtype=np.float32),
    )


def _face(face: Face) -> Message:
    return _new(
        "dice_ros/msg/Face",
        confidence=face.confidence,
        box_x=face.box.x,
        box_y=face.box.y,
        box_width=face.box.width,
        box_height=face.box.height,
        pose=_pose(face.pose.translation, quaternion_from_matrix(face.pose.rotation)),
        topology=face.topology,
        vertices=_flat(face.vertices),
        deformation=_flat(face.deformation),
        contact=_flat(face.contact),
        landmarks=_flat(face.landmarks),
        landmarks_image=_flat(face.landmarks_image),
        betas=_flat(face.betas),
        expression=_flat(face.expression),
        fit_rms_px=face.fit_rms_px,
    )


def _empty_face() -> Message:
    none = np.zeros(0, dtype=np.float32)
    return _new(
        "dice_ros/msg/Face",
        confidence=0.0,
        box_x=0.0,
        box_y=0.0,
        box_width=0.0,
        box_height=0.0,
        pose=_pose(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])),
        topology="",
        vertices=none,
        deformation=none,
        contact=none,
        landmarks=none,
        landmarks_image=none,
        betas=none,
        expression=none,
        fit_rms_px=0.0,
    )


def _hand(hand: Hand) -> Message:
    return _new(
        "dice_ros/msg/Hand",
        side=SIDE_CODES[hand.side],
        confidence=hand.confidence,
        box_x=hand.box.x,
        box_y=hand.box.y,
        box_width=hand.box.width,
        box_height=hand.box.height,
        topology=hand.topology,
        vertices=_flat(hand.vertices),
        joints=_flat(hand.joints),
        contact=_flat(hand.contact),
        contact_presence=hand.contact_presence,
        touch=TOUCH_CODES[hand.touch],
        global_orient=_flat(hand.global_orient),
        transl=_flat(hand.transl),
        hand_pose=_flat(hand.hand_pose),
        betas=_flat(hand.betas),
        scale=hand.scale,
        depth_ratio=hand.depth_ratio,
        fit_rms_px=hand.fit_rms_px,
    )


def _contact(contact: Contact) -> Message:
    x, y, z = map(float, contact.centre)
    normal_x, normal_y, normal_z = map(float, contact.normal)
    return _new(
        "dice_ros/msg/Contact",
        side=SIDE_CODES[contact.side],
        hand_part=contact.hand_part,
        face_region=contact.face_region,
        probability=contact.probability,
        area_mm2=contact.area_mm2,
        depth_mm=contact.depth_mm,
        centre=_new("geometry_msgs/msg/Point", x=x, y=y, z=z),
        normal=_new("geometry_msgs/msg/Vector3", x=normal_x, y=normal_y, z=normal_z),
        face_vertex_count=contact.face_vertex_count,
        hand_vertex_count=contact.hand_vertex_count,
    )


def _pose(position: NDArray[np.floating], quaternion: NDArray[np.floating]) -> Message:
    px, py, pz = map(float, position)
    x, y, z, w = map(float, quaternion)
    return _new(
        "geometry_msgs/msg/Pose",
        position=_new("geometry_msgs/msg/Point", x=px, y=py, z=pz),
        orientation=_new("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
    )


def _flat(array: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32).reshape(-1)


def _new(type_name: str, **fields: Any) -> Message:
    return message_store().types[type_name](**fields)
