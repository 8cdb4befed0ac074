"""From InterWild's virtual cameras to metres in the camera optical frame.

Each hand has a virtual camera of its own (focal length 5000 px over a crop of 256), so far away
that its picture is nearly orthographic: it tells how many pixels a metre has and where each joint
lies, not how far away the hand is. Distance comes from the real camera: a hand whose picture has S
image pixels per metre is about f / S away. From there :mod:`dice_ros.metric_placement` finds the
translation whose perspective picture is closest to the network's.

A pair is placed as one rigid body, the left wrist at the right one plus the relative translation,
so that what TransNet says holds exactly between them. Alone, each hand rests on its own size in
the picture. The two disagree in general; one result uses one of them for both hands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dice_ros.body.rotation import matrix_from_axis_angle
from dice_ros.camera import Camera
from dice_ros.estimators.interwild.seen_hands import SeenHand, SeenHands
from dice_ros.metric_placement import Placement, place
from dice_ros.types import Float64Array, HandSide

MOST_APART_M = 1.5
"""A longer vector between two wrists of one person means that one of them is no hand."""
_NEAREST_M, _FARTHEST_M = 0.05, 100.0
_RMS_OVER_SIZE = 0.5
"""Largest reprojection error over the size of the picture: beyond it nothing was placed."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedHand:
    """A hand in the camera frame, metres.

    Attributes:
        seen: what it was placed from.
        vertices: (778, 3) float64.
        joints: (21, 3) float64.
        turn: (3, 3) float64, hand model -> cam.
        rms_px: distance between the network's picture of the joints and the camera's.
    """

    seen: SeenHand
    vertices: Float64Array
    joints: Float64Array
    turn: Float64Array
    rms_px: float

    @property
    def wrist(self) -> Float64Array:
        """(3,) metres."""
        return np.asarray(self.joints[0])

    def moved(self, shift: Float64Array) -> PlacedHand:
        """The same elsewhere: shifted by (3,) metres."""
        return replace(self, vertices=self.vertices + shift, joints=self.joints + shift)


def place_alone(hand: SeenHand, camera: Camera) -> PlacedHand | None:
    """One hand by its own size in the picture; None where that is nowhere a hand can be."""
    placement = _placed(
        hand.joints.astype(np.float64),
        hand.pixels,
        hand.crop_centre,
        hand.pixels_per_metre,
        camera,
    )
    if placement is None:
        return None
    return _checked(hand, placement, np.zeros(3))


def place_together(seen: SeenHands, camera: Camera) -> dict[HandSide, PlacedHand] | None:
    """Both hands as one rigid body; None if there are not two, or they cannot be a pair.

    Args:
        seen: both hands with the vector between their wrists.
        camera: calibration of the image.
    """
    if seen.relative is None or seen.square_centre is None or len(seen.hands) < len(HandSide):
        return None
    if not np.linalg.norm(seen.relative) <= MOST_APART_M:
        return None
    right, left = seen.hands[HandSide.RIGHT], seen.hands[HandSide.LEFT]
    shifts = {HandSide.RIGHT: np.zeros(3), HandSide.LEFT: seen.relative}
    placement = _placed(
        np.concatenate([right.joints, left.joints + seen.relative]),
        np.concatenate([right.pixels, left.pixels]),
        seen.square_centre,
        0.5 * (right.pixels_per_metre + left.pixels_per_metre),
        camera,
    )
    if placement is None:
        return None
    placed = {side: _checked(hand, placement, shifts[side]) for side, hand in seen.hands.items()}
    both = {side: hand for side, hand in placed.items() if hand is not None}
    return both if len(both) == len(placed) else None


def _placed(
    points: Float64Array,
    pixels: Float64Array,
    centre: Float64Array,
    pixels_per_metre: float,
    camera: Camera,
) -> Placement | None:
    if not pixels_per_metre * _FARTHEST_M >= camera.K[0, 0]:
        return None
    try:
        placement = place(
            points, pixels, (float(centre[0]), float(centre[1])), pixels_per_metre, camera
        )
    except np.linalg.LinAlgError:
        return None
    size = float(np.ptp(pixels, axis=0).max())
    # Written so that NaN is refused as well.
    return placement if placement.rms_px <= _RMS_OVER_SIZE * size else None


def _checked(hand: SeenHand, placement: Placement, shift: Float64Array) -> PlacedHand | None:
    vertices = placement.to_camera(hand.vertices + shift)
    nearest, farthest = vertices[:, 2].min(), np.linalg.norm(vertices, axis=1).max()
    if not (nearest >= _NEAREST_M and farthest <= _FARTHEST_M):
        return None
    orient = matrix_from_axis_angle(hand.root_pose.astype(np.float64))
    return PlacedHand(
        seen=hand,
        vertices=vertices,
        joints=placement.to_camera(hand.joints + shift),
        turn=np.asarray(placement.pose.rotation @ orient),
        rms_px=placement.rms_px,
    )
