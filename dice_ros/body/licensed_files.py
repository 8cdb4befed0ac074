"""The files that cannot be shipped: what they are called, where they are to be had, their terms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dice_ros.errors import AssetError
from dice_ros.file_hash import file_sha256

_DICE = "https://github.com/Qingxuan-Wu/DICE (README, folder of the pretrained model)"
_DICE_TERMS = "terms of the DICE authors"
_FLAME_TERMS = "FLAME licence: non-commercial research, registration"
_MANO_TERMS = "MANO licence: non-commercial research, registration"
_INTERWILD = "https://github.com/facebookresearch/InterWild (README, pre-trained model)"


@dataclass(frozen=True, slots=True)
class LicensedFile:
    """One file a user brings.

    Attributes:
        name: as its source names it.
        content: what it is.
        source: where it is to be had.
        terms: under which licence.
    """

    name: str
    content: str
    source: str
    terms: str


DICE_CHECKPOINT = LicensedFile("model.bin", "weights of DICE", _DICE, _DICE_TERMS)
FLAME_MODEL = LicensedFile(
    "generic_model.pkl", "FLAME 2020 head model", "https://flame.is.tue.mpg.de", _FLAME_TERMS
)
FLAME_LANDMARKS = LicensedFile(
    "landmark_embedding.npy",
    "68 landmarks on FLAME",
    "https://github.com/yfeng95/DECA (data folder)",
    _FLAME_TERMS,
)
MANO_MODEL = LicensedFile(
    "MANO_RIGHT.pkl", "MANO right hand", "https://mano.is.tue.mpg.de", _MANO_TERMS
)
MANO_LEFT_MODEL = LicensedFile(
    "MANO_LEFT.pkl", "MANO left hand", "https://mano.is.tue.mpg.de", _MANO_TERMS
)
INTERWILD_CHECKPOINT = LicensedFile(
    "snapshot_6.pth", "weights of InterWild", _INTERWILD, "CC BY-NC 4.0"
)
HEAD_TRANSFORMS = LicensedFile(
    "head_mesh_transforms.pt", "coarse levels of the head mesh", _DICE, _DICE_TERMS
)
HAND_TRANSFORMS = LicensedFile(
    "hand_mesh_transforms.pt", "coarse levels of the hand mesh", _DICE, _DICE_TERMS
)
HEAD_REST = LicensedFile("head_ref_vs.pt", "resting head of the template", _DICE, _DICE_TERMS)
HAND_REST = LicensedFile("rh_ref_vs.pt", "resting hand of the template", _DICE, _DICE_TERMS)
NECK = LicensedFile("neck_idx.npy", "vertices that never deform", _DICE, _DICE_TERMS)

BODY_FILES = (
    FLAME_MODEL,
    FLAME_LANDMARKS,
    MANO_MODEL,
    HEAD_TRANSFORMS,
    HAND_TRANSFORMS,
    HEAD_REST,
    HAND_REST,
    NECK,
)


HAND_FILES = (MANO_MODEL, MANO_LEFT_MODEL)


def find_all(folder: Path, wanted: tuple[LicensedFile, ...]) -> dict[LicensedFile, Path]:
    """Files in a folder or below it.

    Raises:
        AssetError: there is no such folder, or files are missing: all are listed, with where to
            get them.
    """
    if not folder.is_dir():
        raise AssetError(f"{folder} is no folder: name the one that holds the licensed files")
    found = {item: find_file(folder, item) for item in wanted}
    missing = [item for item, path in found.items() if path is None]
    if missing:
        lines = "\n".join(f"  {missing_text(item)}" for item in missing)
        raise AssetError(f"{len(missing)} files are missing in {folder}:\n{lines}")
    return {item: path for item, path in found.items() if path is not None}


def find_file(folder: Path, wanted: LicensedFile) -> Path | None:
    """The file in a folder or below it; None if it is not there.

    Raises:
        AssetError: several different files have that name, or one of several cannot be read.
    """
    found = sorted(path for path in folder.rglob(wanted.name) if path.is_file())
    if len(found) > 1 and len({_content(path) for path in found}) > 1:
        listed = ", ".join(str(path) for path in found)
        raise AssetError(f"several different files are named {wanted.name}: {listed}; keep one")
    return found[0] if found else None


def _content(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise AssetError(f"{path} cannot be read: {error.strerror or error}") from error


def missing_text(missing: LicensedFile) -> str:
    """One line about a missing file: what, where from, under which terms."""
    return f"{missing.name} ({missing.content}): {missing.source}; {missing.terms}"
