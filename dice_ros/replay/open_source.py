"""From what a user typed to frames."""

from __future__ import annotations

from pathlib import Path

from dice_ros.errors import InputError
from dice_ros.replay.bag import BAG_SUFFIXES, Bag
from dice_ros.replay.image_files import IMAGE_SUFFIXES, ImageFiles, image_folder
from dice_ros.replay.source import FrameSource, SourceOptions
from dice_ros.replay.video import VIDEO_SUFFIXES, VideoFile, Webcam

CAMERA_PREFIX = "camera:"


def open_source(text: str, options: SourceOptions | None = None) -> FrameSource:
    """Open an input.

    Args:
        text: a picture, a folder of pictures, a video, a rosbag2 folder, an ``.mcap`` or ``.db3``
            file, a ROS 1 ``.bag``, or ``camera:0``.
        options: how it is read.

    Raises:
        InputError: it does not exist, is of no supported kind, or cannot be read.
    """
    options = options or SourceOptions()
    if text.startswith(CAMERA_PREFIX):
        return Webcam(text, options)
    path = Path(text).expanduser()
    if not path.exists():
        raise InputError(f"there is no file or folder {text!r}")
    suffix = path.suffix.lower()
    if path.is_dir():
        if (path / "metadata.yaml").exists():
            return Bag(text, path, options)
        bags = sorted(item.name for item in path.iterdir() if item.suffix in BAG_SUFFIXES)
        if bags:
            raise InputError(
                f"the folder {text} holds bag files ({', '.join(bags)}) but no metadata.yaml: name "
                "the files, or run `ros2 bag reindex` on the folder"
            )
        return image_folder(text, path, options)
    if suffix in IMAGE_SUFFIXES:
        return ImageFiles(text, [path], options)
    if suffix in VIDEO_SUFFIXES:
        return VideoFile(text, path, options)
    if suffix in BAG_SUFFIXES:
        return Bag(text, path, options)
    raise InputError(
        f"{text} is of no supported kind; supported: pictures ({', '.join(IMAGE_SUFFIXES)}), "
        f"folders of pictures, videos ({', '.join(VIDEO_SUFFIXES)}), bags (rosbag2 folder, "
        f"{', '.join(BAG_SUFFIXES)}), camera:0"
    )
