"""A bag as its files: split or not, compressed or not, with or without ``metadata.yaml``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

import zstandard
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dice_ros.errors import InputError
from dice_ros.replay.recording import StoredMessage, StoredTopic
from dice_ros.replay.storage_file import STORAGE_SUFFIXES, StorageFile

_METADATA = "metadata.yaml"
_ZSTD = ".zstd"
_COPY_BYTES = 1 << 20


class RecordedBag:
    """The messages of a bag; a context manager.

    Args:
        name: the input as the user wrote it: a rosbag2 folder, or an ``.mcap``, ``.db3`` or
            ``.bag`` file, also with ``.zstd`` behind.

    Raises:
        InputError: nothing of it can be read. What is damaged in part is salvaged and told in
            :attr:`problems`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._problems: list[str] = []
        self._stack = ExitStack()
        self._files: list[StorageFile] = []
        path = Path(name).expanduser()
        if not path.exists():
            raise InputError(f"there is no bag {name!r}")
        try:
            paths = self._storage_paths(path)
            for item in paths:
                self._add(item)
        except BaseException:
            self.close()
            raise
        if not self._files:
            self.close()
            texts = self._problems if paths else ["the folder holds no .mcap, .db3 or .bag file"]
            raise InputError(f"the bag {name} cannot be read: {'; '.join(texts)}")
        self._files.sort(key=lambda item: item.start_ns)

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read, one sentence each; complete once all messages were read."""
        return (*self._problems, *(text for file in self._files for text in file.problems))

    @property
    def topics(self) -> dict[str, StoredTopic]:
        """Every topic by its name."""
        return {
            name: topic for file in reversed(self._files) for name, topic in file.topics.items()
        }

    @property
    def counts(self) -> Counter[str]:
        """Messages of each topic, as announced by the bag."""
        return sum((file.counts for file in self._files), Counter())

    @property
    def byte_count(self) -> int:
        """Size of the files."""
        return sum(file.path.stat().st_size for file in self._files)

    @property
    def start_ns(self) -> int:
        """When the first message was recorded; 0 in an empty bag."""
        return min((file.start_ns for file in self._files if file.start_ns), default=0)

    @property
    def end_ns(self) -> int:
        """Just after the last message was recorded."""
        return max(file.end_ns for file in self._files)

    def messages(
        self, names: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[StoredMessage]:
        """Messages of some topics by recorded time, file after file."""
        for file in self._files:
            yield from file.messages(names, start_ns, stop_ns)

    def close(self) -> None:
        """Close the files and remove what was decompressed."""
        self._stack.close()

    def __enter__(self) -> RecordedBag:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, path: Path) -> None:
        try:
            if path.suffix == _ZSTD:
                path = self._decompressed(path)
            if path.suffix not in STORAGE_SUFFIXES:
                raise InputError(
                    f"{path.name} is of no supported kind; supported: "
                    f"{', '.join(STORAGE_SUFFIXES)}, each also with {_ZSTD}"
                )
            file = StorageFile(path)
        except (InputError, OSError) as error:
            self._problems.append(str(error))
            return
        self._stack.callback(file.close)
        self._files.append(file)

    def _storage_paths(self, path: Path) -> list[Path]:
        if not path.is_dir():
            return [path]
        found = [item for item in path.iterdir() if _is_storage(item)]
        listed = self._listed(path / _METADATA)
        for name in sorted(set(listed) - {item.name for item in found}):
            self._problems.append(f"{_METADATA} names the file {name}, which is missing")
        return sorted((item for item in found if not listed or item.name in listed), key=_natural)

    def _listed(self, path: Path) -> list[str]:
        """Names of the files that the metadata lists; empty if there is none."""
        if not path.exists():
            self._problems.append(f"there is no {_METADATA}: the recording was cut off")
            return []
        try:
            value = YAML(typ="safe").load(path.read_text())
            names = value["rosbag2_bagfile_information"]["relative_file_paths"]
            return [PurePath(str(name)).name for name in names]
        except (OSError, ValueError, YAMLError, KeyError, TypeError) as error:
            self._problems.append(f"{_METADATA} cannot be read ({error}); all files are taken")
            return []

    def _decompressed(self, path: Path) -> Path:
        folder = self._stack.enter_context(TemporaryDirectory(prefix="dice_ros_bag_"))
        target = Path(folder) / path.stem
        unpacker = zstandard.ZstdDecompressor().decompressobj()
        with path.open("rb") as source, target.open("wb") as out:
            try:
                while block := source.read(_COPY_BYTES):
                    out.write(unpacker.decompress(block))
            except zstandard.ZstdError as error:
                self._problems.append(f"{path.name}: damaged ({error}); salvaging what is whole")
        return target


def _is_storage(path: Path) -> bool:
    suffix = Path(path.stem).suffix if path.suffix == _ZSTD else path.suffix
    return path.is_file() and suffix in STORAGE_SUFFIXES


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key that compares runs of digits as numbers."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
