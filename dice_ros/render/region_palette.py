"""Colours of face regions and hand parts: few hues that colour-blind people tell apart.

Regions of one family share a hue (Okabe and Ito's palette) and differ in lightness; a left and a
right region have the same colour, because a reader knows the sides from where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.types import Float32Array


@dataclass(frozen=True, slots=True)
class RegionFamily:
    """Regions that share a hue.

    Attributes:
        title: for a legend.
        colour: ``#rrggbb``.
        members: names without their side.
    """

    title: str
    colour: str
    members: tuple[str, ...]


FACE_FAMILIES = (
    RegionFamily("forehead, temples", "#56b4e9", ("forehead", "temple")),
    RegionFamily("eyes, brows", "#0072b2", ("eyebrow", "eye")),
    RegionFamily("nose", "#e69f00", ("nose_bridge", "nose_tip", "nostril")),
    RegionFamily("mouth, lips", "#d55e00", ("upper_lip", "mouth", "lower_lip")),
    RegionFamily("cheeks", "#009e73", ("cheekbone", "cheek")),
    RegionFamily("chin, jaw", "#cc79a7", ("jaw", "chin")),
    RegionFamily("ears", "#f0e442", ("ear",)),
    RegionFamily("scalp, neck", "#8c8c8c", ("scalp", "neck")),
)
HAND_FAMILIES = (
    RegionFamily("thumb", "#d55e00", ("thumb_base", "thumb_middle", "thumb_tip")),
    RegionFamily("index finger", "#0072b2", ("index_base", "index_middle", "index_tip")),
    RegionFamily("middle finger", "#009e73", ("middle_base", "middle_middle", "middle_tip")),
    RegionFamily("ring finger", "#e69f00", ("ring_base", "ring_middle", "ring_tip")),
    RegionFamily("little finger", "#cc79a7", ("pinky_base", "pinky_middle", "pinky_tip")),
    RegionFamily("palm, back, wrist", "#56b4e9", ("palm", "back", "heel", "wrist")),
)
UNNAMED_COLOUR = "#b4b4b4"
"""Of ``none`` and of names that are not known."""

_LIGHTEST = 0.45
"""How far the last member of a family is mixed with white."""


def without_side(name: str) -> str:
    """``left_cheek`` and ``right_cheek`` are both ``cheek``."""
    return name.removeprefix("left_").removeprefix("right_")


def family_of(name: str, families: tuple[RegionFamily, ...] = FACE_FAMILIES) -> RegionFamily | None:
    """The family a region belongs to, whichever side it is on."""
    bare = without_side(name)
    return next((family for family in families if bare in family.members), None)


def region_colours(
    names: tuple[str, ...], families: tuple[RegionFamily, ...] = FACE_FAMILIES
) -> Float32Array:
    """(len(names), 3) float32 RGB 0..1; members of one family differ in lightness."""
    return np.array([_colour(name, families) for name in names], dtype=np.float32)


def _colour(name: str, families: tuple[RegionFamily, ...]) -> Float32Array:
    family = family_of(name, families)
    if family is None:
        return rgb(UNNAMED_COLOUR)
    place = family.members.index(without_side(name))
    share = _LIGHTEST * place / max(len(family.members) - 1, 1)
    colour = rgb(family.colour)
    return np.asarray(colour + (1.0 - colour) * share, dtype=np.float32)


def rgb(colour: str) -> Float32Array:
    """(3,) float32 0..1 of ``#rrggbb``."""
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)], dtype=np.float32)
