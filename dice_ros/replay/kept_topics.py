"""Copying recorded messages into the results: their types, and their bytes as CDR."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rosbags.convert.converter import is_same_wireformat
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from dice_ros.errors import InputError
from dice_ros.replay.message_store import message_store
from dice_ros.replay.recorded_image import ros1_store
from dice_ros.replay.recording import StoredMessage, StoredTopic, Wire
from dice_ros.replay.results_writer import ChannelType, known_type

_IDL_SEPARATOR = "=" * 80 + "\n"


@dataclass(frozen=True, slots=True)
class KeptTopic:
    """A topic that is copied along.

    Attributes:
        name: topic name.
        kind: its type.
        qos: offered QoS profiles as YAML.
    """

    name: str
    kind: ChannelType
    qos: str


def kept_topics(
    topics: Mapping[str, StoredTopic], wanted: Sequence[str], taken: Collection[str]
) -> dict[str, KeptTopic]:
    """The topics to copy, by name.

    Args:
        topics: everything recorded.
        wanted: names or patterns.
        taken: topics of the results, which none of them may have.

    Raises:
        InputError: a pattern fits nothing, a topic is taken, or its type cannot be written.
    """
    kept: dict[str, KeptTopic] = {}
    for pattern in wanted:
        names = [name for name in sorted(topics) if fnmatchcase(name, pattern)]
        if not names:
            raise InputError(
                f"no topic to keep is called {pattern!r}; there are: {', '.join(sorted(topics))}"
            )
        for name in names:
            if name in taken:
                raise InputError(f"the topic {name} cannot be kept: the results are written to it")
            kept[name] = KeptTopic(name, _kind(topics[name]), topics[name].qos)
    return kept


def as_cdr(message: StoredMessage) -> bytes | memoryview:
    """The message's bytes as ROS 2 has them.

    Raises:
        InputError: it is damaged.
    """
    if message.topic.wire is Wire.CDR:
        return message.data
    try:
        return message_store().ros1_to_cdr(message.data, message.topic.type_name)
    except Exception as error:  # Damaged bytes make the generated code raise anything.
        raise InputError(f"a message of {message.topic.name} is damaged: {error}") from error


def _kind(topic: StoredTopic) -> ChannelType:
    known = message_store().fielddefs
    if topic.wire is Wire.ROS1:
        old = ros1_store()
        in_both = topic.type_name in known and topic.type_name in old.fielddefs
        if in_both and is_same_wireformat(old, message_store(), *(2 * [topic.type_name])):
            return known_type(topic.type_name)
        raise InputError(
            f"the topic {topic.name} cannot be kept: ROS 2 has no {topic.type_name} like the one "
            "in this ROS 1 bag"
        )
    if topic.definition:
        try:
            type_hash = _store_of(topic).hash_rihs01(topic.type_name)
        except Exception as error:  # Definitions come from anywhere, and parsers raise anything.
            raise InputError(
                f"the topic {topic.name} cannot be kept: the definition of {topic.type_name} in "
                f"the bag cannot be read: {error}"
            ) from error
        return ChannelType(topic.type_name, topic.definition, topic.definition_encoding, type_hash)
    if topic.type_name in known:
        return known_type(topic.type_name)
    raise InputError(
        f"the topic {topic.name} cannot be kept: the bag has no definition of {topic.type_name}"
    )


def _store_of(topic: StoredTopic) -> Typestore:
    """The types of one definition."""
    store = get_typestore(Stores.EMPTY)
    if topic.definition_encoding == "ros2msg":
        store.register(get_types_from_msg(topic.definition, topic.type_name))
    elif topic.definition.startswith(_IDL_SEPARATOR + "IDL: "):
        for part in topic.definition.split(_IDL_SEPARATOR)[1:]:
            store.register(get_types_from_idl(part.partition("\n")[2]))
    else:
        store.register(get_types_from_idl(topic.definition))
    return store
