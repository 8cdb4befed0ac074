"""Named parts of a hand from its skeleton and skinning weights, for any hand mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dice_ros.body.region_labels import RegionLabels
from dice_ros.types import Float64Array, UInt8Array

PART_NAMES = (
    *("none", "thumb_base", "thumb_middle", "thumb_tip", "index_base", "index_middle", "index_tip"),
    *("middle_base", "middle_middle", "middle_tip", "ring_base", "ring_middle", "ring_tip"),
    *("pinky_base", "pinky_middle", "pinky_tip", "palm", "back", "heel", "wrist"),
)
MANO_BONES = np.array([0, 13, 14, 15, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9])
"""(16,) MANO's joint (wrist, index, middle, pinky, ring, thumb) for each bone of the open hand
(palm, thumb, index, middle, ring, pinky)."""

_HEEL_SHARE, _WRIST_SHARE = 0.38, 0.06


def hand_part_labels(
    template: Float64Array, wrist: Float64Array, knuckles: Float64Array, weights: Float64Array
) -> UInt8Array:
    """The strongest bone of each vertex of a right hand; the palm is divided further.

    Args:
        template: (V, 3) metres.
        wrist: (3,) metres.
        knuckles: (4, 3) metres, base joints of index, middle, ring and pinky.
        weights: (V, 16), skinning weights of the palm and three bones for each of thumb, index,
            middle, ring and pinky.

    Returns:
        (V,) uint8 index into :data:`PART_NAMES`.
    """
    index = PART_NAMES.index
    bone = weights.argmax(axis=1)
    labels = np.asarray(bone, dtype=np.uint8)
    on_palm = bone == 0
    middle = knuckles.mean(axis=0)
    along = middle - wrist
    share = (template - wrist) @ along / (along @ along)
    normal = np.cross(knuckles[0] - wrist, knuckles[3] - wrist)
    height = (template - 0.5 * (wrist + middle)) @ (normal / np.linalg.norm(normal))
    labels[on_palm & (height < 0)] = index("back")
    labels[on_palm & (height >= 0)] = index("palm")
    labels[on_palm & (height >= 0) & (share < _HEEL_SHARE)] = index("heel")
    labels[on_palm & (share < _WRIST_SHARE)] = index("wrist")
    return labels


def mano_part_labels(
    v_template: NDArray[np.floating],
    joints: NDArray[np.floating],
    weights: NDArray[np.floating],
) -> RegionLabels:
    """Parts of a right MANO hand, under the names the open hand uses.

    A left hand is the mirror image of a right one, vertex by vertex: its labels are the same.

    Args:
        v_template: (V, 3) metres.
        joints: (16, 3) metres, MANO's order: wrist, index, middle, pinky, ring, thumb 1-3.
        weights: (V, 16), MANO's order.
    """
    places = np.asarray(joints, dtype=np.float64)
    labels = hand_part_labels(
        np.asarray(v_template, dtype=np.float64),
        places[0],
        places[[1, 4, 10, 7]],
        np.asarray(weights, dtype=np.float64)[:, MANO_BONES],
    )
    return RegionLabels(labels, PART_NAMES)
