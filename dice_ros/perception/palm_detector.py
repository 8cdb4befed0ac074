"""Finding palms: MediaPipe's palm detector, looking around a face or at the whole image."""

from __future__ import annotations

from pathlib import Path

from dice_ros.perception.box_detector import AnchorGrid, BoxDetector, DetectorSpec
from dice_ros.perception.litert import LiteRtNetwork
from dice_ros.perception.rotated_box import RotatedBox
from dice_ros.types import Box

PALM = DetectorSpec((AnchorGrid(24, 2), AnchorGrid(12, 6)), "Identity", "Identity_1", 0.0, 1.0)

_FACE_WIDTHS, _BELOW_FACE_HEIGHTS = 4.0, 0.3


def palm_detector(networks: Path, threads: int) -> BoxDetector:
    """Finds palms. Keypoint 0 is the wrist, keypoint 2 the middle knuckle."""
    return BoxDetector(LiteRtNetwork(networks / "palm_detection.tflite", threads), PALM)


def around_face(face: Box) -> RotatedBox:
    """Where hands near a face are: palms of small subjects are only found in such a close-up."""
    return RotatedBox(
        face.x + 0.5 * face.width,
        face.y + (0.5 + _BELOW_FACE_HEIGHTS) * face.height,
        _FACE_WIDTHS * max(face.width, face.height),
        0.0,
    )
