"""What is constant about DICE's meshes: triangles and named regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.body.dice_bodies import DiceBodies
from dice_ros.body.hand_parts import mano_part_labels
from dice_ros.body.keypoint_regressors import face_keypoints
from dice_ros.body.open_head import OpenHead
from dice_ros.body.region_labels import without_islands
from dice_ros.body.region_transfer import transfer_face_regions
from dice_ros.body.topology import make_topology
from dice_ros.types import HandSide, MeshTopology

_FLAME_LICENCE = "FLAME, Max Planck Society: non-commercial research only"
_MANO_LICENCE = "MANO, Max Planck Society: non-commercial research only"
_SYNTHETIC_LICENCE = "synthetic stand-in, CC0-1.0, made from the MakeHuman base mesh"


@dataclass(frozen=True, slots=True, eq=False)
class DiceTopologies:
    """Topologies of the head and of both hands."""

    head: MeshTopology
    hands: dict[HandSide, MeshTopology]


def dice_topologies(bodies: DiceBodies, open_head: OpenHead) -> DiceTopologies:
    """Triangles of the bodies with regions carried over from the open head.

    Ids are ``flame-5023``, ``mano-right-778`` and ``mano-left-778``; stand-ins have
    ``synthetic-`` in front, so that nothing made with them is taken for the real thing.
    """
    flame, mano = bodies.flame, bodies.mano
    prefix = "synthetic-" if bodies.synthetic else ""
    landmarks = face_keypoints(flame, flame.template[None])[0]
    regions = transfer_face_regions(open_head, flame.template, flame.triangles, landmarks)
    head = make_topology(
        f"{prefix}flame-{len(flame.template)}",
        flame.triangles,
        regions.labels,
        regions.names,
        _SYNTHETIC_LICENCE if bodies.synthetic else _FLAME_LICENCE,
    )
    joints = mano.joint_regressor @ mano.template
    parts = mano_part_labels(mano.template, joints, mano.weights)
    part_labels = without_islands(parts.labels, mano.triangles)
    hands = {}
    for side, triangles in (
        (HandSide.RIGHT, mano.triangles),
        (HandSide.LEFT, np.ascontiguousarray(mano.triangles[:, ::-1])),
    ):
        hands[side] = make_topology(
            f"{prefix}mano-{side.value}-{len(mano.template)}",
            triangles,
            part_labels,
            parts.names,
            _SYNTHETIC_LICENCE if bodies.synthetic else _MANO_LICENCE,
        )
    return DiceTopologies(head, hands)
