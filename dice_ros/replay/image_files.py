"""Pictures in files and folders: independent stills."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dice_ros.errors import ImageError, InputError
from dice_ros.image_decoding import decode_compressed
from dice_ros.replay.source import FrameSource, SourceOptions
from dice_ros.types import Frame

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

FRAME_PERIOD_NS = 100_000_000
"""Stills have no time: they are stamped 100 ms apart, from 1 s on (0 means unknown in ROS)."""

_LOG = logging.getLogger(__name__)


class ImageFiles(FrameSource):
    """Pictures in the order given.

    Args:
        name: the input as the user wrote it.
        paths: files.
        options: how they are read.
    """

    is_sequence = False

    def __init__(self, name: str, paths: Sequence[Path], options: SourceOptions) -> None:
        super().__init__(name, options)
        self._paths = list(paths)

    @property
    def frame_count(self) -> int:
        """Number of files."""
        return len(self._paths)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths):
            try:
                image = decode_compressed(
                    path.read_bytes(), format=path.suffix, max_pixels=self.options.max_pixels
                )
            except OSError as error:
                self.drops["unreadable_file"] += 1
                _LOG.warning("%s cannot be read: %s", path, error)
                continue
            except ImageError as error:
                self.drops[error.reason] += 1
                _LOG.warning("%s is left out: %s", path, error)
                continue
            stamp_ns = 1_000_000_000 + index * FRAME_PERIOD_NS
            yield Frame(image, stamp_ns, source=str(path), index=index, camera=self.options.camera)


def image_folder(name: str, folder: Path, options: SourceOptions) -> ImageFiles:
    """The pictures of a folder in natural order (frame2 before frame10).

    Raises:
        InputError: the folder holds no pictures.
    """
    entries = [path for path in folder.iterdir() if path.is_file()]
    paths = [path for path in entries if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        raise InputError(
            f"the folder {folder} holds {len(entries)} files but no pictures; expected "
            f"{', '.join(IMAGE_SUFFIXES)}"
        )
    if len(paths) < len(entries):
        _LOG.info("%s: %d other files are left out", folder, len(entries) - len(paths))
    return ImageFiles(name, sorted(paths, key=_natural), options)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that compares runs of digits as numbers."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in parts]
