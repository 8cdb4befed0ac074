"""What is constant about DICE's meshes: triangles and named regions."""

from __future__ import annotations

from dataclasses import dataclass

from dice_ros.body.dice_bodies import DiceBodies
from dice_ros.body.keypoint_regressors import face_keypoints
from dice_ros.body.open_head import OpenHead
from dice_ros.body.region_transfer import transfer_face_regions
from dice_ros.body.topology import make_topology
from dice_ros.estimators.mano_topologies import SYNTHETIC_LICENCE, mano_topologies
from dice_ros.types import HandSide, MeshTopology

_FLAME_LICENCE = "FLAME, Max Planck Society: non-commercial research only"


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
        SYNTHETIC_LICENCE if bodies.synthetic else _FLAME_LICENCE,
    )
    return DiceTopologies(head, mano_topologies(mano, synthetic=bodies.synthetic))
