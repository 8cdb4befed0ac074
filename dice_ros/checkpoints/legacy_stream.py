"""Torch's format before zip archives: five pickles in a row, then the storages' raw bytes."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from dice_ros.checkpoints.inert import Inert, StorageReference, origin_of
from dice_ros.checkpoints.name_rules import NAME_RULES, arguments
from dice_ros.checkpoints.pickle_names import STORAGE_DTYPES
from dice_ros.checkpoints.plain_values import PlainReader, Rule
from dice_ros.checkpoints.read_budget import ReadBudget
from dice_ros.checkpoints.restricted_pickle import InertPickle, load_inert, read_inert
from dice_ros.checkpoints.storage import Storage, element_dtype
from dice_ros.checkpoints.tensor_rules import TENSOR_RULES
from dice_ros.errors import CheckpointError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_MAX_NESTING = 3
_MAX_STORAGES = 100_000
_MAX_KEY = 200

Stream = mmap.mmap | BytesIO


@dataclass(frozen=True, slots=True)
class StorageClaim:
    """What a pickle says about a storage.

    Args:
        kind: element type.
        key: its name in the file.
        count: number of elements.
        view: (first, number of) elements where the storage is a part of another; else None.
    """

    kind: str
    key: str
    count: int
    view: tuple[int, int] | None = None

    def checked(self, storage: Storage) -> Storage:
        """The claimed part of the storage that was found.

        Raises:
            CheckpointError: it has another size than claimed.
        """
        if storage.elements.size != self.count:
            raise CheckpointError(
                f"storage {self.key!r} has {storage.elements.size} elements, expected {self.count}"
            )
        if self.view is None:
            return storage
        first, count = self.view
        if first + count > self.count:
            raise CheckpointError(f"a part of storage {self.key!r} leaves it")
        return Storage(storage.kind, storage.elements[first : first + count])


def storage_claim(reference: StorageReference) -> StorageClaim:
    """Check what stands in a persistent id: class, key, device, count and maybe a part.

    Raises:
        CheckpointError: it is malformed or its element type is unknown.
    """
    parts = reference.args
    if len(parts) not in (4, 5):
        raise CheckpointError(f"a storage reference has {len(parts)} parts, expected 4 or 5")
    kind = STORAGE_DTYPES.get(origin_of(parts[0]).removeprefix("the name "))
    if kind is None:
        raise CheckpointError(f"a storage is of {origin_of(parts[0])}, which is not read")
    key, count = parts[1], parts[3]
    if not isinstance(key, str) or type(count) is not int or not 0 <= count <= 1 << 40:
        raise CheckpointError("a storage reference has no proper key and size")
    if len(key) > _MAX_KEY:
        raise CheckpointError(f"a storage has a key of {len(key)} characters")
    if len(parts) == 4 or parts[4] is None:
        return StorageClaim(kind, key, count)
    view = parts[4]
    if not isinstance(view, tuple) or len(view) != 3:
        raise CheckpointError(f"the part taken of storage {key!r} is malformed")
    first, length = view[1], view[2]
    if type(first) is not int or type(length) is not int or first < 0 or length < 0:
        raise CheckpointError(f"the part taken of storage {key!r} is malformed")
    return StorageClaim(kind, key, count, (first, length))


def starts_legacy_stream(stream: Stream) -> bool:
    """Whether the first pickle is torch's magic number; the stream stays where it is."""
    start = stream.tell()
    head = stream.read(32)
    stream.seek(start)
    return MAGIC_NUMBER.to_bytes(10, "little") in head


def read_legacy_stream(
    stream: Stream, budget: ReadBudget, nesting: int = 0
) -> tuple[object, PlainReader]:
    """The top object and its reader. Storages are found now and read when used.

    Raises:
        CheckpointError: the stream is truncated, malformed or names what it may not.
    """
    magic = read_inert(stream, budget).root
    version = read_inert(stream, budget).root
    system = read_inert(stream, budget).root
    if magic != MAGIC_NUMBER or version != _PROTOCOL_VERSION or not isinstance(system, dict):
        raise CheckpointError("is no torch stream of protocol 1001")
    if system.get("little_endian") is not True:
        raise CheckpointError("was written on a big-endian machine: save it again on another")
    content = read_inert(stream, budget)
    keys = read_inert(stream, budget).root
    storages = _find_storages(stream, content, keys)

    def storage(reference: StorageReference) -> Storage:
        claim = storage_claim(reference)
        if claim.key not in storages:
            raise CheckpointError(f"storage {claim.key!r} is not in the file")
        return claim.checked(storages[claim.key])

    return content.root, PlainReader(FILE_RULES, storage, budget, nesting)


def plain_pickle(data: bytes, budget: ReadBudget) -> tuple[object, PlainReader]:
    """The top object and its reader of a pickle without storages of its own.

    Raises:
        CheckpointError: the pickle is damaged or names what it may not.
    """
    return load_inert(data, budget).root, PlainReader(FILE_RULES, _no_storage, budget)


def _no_storage(reference: StorageReference) -> Storage:
    raise CheckpointError("a plain pickle refers to a tensor storage, which it cannot hold")


def _find_storages(stream: Stream, content: InertPickle, keys: object) -> dict[str, Storage]:
    claims = {claim.key: claim for claim in map(storage_claim, content.references)}
    if not isinstance(keys, list) or len(keys) > _MAX_STORAGES:
        raise CheckpointError("the list of storages is malformed")
    buffer = stream if isinstance(stream, mmap.mmap) else stream.getvalue()
    found: dict[str, Storage] = {}
    position = stream.tell()
    for number, key in enumerate(keys):
        claim = claims.get(key) if isinstance(key, str) else None
        if claim is None:
            raise CheckpointError(f"storage number {number} belongs to nothing in the file")
        what = f"storage {claim.key!r} ({number + 1} of {len(keys)})"
        if position + 8 > len(buffer):
            raise CheckpointError(f"is truncated before {what}")
        (count,) = struct.unpack_from("<q", buffer, position)
        dtype = element_dtype(claim.kind)
        if count != claim.count:
            raise CheckpointError(f"{what} has {count} elements, expected {claim.count}")
        position += 8
        if position + count * dtype.itemsize > len(buffer):
            raise CheckpointError(
                f"is truncated: {what} has {len(buffer) - position} bytes, expected "
                f"{count * dtype.itemsize}"
            )
        found[claim.key] = Storage(claim.kind, np.frombuffer(buffer, dtype, count, position))
        position += count * dtype.itemsize
    return found


def _load_from_bytes(reader: PlainReader, node: Inert) -> object:
    """A storage pickled outside of torch.save: a whole legacy stream inside a string."""
    (data,) = arguments(reader, node, 1, 1)
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(data, bytes):
        raise CheckpointError(f"{node.origin} is given {origin_of(data)}, expected bytes")
    reader.budget.spend_hidden_file()
    if reader.nesting >= _MAX_NESTING:
        raise CheckpointError(f"files are hidden in each other more than {_MAX_NESTING} deep")
    root, inner = read_legacy_stream(BytesIO(data), reader.budget, reader.nesting + 1)
    return inner.value(root)


FILE_RULES: dict[str, Rule] = {
    **NAME_RULES,
    **TENSOR_RULES,
    "torch.storage._load_from_bytes": _load_from_bytes,
}
