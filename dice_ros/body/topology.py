"""Making the constant description of a mesh."""

from __future__ import annotations

import hashlib

import numpy as np

from dice_ros.types import Int32Array, MeshTopology, UInt8Array

OPEN_LICENCE = "CC0-1.0, made from the MakeHuman base mesh"


def make_topology(
    topology_id: str,
    triangles: Int32Array,
    labels: UInt8Array,
    names: tuple[str, ...],
    licence: str = OPEN_LICENCE,
) -> MeshTopology:
    """A topology with its hash; see :class:`dice_ros.types.MeshTopology`."""
    digest = hashlib.sha256(np.ascontiguousarray(triangles, dtype="<i4").tobytes())
    digest.update(np.ascontiguousarray(labels, dtype=np.uint8).tobytes())
    return MeshTopology(topology_id, triangles, labels, names, digest.hexdigest(), licence)
