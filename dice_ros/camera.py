"""Pinhole camera with lens distortion: intrinsics, projection, viewing rays."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dice_ros.errors import CameraError

ASSUMED_FOCAL_RATIO = 1.2
"""Focal length over the longer image side when nothing is known (a 45 degree webcam)."""

_SHAPE_TOLERANCE = 0.01
_DISTORTION_LENGTHS = {
    "": (0,),
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (0, 8, 12, 14),
    "equidistant": (4,),
}
_FISHEYE = "equidistant"


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Calibration of one camera at one image size.

    Attributes:
        K: (3, 3) float64, pixels.
        width, height: image size the calibration belongs to, pixels.
        distortion: (D,) float64 in OpenCV's order; empty for none.
        fisheye: the coefficients are those of the model ``equidistant``.
        assumed: True if the focal length was guessed.
    """

    K: NDArray[np.float64]
    width: int
    height: int
    distortion: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    assumed: bool = False
    fisheye: bool = False

    @staticmethod
    def assume(width: int, height: int, focal_ratio: float = ASSUMED_FOCAL_RATIO) -> Camera:
        """Guess a camera: focal length ``focal_ratio`` x longer side, centre in the middle."""
        focal = focal_ratio * max(width, height)
        K = np.array([[focal, 0.0, 0.5 * width], [0.0, focal, 0.5 * height], [0.0, 0.0, 1.0]])
        return Camera(K, width, height, assumed=True)

    @staticmethod
    def from_calibration(
        K: ArrayLike,
        width: int,
        height: int,
        distortion: ArrayLike = (),
        distortion_model: str = "",
    ) -> Camera:
        """Check a calibration that came from outside (CameraInfo, a file).

        Args:
            K: nine numbers, row-major.
            width, height: pixels.
            distortion: coefficients in the order of ``distortion_model``.
            distortion_model: ``plumb_bob``, ``rational_polynomial``, ``equidistant`` or empty.

        Raises:
            CameraError: with reason ``uncalibrated`` (all of K zero), ``nan_intrinsics``,
                ``bad_focal_length``, ``bad_principal_point``, ``bad_camera_size`` or
                ``bad_distortion``.
        """
        numbers = np.asarray(K, dtype=np.float64)
        if numbers.size != 9:
            raise CameraError("nan_intrinsics", f"K has {numbers.size} numbers, expected 9")
        matrix = numbers.reshape(3, 3)
        if not np.isfinite(matrix).all():
            raise CameraError(
                "nan_intrinsics",
                f"K holds NaN or infinity: {matrix.ravel().tolist()}; calibrate the camera, or "
                "send K of zeros to let a focal length be assumed",
            )
        if not matrix.any():
            raise CameraError("uncalibrated", "K is all zeros: the camera is not calibrated")
        fx, fy, cx, cy = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
        if width <= 0 or height <= 0:
            raise CameraError("bad_camera_size", f"calibration is for {width}x{height} pixels")
        if min(fx, fy) <= 0 or max(fx, fy) > 100 * max(width, height):
            raise CameraError("bad_focal_length", f"focal length fx={fx}, fy={fy} pixels")
        if not (-width <= cx <= 2 * width and -height <= cy <= 2 * height):
            raise CameraError("bad_principal_point", f"principal point ({cx}, {cy}) is far outside")
        coefficients = _check_distortion(distortion, distortion_model)
        fisheye = distortion_model == _FISHEYE
        return Camera(matrix, width, height, coefficients, fisheye=fisheye)

    def cropped(self, x: int, y: int, width: int, height: int) -> Camera:
        """The calibration of a window of the image (region of interest).

        Args:
            x, y: top-left corner, pixels.
            width, height: pixels.

        Raises:
            CameraError: reason ``bad_roi``: the window leaves the image.
        """
        if x + width > self.width or y + height > self.height:
            raise CameraError(
                "bad_roi",
                f"the region of interest {width}x{height} at ({x}, {y}) leaves the "
                f"{self.width}x{self.height} pixels of CameraInfo",
            )
        K = self.K.copy()
        K[:2, 2] -= (x, y)
        return dataclasses.replace(self, K=K, width=int(width), height=int(height))

    def fitted(self, width: int, height: int) -> Camera:
        """The calibration at the size of an image: scaled if the shapes are alike (binning).

        Raises:
            CameraError: reason ``camera_size_mismatch``.
        """
        if (self.width, self.height) == (width, height):
            return self
        scale = width / self.width
        if abs(height / self.height - scale) > _SHAPE_TOLERANCE * scale:
            raise CameraError(
                "camera_size_mismatch",
                f"CameraInfo is for {self.width}x{self.height} pixels, the image has "
                f"{width}x{height}: do both topics belong to the same camera?",
            )
        K = self.K.copy()
        K[:2] *= scale
        return dataclasses.replace(self, K=K, width=width, height=height)

    def project(self, points_cam: NDArray[np.floating]) -> NDArray[np.float64]:
        """Project points to pixels, with distortion.

        Args:
            points_cam: (N, 3) metres, cam, z > 0.

        Returns:
            (N, 2) float64 image pixels.
        """
        if not self.distortion.size:
            points = np.asarray(points_cam, dtype=np.float64)
            uv = points[:, :2] / points[:, 2:]
            return np.asarray(
                uv * (self.K[0, 0], self.K[1, 1]) + (self.K[0, 2], self.K[1, 2]), dtype=np.float64
            )
        rvec = tvec = np.zeros(3)
        points = np.ascontiguousarray(points_cam, dtype=np.float64).reshape(-1, 1, 3)
        if self.fisheye:
            pixels, _ = cv2.fisheye.projectPoints(points, rvec, tvec, self.K, self.distortion)
            return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
        pixels, _ = cv2.projectPoints(points, rvec, tvec, self.K, self.distortion)
        return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)

    def undistort(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Move measured pixels to where an ideal pinhole camera with the same K would see them.

        Args:
            pixels: (N, 2) image pixels.

        Returns:
            (N, 2) float64 pixels, to be used with ``K`` alone.
        """
        measured = np.asarray(pixels, dtype=np.float64)
        if not self.distortion.size:
            return measured
        if self.fisheye:
            bent = measured.reshape(-1, 1, 2)
            ideal = cv2.fisheye.undistortPoints(bent, self.K, self.distortion, P=self.K)
            return np.asarray(ideal, dtype=np.float64).reshape(-1, 2)
        ideal = cv2.undistortPoints(measured.reshape(-1, 1, 2), self.K, self.distortion, P=self.K)
        return np.asarray(ideal, dtype=np.float64).reshape(-1, 2)


def _check_distortion(distortion: ArrayLike, model: str) -> NDArray[np.float64]:
    coefficients = np.asarray(distortion, dtype=np.float64).reshape(-1)
    if not np.isfinite(coefficients).all():
        raise CameraError("bad_distortion", f"distortion holds NaN: {coefficients.tolist()}")
    # A fisheye lens without coefficients still bends: its angle grows with the radius.
    if not coefficients.any() and model != _FISHEYE:
        return np.zeros(0)
    lengths = _DISTORTION_LENGTHS.get(model)
    if lengths is None:
        known = ", ".join(name for name in _DISTORTION_LENGTHS if name)
        raise CameraError("bad_distortion", f"distortion model {model!r}; supported: {known}")
    if coefficients.size not in lengths:
        raise CameraError(
            "bad_distortion",
            f"distortion model {model!r} with {coefficients.size} coefficients, expected "
            f"{' or '.join(map(str, lengths))}",
        )
    return coefficients
