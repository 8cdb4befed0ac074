"""One frame in, everything about it out: detect and track, estimate, account for the time."""

from __future__ import annotations

from pathlib import Path

from dice_ros.settings import Settings
from dice_ros.types import Frame, FrameResult, MeshTopology


class Pipeline:
    """Perception and an estimator, run in turn on the frames of one camera.

    Use from one thread. Frames are expected in stamp order; a stamp that jumps back resets all
    tracks.

    Args:
        settings: validated settings.
        asset_dir: folder of the prepared assets; None takes the user's cache.

    Raises:
        AssetError: an asset is missing or corrupt; the message names the command to run.
    """

    def __init__(self, settings: Settings | None = None, asset_dir: Path | None = None) -> None:
        raise NotImplementedError

    @property
    def settings(self) -> Settings:
        """Settings in force."""
        raise NotImplementedError

    @property
    def topologies(self) -> tuple[MeshTopology, ...]:
        """Every topology results may refer to."""
        raise NotImplementedError

    def process(self, frame: Frame) -> FrameResult:
        """Find and reconstruct everybody in a frame.

        Raises:
            ImageError: the image is not (H, W, 3) uint8, is empty or too large.
        """
        raise NotImplementedError

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings from the next frame on."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget all tracks (clock jump, loop of a bag)."""
        raise NotImplementedError

    def close(self) -> None:
        """Release networks and threads; the pipeline cannot be used afterwards."""
        raise NotImplementedError
