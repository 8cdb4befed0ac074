"""From a network's weak-perspective crop to metres in the camera optical frame.

A crop network gives a mesh X (metres, crop frame: x right, y down, z away, origin in the head) and
says where each point lies in the crop: u = s X_xy + shift, an orthographic picture. The camera is
not orthographic, and the crop need not be in its middle. Two steps make up for that:

1. **Turn.** Seen through the crop, the viewing axis is the ray through the crop's centre. R is the
   smallest rotation that takes the optical axis to that ray, so that a face which looks straight
   into the lens from the edge of the picture is turned towards the lens, not parallel to it.
2. **Shift.** t is the translation whose perspective picture of R X + t lies closest, in pixels, to
   the network's own picture of the mesh. With q the undistorted normalised coordinates of that
   picture and Y = R X, the residual is f ((Y + t)_xy / (Y + t)_z - q). Multiplied by the depth it
   is linear in t; dividing by the depth of the last round and solving again (four rounds) gives
   the least-squares solution. The first depth is f / S, S being image pixels per metre.

What is left is the difference between orthographic and perspective pictures of one rigid mesh. It
falls with distance; ``test/test_metric_placement.py`` states it for central and off-centre crops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.camera import Camera
from dice_ros.types import Float64Array, Pose

_ROUNDS = 4
_NEAREST_M = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a crop's mesh is.

    Attributes:
        pose: crop frame -> cam.
        rms_px: root mean square distance, image pixels, between the network's picture of the
            mesh and the camera's picture of the placed mesh (both without lens distortion).
    """

    pose: Pose
    rms_px: float

    def to_camera(self, points: Float64Array) -> Float64Array:
        """(N, 3) metres, crop frame -> (N, 3) metres, cam."""
        return np.asarray(points @ self.pose.rotation.T + self.pose.translation)


def place(
    points: Float64Array,
    pixels: Float64Array,
    crop_centre: tuple[float, float],
    pixels_per_metre: float,
    camera: Camera,
) -> Placement:
    """Find where a mesh is.

    Args:
        points: (N, 3) metres, crop frame; N >= 3.
        pixels: (N, 2) image pixels (with the lens's distortion) where the network sees them.
        crop_centre: image pixels.
        pixels_per_metre: scale of the network's picture, image pixels; > 0.
        camera: calibration of the image.
    """
    focal = np.array([camera.K[0, 0], camera.K[1, 1]])
    rays = _rays(pixels, camera)
    rotation = rotation_to_ray(_rays(np.array([crop_centre]), camera)[0])
    turned = points @ rotation.T
    depth = np.full(len(points), float(focal.mean()) / max(pixels_per_metre, 1e-6))
    translation = np.zeros(3)
    for _ in range(_ROUNDS):
        translation = _solve(turned, rays, focal / depth[:, None])
        depth = np.maximum(turned[:, 2] + translation[2], _NEAREST_M)
    placed = turned + translation
    gap = focal * (placed[:, :2] / depth[:, None] - rays)
    rms = float(np.sqrt((gap**2).sum(axis=1).mean()))
    return Placement(Pose(rotation, translation), rms)


def rotation_to_ray(ray: Float64Array) -> Float64Array:
    """Smallest rotation that takes the optical axis to a ray.

    Args:
        ray: (2,) normalised image coordinates x / z, y / z.

    Returns:
        (3, 3) float64.
    """
    goal = np.array([ray[0], ray[1], 1.0])
    goal /= np.linalg.norm(goal)
    x, y, z = goal
    # Rodrigues' formula for the axis (0, 0, 1) x goal; z > 0, so it is never singular.
    scale = 1.0 / (1.0 + z)
    return np.array(
        [
            [1.0 - scale * x * x, -scale * x * y, x],
            [-scale * x * y, 1.0 - scale * y * y, y],
            [-x, -y, z],
        ]
    )


def _rays(pixels: Float64Array, camera: Camera) -> Float64Array:
    """(N, 2) undistorted normalised coordinates."""
    ideal = camera.undistort(pixels)
    return np.asarray((ideal - camera.K[:2, 2]) / (camera.K[0, 0], camera.K[1, 1]))


def _solve(turned: Float64Array, rays: Float64Array, weights: Float64Array) -> Float64Array:
    """Weighted least squares of (Y + t)_xy = q (Y + t)_z in t, by its normal equations.

    Rows are w_x (1, 0, -q_x | q_x Y_z - Y_x) and the same for y.
    """
    squared = weights**2  # (N, 2)
    right = rays * turned[:, 2:] - turned[:, :2]
    normal = np.zeros((3, 3))
    normal[0, 0], normal[1, 1] = squared.sum(axis=0)
    normal[:2, 2] = normal[2, :2] = -(squared * rays).sum(axis=0)
    normal[2, 2] = (squared * rays**2).sum()
    target = np.append((squared * right).sum(axis=0), -(squared * rays * right).sum())
    return np.linalg.solve(normal, target)
