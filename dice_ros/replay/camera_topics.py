"""Which topics of a recording are cameras, and which calibration belongs to which images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dice_ros.errors import InputError
from dice_ros.replay.recording import StoredTopic

RAW_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
IMAGE_TYPES = (RAW_TYPE, COMPRESSED_TYPE)

_COMPRESSED = "/compressed"
_NOT_PICTURES = ("/compressedDepth", "/theora", "/ffmpeg")


@dataclass(frozen=True, slots=True)
class CameraTopics:
    """One camera of a recording.

    Attributes:
        image: topic of its images.
        info: topic of its calibration; empty if there is none.
        prefix: in front of the topics of its results; empty for the only camera.
    """

    image: str
    info: str
    prefix: str


def choose_cameras(
    topics: Mapping[str, StoredTopic], wanted: Sequence[str] = ()
) -> tuple[CameraTopics, ...]:
    """The cameras to replay, by topic name.

    Args:
        topics: everything recorded.
        wanted: names or patterns (``/left/*``) of image topics, each optionally followed by the
            calibration topic that belongs to it. Empty takes every topic of an image type; where
            a camera was recorded raw and compressed, the raw images.

    Raises:
        InputError: a name or pattern fits nothing, or there are no images.
    """
    if wanted:
        images, infos = _named(topics, wanted)
    else:
        images, infos = _by_type(topics), {}
    if not images:
        listed = sorted(f"{topic.name} ({topic.type_name})" for topic in topics.values())
        raise InputError(
            f"the recording holds no images; its topics: {', '.join(listed) or 'none'}"
        )
    only = len(images) == 1
    bases = {name: _base(name) for name in images}
    return tuple(
        CameraTopics(
            name,
            infos.get(name) or _info_beside(name, topics, only=only),
            "" if only else _prefix(name, list(bases.values())),
        )
        for name in images
    )


def _by_type(topics: Mapping[str, StoredTopic]) -> list[str]:
    names = sorted(
        topic.name
        for topic in topics.values()
        if topic.type_name in IMAGE_TYPES and not topic.name.endswith(_NOT_PICTURES)
    )
    return [
        name
        for name in names
        if not (name.endswith(_COMPRESSED) and name.removesuffix(_COMPRESSED) in names)
    ]


def _named(
    topics: Mapping[str, StoredTopic], wanted: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    images: list[str] = []
    infos: dict[str, str] = {}
    usable = [
        topic for topic in topics.values() if topic.type_name in (*IMAGE_TYPES, CAMERA_INFO_TYPE)
    ]
    for pattern in wanted:
        found = sorted(topic.name for topic in usable if fnmatchcase(topic.name, pattern))
        if not found:
            known = ", ".join(sorted(topic.name for topic in usable)) or "none"
            raise InputError(
                f"no image or camera_info topic is called {pattern!r}; there are: {known}"
            )
        for name in found:
            if topics[name].type_name in IMAGE_TYPES:
                images += [name] if name not in images else []
            elif images:
                infos.setdefault(images[-1], name)
    return images, infos


def _info_beside(image: str, topics: Mapping[str, StoredTopic], *, only: bool) -> str:
    """``camera_info`` in the folder of the images, or the nearest folder above that has one."""
    infos = [topic.name for topic in topics.values() if topic.type_name == CAMERA_INFO_TYPE]
    parts = _without_transport(image).split("/")
    for count in range(len(parts) - 1, 0, -1):
        name = "/".join([*parts[:count], "camera_info"])
        if name in infos:
            return name
    return infos[0] if only and len(infos) == 1 else ""


def _without_transport(name: str) -> str:
    return name.removesuffix(_COMPRESSED)


def _base(name: str) -> str:
    """The namespace of a camera."""
    return _without_transport(name).rpartition("/")[0]


def _prefix(name: str, bases: Sequence[str]) -> str:
    """The namespace if it is one camera's alone, else the whole topic name."""
    base = _base(name)
    return base if base and bases.count(base) == 1 else _without_transport(name)
