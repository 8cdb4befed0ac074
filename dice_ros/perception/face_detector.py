"""Finding faces: MediaPipe's full-range (default) and short-range detectors."""

from __future__ import annotations

from pathlib import Path

from dice_ros.perception.box_detector import AnchorGrid, BoxDetector, DetectorSpec
from dice_ros.perception.litert import LiteRtNetwork

FULL_RANGE = DetectorSpec((AnchorGrid(48, 1),), "Identity", "Identity_1", -1.0, 1.0)
SHORT_RANGE = DetectorSpec(
    (AnchorGrid(16, 2), AnchorGrid(8, 6)), "regressors", "classificators", -1.0, 1.0
)


def full_range_face_detector(networks: Path, threads: int) -> BoxDetector:
    """Finds faces down to about 30 pixels in a 640-pixel image.

    Keypoints: right eye, left eye, nose, mouth, right ear, left ear (the person's own sides).
    """
    network = LiteRtNetwork(networks / "face_detection_full_range.tflite", threads)
    return BoxDetector(network, FULL_RANGE)


def short_range_face_detector(networks: Path, threads: int) -> BoxDetector:
    """Finds large faces quickly; same keypoints as the full-range detector."""
    network = LiteRtNetwork(networks / "face_detection_short_range.tflite", threads)
    return BoxDetector(network, SHORT_RANGE)
