"""Files made by ``torch.save``, read without torch: zip archives and the older stream."""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dice_ros.checkpoints.checkpoint_file import CheckpointFile, blaming, map_file
from dice_ros.checkpoints.inert import StorageReference
from dice_ros.checkpoints.legacy_stream import (
    FILE_RULES,
    plain_pickle,
    read_legacy_stream,
    starts_legacy_stream,
    storage_claim,
)
from dice_ros.checkpoints.plain_values import PlainReader
from dice_ros.checkpoints.read_budget import ReadBudget
from dice_ros.checkpoints.restricted_pickle import MAX_PICKLE_BYTES, load_inert
from dice_ros.checkpoints.storage import Storage, element_dtype
from dice_ros.errors import CheckpointError

_ZIP_MAGIC = b"PK\x03\x04"
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
_MAX_MEMBERS = 200_000


def read_torch_file(path: Path) -> CheckpointFile:
    """Open a file of ``torch.save`` (or a plain pickle) for restricted reading.

    Nothing but the pickle itself is read yet; tensors become views of the mapped file.

    Raises:
        CheckpointError: the file is missing, truncated, no such file, or names what it may not.
    """
    with blaming(path):
        mapped = map_file(path)
        budget = ReadBudget()
        if mapped[:4] == _ZIP_MAGIC:
            archive = _Archive.open(mapped)
            return CheckpointFile(path, *archive.content(budget))
        if starts_legacy_stream(mapped):
            return CheckpointFile(path, *read_legacy_stream(mapped, budget))
        if len(mapped) > MAX_PICKLE_BYTES:
            raise CheckpointError("is neither a torch archive nor a pickle")
        return CheckpointFile(path, *plain_pickle(mapped[:], budget))


@dataclass(frozen=True, slots=True)
class _Archive:
    mapped: mmap.mmap
    folder: str
    members: dict[str, zipfile.ZipInfo]

    @classmethod
    def open(cls, mapped: mmap.mmap) -> _Archive:
        try:
            with zipfile.ZipFile(_MappedFile(mapped)) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise CheckpointError(
                f"is a truncated or damaged torch archive ({error}): copy or download it again"
            ) from error
        members = {entry.filename: entry for entry in entries}
        if len(members) != len(entries) or len(entries) > _MAX_MEMBERS:
            raise CheckpointError("is an archive with several members of one name, or far too many")
        tops = [name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")]
        if len(tops) != 1 or "/" in tops[0][:-1]:
            raise CheckpointError(
                "is a zip archive without one data.pkl: torch.save did not make it"
            )
        if f"{tops[0]}constants.pkl" in members:
            raise CheckpointError("is a TorchScript program, expected a file made by torch.save")
        return cls(mapped, tops[0], members)

    def content(self, budget: ReadBudget) -> tuple[object, PlainReader]:
        pickled = self.read("data.pkl")
        if len(pickled) > MAX_PICKLE_BYTES:
            raise CheckpointError(f"data.pkl has {len(pickled)} bytes")
        swap = f"{self.folder}byteorder" in self.members and bytes(self.read("byteorder")) == b"big"
        found: dict[str, Storage] = {}

        def storage(reference: StorageReference) -> Storage:
            claim = storage_claim(reference)
            known = found.get(claim.key)
            if known is None or known.kind != claim.kind:
                dtype = element_dtype(claim.kind)
                raw = self.read(f"data/{claim.key}")
                if len(raw) != claim.count * dtype.itemsize:
                    raise CheckpointError(
                        f"storage {claim.key!r} has {len(raw)} bytes, expected "
                        f"{claim.count * dtype.itemsize}"
                    )
                elements = np.frombuffer(raw, dtype) if len(raw) else np.zeros(0, dtype)
                known = Storage(claim.kind, elements.byteswap() if swap else elements)
                found[claim.key] = known
            return claim.checked(known)

        return load_inert(bytes(pickled), budget).root, PlainReader(FILE_RULES, storage, budget)

    def read(self, name: str) -> memoryview:
        """A member's bytes in place, checked against its checksum."""
        entry = self.members.get(f"{self.folder}{name}")
        if entry is None:
            raise CheckpointError(f"{name} is not in the archive")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
            raise CheckpointError(f"{name} is compressed or encrypted, which torch.save never does")
        start = entry.header_offset
        header = self.mapped[start : start + _LOCAL_HEADER_BYTES]
        if len(header) < _LOCAL_HEADER_BYTES or header[:4] != _ZIP_MAGIC:
            raise CheckpointError(f"{name} has no header where the archive says")
        name_bytes, extra_bytes = struct.unpack_from("<HH", header, 26)
        first = start + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes
        if entry.compress_size != entry.file_size or first + entry.file_size > len(self.mapped):
            raise CheckpointError(f"{name} is truncated")
        data = memoryview(self.mapped)[first : first + entry.file_size]
        if zlib.crc32(data) != entry.CRC:
            raise CheckpointError(f"{name} is damaged: its checksum differs")
        return data


class _MappedFile(io.RawIOBase):
    """A mapped file as a file object of its own position, which does not close the mapping."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._mapped)}
        if base[whence] + offset < 0:
            raise ValueError("a position before the file")
        self._position = base[whence] + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        end = len(self._mapped) if size is None or size < 0 else self._position + size
        data = self._mapped[self._position : end]
        self._position += len(data)
        return data
