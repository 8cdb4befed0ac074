"""478 face landmarks (MediaPipe's face mesh with irises)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dice_ros.perception.litert import LiteRtNetwork, sigmoid
from dice_ros.perception.rotated_box import RotatedBox
from dice_ros.types import Float32Array, UInt8Array

LANDMARK_COUNT = 478


class FaceLandmarkNetwork:
    """Reads landmarks in a region that holds one face.

    Args:
        path: ``face_landmarks.tflite``.
        threads: threads it may use.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._network = LiteRtNetwork(path, threads)
        self._size = self._network.input_shape[1]

    def run(self, image: UInt8Array, region: RotatedBox) -> tuple[Float32Array, float]:
        """Landmarks (478, 3) float32 in image pixels, the third a relative depth, and a score 0..1.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: where the face is.
        """
        crop = region.crop(image, self._size)
        outputs = self._network.run((crop * np.float32(1.0 / 255.0))[None])
        points = outputs["Identity"].reshape(LANDMARK_COUNT, 3)
        score = float(sigmoid(outputs["Identity_1"].reshape(-1))[0])
        return region.to_image(points, self._size), score

    def close(self) -> None:
        """Free the network."""
        self._network.close()
