"""52 expression coefficients from face landmarks (MediaPipe's blendshape network)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dice_ros.perception.litert import LiteRtNetwork
from dice_ros.types import Float32Array

# The 146 of 478 landmarks the network reads: numbers from its model card's graph.
_LANDMARKS = np.array(
    [
        *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61),
        *(63, 65, 66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127),
        *(132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160),
        *(161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251),
        *(263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308),
        *(310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365),
        *(373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397),
        *(398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476),
        477,
    ]
)


class BlendshapeNetwork:
    """Reads an expression from landmarks.

    Args:
        path: ``face_blendshapes.tflite``.
    """

    def __init__(self, path: Path) -> None:
        self._network = LiteRtNetwork(path, threads=1)

    def run(self, points: Float32Array) -> Float32Array:
        """(52,) float32 in [0, 1], ``_neutral`` first, then ARKit's names in alphabetical order.

        Args:
            points: (478, 2+) landmarks, image pixels.
        """
        chosen = np.ascontiguousarray(points[_LANDMARKS, :2], dtype=np.float32)
        (values,) = self._network.run(chosen[None]).values()
        return np.clip(values.reshape(-1), 0.0, 1.0)

    def close(self) -> None:
        """Free the network."""
        self._network.close()
