"""Named regions of a mesh as one label per vertex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dice_ros.types import UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class RegionLabels:
    """Labels and what they mean, as :func:`dice_ros.body.topology.make_topology` takes them.

    Attributes:
        labels: (V,) uint8, index into ``names``.
        names: ``none`` first.
    """

    labels: UInt8Array
    names: tuple[str, ...]


def swap_sides(names: tuple[str, ...]) -> UInt8Array:
    """For each name the index of its mirror image: ``left_x`` and ``right_x`` change places.

    Raises:
        ValueError: a sided name has no partner.
    """
    swapped = []
    for name in names:
        if name.startswith("left_"):
            swapped.append(names.index("right_" + name.removeprefix("left_")))
        elif name.startswith("right_"):
            swapped.append(names.index("left_" + name.removeprefix("right_")))
        else:
            swapped.append(names.index(name))
    return np.array(swapped, dtype=np.uint8)
