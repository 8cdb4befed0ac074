"""Reading results back from MCAP as the values they were made from."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mcap.exceptions import McapError
from mcap.reader import McapReader, make_reader
from numpy.typing import NDArray

from dice_ros.body.rotation import matrix_from_quaternion
from dice_ros.camera import Camera
from dice_ros.errors import InputError
from dice_ros.events.touch_event import TouchEvent
from dice_ros.replay.interaction_record import SIDE_CODES, TOUCH_CODES
from dice_ros.replay.message_store import (
    INTERACTION_TYPE,
    TOPOLOGY_TYPE,
    TOUCH_EVENT_TYPE,
    message_store,
)
from dice_ros.replay.results_writer import (
    INTERACTION_TOPIC,
    TOPOLOGY_TOPIC,
    TOUCH_EVENT_TOPIC,
)
from dice_ros.replay.touch_record import touch_event_of
from dice_ros.types import (
    Box,
    Contact,
    ContactSource,
    DeformationSource,
    Face,
    Hand,
    Interaction,
    MeshTopology,
    Pose,
    ScaleSource,
    StageTiming,
)

_SIDES = {code: side for side, code in SIDE_CODES.items()}
_TOUCHES = {code: touch for touch, code in TOUCH_CODES.items()}


def read_interactions(path: Path) -> Iterator[Interaction | None]:
    """Every message of ``/dice/interaction`` in stamp order; None for a frame without anybody.

    Raises:
        InputError: the file is missing or damaged.
    """
    for data in _messages(path, INTERACTION_TOPIC):
        message: Any = message_store().deserialize_cdr(data, INTERACTION_TYPE)
        yield None if message.person_id < 0 else _interaction(message)


@dataclass(frozen=True, slots=True, eq=False)
class ResultFrame:
    """One answered image.

    Attributes:
        stamp_ns: stamp of the image.
        interactions: everybody in it; empty if nobody was seen.
    """

    stamp_ns: int
    interactions: tuple[Interaction, ...]


def read_frames(path: Path, camera: str = "") -> Iterator[ResultFrame]:
    """Every answered image of one camera, in the order in which they were processed.

    Args:
        path: the results.
        camera: prefix of its topics; see :func:`result_cameras`.

    Raises:
        InputError: the file is missing or damaged.
    """
    stamp_ns, people = None, list[Interaction]()
    for data in _messages(path, camera + INTERACTION_TOPIC, in_file_order=True):
        message: Any = message_store().deserialize_cdr(data, INTERACTION_TYPE)
        found = None if message.person_id < 0 else _interaction(message)
        now_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        # One message a person: somebody again, or nobody, is another image with the same stamp.
        known = {item.person_id for item in people}
        if now_ns != stamp_ns or found is None or found.person_id in known or not people:
            if stamp_ns is not None:
                yield ResultFrame(stamp_ns, tuple(people))
            stamp_ns, people = now_ns, []
        if found is not None:
            people.append(found)
    if stamp_ns is not None:
        yield ResultFrame(stamp_ns, tuple(people))


def read_touch_events(path: Path, camera: str = "") -> Iterator[TouchEvent]:
    """Everything that was told of touches, in order.

    Empty, too, for files written before there were touch events: see
    :func:`dice_ros.replay.touch_recount.recount_touches`.

    Args:
        path: the results.
        camera: prefix of its topics; see :func:`result_cameras`.

    Raises:
        InputError: the file is missing or damaged.
    """
    for data in _messages(path, camera + TOUCH_EVENT_TOPIC, in_file_order=True):
        message: Any = message_store().deserialize_cdr(data, TOUCH_EVENT_TYPE)
        try:
            yield touch_event_of(message)
        except ValueError as error:
            raise InputError(f"the results {path} cannot be read: {error}") from error


def result_cameras(path: Path) -> tuple[str, ...]:
    """Prefixes of the topics of each camera's results, by name; one empty prefix if it was alone.

    Raises:
        InputError: the file is missing or damaged.
    """
    with _opened(path) as reader:
        summary = reader.get_summary()
        topics = {channel.topic for channel in summary.channels.values()} if summary else set()
    return tuple(
        sorted(
            topic.removesuffix(INTERACTION_TOPIC)
            for topic in topics
            if topic.endswith(INTERACTION_TOPIC)
        )
    )


def read_topologies(path: Path) -> dict[str, MeshTopology]:
    """Every topology by its id.

    Raises:
        InputError: the file is missing or damaged.
    """
    found = {}
    for data in _messages(path, TOPOLOGY_TOPIC):
        message: Any = message_store().deserialize_cdr(data, TOPOLOGY_TYPE)
        found[message.id] = MeshTopology(
            id=message.id,
            triangles=message.triangles.astype(np.int32).reshape(-1, 3),
            region_labels=message.region_labels,
            region_names=tuple(message.region_names),
            mesh_hash=message.mesh_hash,
            licence=message.licence,
        )
    return found


def _messages(path: Path, topic: str, *, in_file_order: bool = False) -> Iterator[bytes]:
    with _opened(path) as reader:
        found = reader.iter_messages(topics=[topic], log_time_order=not in_file_order)
        for _, _, message in found:
            yield message.data


@contextmanager
def _opened(path: Path) -> Iterator[McapReader]:
    try:
        with path.open("rb") as file:
            yield make_reader(file)
    except (OSError, EOFError, McapError, struct.error) as error:
        raise InputError(f"the results {path} cannot be read: {error}") from error


def _interaction(message: Any) -> Interaction:
    K = np.array([[message.fx, 0, message.cx], [0, message.fy, message.cy], [0, 0, 1.0]])
    # The image size is not part of the message; twice the centre is right for most cameras.
    camera = Camera(
        K, round(2 * message.cx), round(2 * message.cy), assumed=message.intrinsics_assumed
    )
    stamp = message.header.stamp
    return Interaction(
        stamp_ns=stamp.sec * 1_000_000_000 + stamp.nanosec,
        frame_id=message.header.frame_id,
        person_id=message.person_id,
        source=message.source,
        face=_face(message.face) if message.face_present else None,
        hands=tuple(_hand(hand) for hand in message.hands),
        contacts=tuple(_contact(contact) for contact in message.contacts),
        camera=camera,
        scale_source=ScaleSource(message.scale_source),
        contact_source=ContactSource(message.contact_source),
        deformation_source=DeformationSource(message.deformation_source),
        timings=tuple(
            StageTiming(name, float(ms))
            for name, ms in zip(message.stage_names, message.stage_ms, strict=True)
        ),
    )


def _face(face: Any) -> Face:
    position, turn = face.pose.position, face.pose.orientation
    return Face(
        confidence=face.confidence,
        box=Box(face.box_x, face.box_y, face.box_width, face.box_height),
        pose=Pose(
            matrix_from_quaternion(np.array([turn.x, turn.y, turn.z, turn.w])),
            np.array([position.x, position.y, position.z]),
        ),
        topology=face.topology,
        vertices=_rows(face.vertices, 3),
        deformation=_rows(face.deformation, 3),
        contact=face.contact,
        landmarks=_rows(face.landmarks, 3),
        landmarks_image=_rows(face.landmarks_image, 2),
        betas=face.betas,
        expression=face.expression,
        fit_rms_px=face.fit_rms_px,
    )


def _hand(hand: Any) -> Hand:
    return Hand(
        side=_SIDES[hand.side],
        confidence=hand.confidence,
        box=Box(hand.box_x, hand.box_y, hand.box_width, hand.box_height),
        topology=hand.topology,
        vertices=_rows(hand.vertices, 3),
        joints=_rows(hand.joints, 3),
        contact=hand.contact,
        contact_presence=hand.contact_presence,
        touch=_TOUCHES[hand.touch],
        global_orient=hand.global_orient,
        transl=hand.transl,
        hand_pose=hand.hand_pose,
        betas=hand.betas,
        scale=hand.scale,
        depth_ratio=hand.depth_ratio,
        fit_rms_px=hand.fit_rms_px,
    )


def _contact(contact: Any) -> Contact:
    centre, normal = contact.centre, contact.normal
    return Contact(
        side=_SIDES[contact.side],
        hand_part=contact.hand_part,
        face_region=contact.face_region,
        probability=contact.probability,
        area_mm2=contact.area_mm2,
        depth_mm=contact.depth_mm,
        centre=np.array([centre.x, centre.y, centre.z], dtype=np.float32),
        normal=np.array([normal.x, normal.y, normal.z], dtype=np.float32),
        face_vertex_count=contact.face_vertex_count,
        hand_vertex_count=contact.hand_vertex_count,
    )


def _rows(flat: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    return flat.reshape(-1, width)
