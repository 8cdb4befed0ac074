"""What a bag holds, whatever its format: topics, and messages as the bytes that were recorded."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias


class Wire(enum.Enum):
    """How a message is serialised."""

    CDR = "cdr"
    ROS1 = "ros1"


@dataclass(frozen=True, slots=True)
class StoredTopic:
    """One topic of a recording.

    Attributes:
        name: topic name.
        type_name: e.g. ``sensor_msgs/msg/Image``.
        wire: how its messages are serialised.
        definition: full message definition; empty if the recording has none.
        definition_encoding: ``ros2msg``, ``ros2idl`` or empty.
        qos: offered QoS profiles as YAML; empty if unknown.
    """

    name: str
    type_name: str
    wire: Wire
    definition: str = ""
    definition_encoding: str = ""
    qos: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class StoredMessage:
    """One recorded message.

    Attributes:
        topic: where it was recorded.
        log_time_ns: when it was recorded.
        data: serialised message.
    """

    topic: StoredTopic
    log_time_ns: int
    data: bytes


Report: TypeAlias = Callable[[str], None]
"""Takes one sentence about something that could not be read."""

Salvage: TypeAlias = Callable[..., Iterator[StoredMessage]]
"""``(path, report) -> messages``: everything whole in a damaged file, in the file's order."""
