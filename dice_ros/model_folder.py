"""Where converted licensed models live: the user's own files, never fetched, never deleted."""

from __future__ import annotations

import os
from pathlib import Path

from dice_ros.errors import AssetError

ENVIRONMENT_VARIABLE = "DICE_ROS_MODELS"


def model_folder(setting: str = "") -> Path:
    """The folder to read converted models from.

    Args:
        setting: value of the setting ``model_dir``; empty for the default: ``$DICE_ROS_MODELS``,
            or ``dice_ros/models`` in the user's data folder.

    Raises:
        AssetError: nothing is set and there is no home folder.
    """
    named = setting or os.environ.get(ENVIRONMENT_VARIABLE, "")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_DATA_HOME")
    if base:
        return Path(base) / "dice_ros" / "models"
    try:
        return Path.home() / ".local" / "share" / "dice_ros" / "models"
    except RuntimeError:
        raise AssetError(
            f"there is no home folder to look for models in: set {ENVIRONMENT_VARIABLE} or the "
            "setting model_dir"
        ) from None
