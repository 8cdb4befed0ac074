"""Which vertex is the left-right partner of which, from a template alone.

A left hand is seen through networks that know only right hands by mirroring the picture. What
comes out for the face is then mirrored too, and is put back by this permutation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dice_ros.errors import AssetError
from dice_ros.types import Int32Array

_PAIRED_SHARE_MIN = 0.5


def mirror_permutation(v_template: NDArray[np.floating], tolerance_m: float = 0.02) -> Int32Array:
    """The partner of every vertex: the one nearest to its mirror image (x -> -x).

    Args:
        v_template: (V, 3) metres, the plane of symmetry at x = 0.
        tolerance_m: largest distance allowed between a mirror image and its partner.

    Returns:
        (V,) int32; on the midline a vertex is its own partner. Exactly an involution for an
        exactly symmetric template, and for at least half of the vertices otherwise.

    Raises:
        AssetError: the template is not symmetric; the message tells by how much.
    """
    template = np.asarray(v_template, dtype=np.float64)
    if template.ndim != 2 or template.shape[1] != 3 or not len(template):
        raise AssetError(f"template of shape {template.shape}, expected (V, 3)")
    if not np.isfinite(template).all():
        raise AssetError("the template holds NaN or infinite coordinates")
    image = template * (-1.0, 1.0, 1.0)
    partner = np.asarray(cKDTree(template).query(image)[1], dtype=np.int32)
    gaps = np.linalg.norm(template[partner] - image, axis=1)
    paired = float((partner[partner] == np.arange(len(template))).mean())
    worst = float(gaps.max())
    if worst > tolerance_m or paired < _PAIRED_SHARE_MIN:
        raise AssetError(
            f"the template is not left-right symmetric about x = 0: the worst vertex, "
            f"{int(gaps.argmax())}, is {1e3 * worst:.2f} mm from its partner (allowed: "
            f"{1e3 * tolerance_m:.2f} mm) and {100 * paired:.1f} % of the vertices form pairs "
            f"(expected: {100 * _PAIRED_SHARE_MIN:.0f} % or more)"
        )
    return partner
