"""What is constant about MANO's meshes: triangles and named parts, of both hands."""

from __future__ import annotations

import numpy as np

from dice_ros.body.hand_parts import mano_part_labels
from dice_ros.body.mano_arrays import ManoArrays
from dice_ros.body.region_labels import without_islands
from dice_ros.body.topology import make_topology
from dice_ros.types import HandSide, MeshTopology

SYNTHETIC_LICENCE = "synthetic stand-in, CC0-1.0, made from the MakeHuman base mesh"
_MANO_LICENCE = "MANO, Max Planck Society: non-commercial research only"


def mano_topologies(mano: ManoArrays, *, synthetic: bool) -> dict[HandSide, MeshTopology]:
    """Ids are ``mano-right-778`` and ``mano-left-778``; stand-ins have ``synthetic-`` in front.

    Args:
        mano: the right hand; the left one is its mirror image, vertex by vertex.
        synthetic: it is a stand-in.
    """
    prefix = "synthetic-" if synthetic else ""
    joints = mano.joint_regressor @ mano.template
    parts = mano_part_labels(mano.template, joints, mano.weights)
    labels = without_islands(parts.labels, mano.triangles)
    return {
        side: make_topology(
            f"{prefix}mano-{side.value}-{len(mano.template)}",
            triangles,
            labels,
            parts.names,
            SYNTHETIC_LICENCE if synthetic else _MANO_LICENCE,
        )
        for side, triangles in (
            (HandSide.RIGHT, mano.triangles),
            (HandSide.LEFT, np.ascontiguousarray(mano.triangles[:, ::-1])),
        )
    }
