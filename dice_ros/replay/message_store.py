"""ROS message types without ROS: definitions, serialisation, deserialisation.

The ``.msg`` files of this package are found beside the installed messages, in an ament prefix, or
in the source tree.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from dice_ros.errors import AssetError

PACKAGE = "dice_ros"
MESSAGE_NAMES = (
    *("Contact", "Face", "Hand", "HandFaceInteraction", "MeshTopology"),
    *("TouchEvent", "TouchSummary"),
)
INTERACTION_TYPE = "dice_ros/msg/HandFaceInteraction"
TOUCH_EVENT_TYPE = "dice_ros/msg/TouchEvent"
TOPOLOGY_TYPE = "dice_ros/msg/MeshTopology"


@cache
def message_store() -> Typestore:
    """Every standard message of ROS 2 Kilted, and ours."""
    store = get_typestore(Stores.ROS2_KILTED)
    folder = message_folder()
    types = {}
    for name in MESSAGE_NAMES:
        text = (folder / f"{name}.msg").read_text()
        types.update(get_types_from_msg(text, f"{PACKAGE}/msg/{name}"))
    store.register(types)
    return store


@cache
def message_folder() -> Path:
    """The folder with our ``.msg`` files.

    Raises:
        AssetError: the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    prefixes = [Path(part) for part in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if part]
    candidates = [
        package.parent / "msg",
        package / "msg",
        *(prefix / "share" / PACKAGE / "msg" for prefix in (*prefixes, Path(sys.prefix))),
    ]
    for folder in candidates:
        if all((folder / f"{name}.msg").is_file() for name in MESSAGE_NAMES):
            return folder
    searched = ", ".join(map(str, candidates))
    raise AssetError(
        f"the message definitions of {PACKAGE} are not in any of {searched}: reinstall"
    )
