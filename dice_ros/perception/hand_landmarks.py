"""21 hand landmarks in the image and in metres (MediaPipe's hand network)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dice_ros.perception.litert import LiteRtNetwork
from dice_ros.perception.rotated_box import RotatedBox
from dice_ros.types import Float32Array, UInt8Array

LANDMARK_COUNT = 21


@dataclass(frozen=True, slots=True, eq=False)
class HandReading:
    """What the network says of one region.

    Attributes:
        points: (21, 3) float32, image pixels and a relative depth in pixels.
        world: (21, 3) float32, metres, axes of the image.
        presence: probability that the region shows a hand.
        right_probability: probability that it is an anatomical right hand.
    """

    points: Float32Array
    world: Float32Array
    presence: float
    right_probability: float


class HandLandmarkNetwork:
    """Reads landmarks in a region that holds one hand.

    Args:
        path: ``hand_landmarks.tflite``.
        threads: threads it may use.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._network = LiteRtNetwork(path, threads)
        self._size = self._network.input_shape[1]

    def run(self, image: UInt8Array, region: RotatedBox) -> HandReading:
        """Read one hand.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: where the hand is, fingers upwards.
        """
        crop = region.crop(image, self._size)
        outputs = self._network.run((crop * np.float32(1.0 / 255.0))[None])
        points = outputs["Identity"].reshape(LANDMARK_COUNT, 3)
        world = outputs["Identity_3"].reshape(LANDMARK_COUNT, 3)
        cosine, sine = np.cos(region.rotation), np.sin(region.rotation)
        turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        return HandReading(
            points=region.to_image(points, self._size),
            world=(world @ turn.T).astype(np.float32),
            presence=float(outputs["Identity_1"].reshape(-1)[0]),
            right_probability=float(outputs["Identity_2"].reshape(-1)[0]),
        )

    def close(self) -> None:
        """Free the network."""
        self._network.close()
