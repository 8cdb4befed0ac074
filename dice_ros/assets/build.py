"""Building ``head.npz`` and ``hand.npz`` from the fetched networks and geometry."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import numpy as np

from dice_ros.assets.face_regions import (
    REGION_NAMES,
    drawing_materials,
    face_regions,
    skin_stiffness,
)
from dice_ros.assets.hand_geometry import cut_hand
from dice_ros.assets.head_geometry import EXPRESSION_NAMES, cut_head
from dice_ros.assets.landmark_embedding import CROP_SIZE, embed_landmarks
from dice_ros.assets.makehuman import MakeHumanFiles
from dice_ros.body.hand_parts import PART_NAMES
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.perception.face_landmarks import FaceLandmarkNetwork
from dice_ros.perception.rotated_box import RotatedBox
from dice_ros.types import Float32Array, UInt8Array


def build_hand(geometry_wheel: Path) -> OpenHand:
    """The open hand from the geometry wheel."""
    with ZipFile(geometry_wheel) as wheel:
        hand = cut_hand(MakeHumanFiles(wheel))
    return OpenHand(
        template=hand.template.astype(np.float32),
        triangles=hand.triangles,
        joints=hand.joints.astype(np.float32),
        weights=hand.weights.astype(np.float32),
        shape_basis=hand.shape_basis.astype(np.float32),
        joint_shape_basis=hand.joint_shape_basis.astype(np.float32),
        region_labels=hand.part_labels,
        region_names=PART_NAMES,
    )


def build_head(geometry_wheel: Path, networks: Path) -> OpenHead:
    """The open head from the geometry wheel; its landmarks by the face network."""
    with ZipFile(geometry_wheel) as wheel:
        head = cut_head(MakeHumanFiles(wheel))
    # One thread, so that the file is the same on every machine.
    network = FaceLandmarkNetwork(networks / "face_landmarks.tflite", threads=1)
    half = 0.5 * CROP_SIZE
    whole = RotatedBox(half, half, float(CROP_SIZE), 0.0)

    def read_face(picture: UInt8Array) -> tuple[Float32Array, float]:
        return network.run(picture, whole)

    embedding = embed_landmarks(head, read_face)
    network.close()
    corners = head.template[head.triangles[embedding.triangles]]
    landmarks = np.einsum("lk,lkc->lc", embedding.barycentric, corners)
    regions = face_regions(head, landmarks)
    return OpenHead(
        template=head.template.astype(np.float32),
        triangles=head.triangles,
        identity_basis=head.identity_basis.astype(np.float32),
        expression_basis=head.expression_basis.astype(np.float32),
        expression_names=EXPRESSION_NAMES,
        exterior=head.exterior,
        mirror=head.mirror,
        stiffness=skin_stiffness(head, landmarks).astype(np.float32),
        landmark_triangles=embedding.triangles,
        landmark_barycentric=embedding.barycentric.astype(np.float32),
        landmark_spread=embedding.spread.astype(np.float32),
        region_labels=regions,
        region_names=REGION_NAMES,
        materials=drawing_materials(head, landmarks, regions),
    )
