"""The Fast DDS profile without which camera images are lost between processes.

Fast DDS's default buffers are smaller than an image. The profile has to be set on the publisher's
side, before the first node of a process is made.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

VARIABLE, OLD_VARIABLE = "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"


def profile_path() -> Path | None:
    """``config/fastdds.xml`` of the source tree or the installation."""
    package = Path(__file__).resolve().parents[1]
    prefixes = [Path(part) for part in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if part]
    candidates = [
        package.parent / "config",
        *(prefix / "share" / "dice_ros" / "config" for prefix in (*prefixes, Path(sys.prefix))),
    ]
    found = (folder / "fastdds.xml" for folder in candidates)
    return next((path for path in found if path.is_file()), None)


def use_dds_profile() -> None:
    """Point Fast DDS to our profile unless the user has one."""
    path = profile_path()
    if path is None or VARIABLE in os.environ or OLD_VARIABLE in os.environ:
        return
    os.environ[VARIABLE] = str(path)
    if _is_jazzy():
        os.environ[OLD_VARIABLE] = str(path)


def _is_jazzy() -> bool:
    """Jazzy may only know the variable's old name; later distributions warn of it."""
    distribution = os.environ.get("ROS_DISTRO")
    if distribution:
        return distribution == "jazzy"
    try:
        return importlib.metadata.version("rclpy").startswith("7.")
    except importlib.metadata.PackageNotFoundError:
        return False
