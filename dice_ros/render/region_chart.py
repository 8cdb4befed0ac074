"""A chart of the named regions of a mesh: coloured, outlined, and named along the margins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from dice_ros.render.mesh_portrait import draw_portrait
from dice_ros.types import BoolArray, Float32Array, Float64Array, Int32Array, UInt8Array

_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.42
_INK, _PAPER = (45, 45, 45), 255
_FINER = 2
_MARGIN_PX, _LINE_PX, _TITLE_PX = 112, 17, 30
_SMALLEST_PX = 40
"""Regions of which fewer pixels are seen get no name."""


@dataclass(frozen=True, slots=True, eq=False)
class ChartMesh:
    """What is charted.

    Attributes:
        vertices: (V, 3) metres, x right, y down, z away.
        triangles: (F, 3) counter-clockwise seen from outside.
        labels: (V,) index into ``names``; 0 is left blank.
        names: of the regions.
        colours: (len(names), 3) float32 RGB 0..1.
    """

    vertices: Float32Array
    triangles: Int32Array
    labels: UInt8Array
    names: tuple[str, ...]
    colours: Float32Array


@dataclass(frozen=True, slots=True)
class _Note:
    """A name in a margin and the pixel it points at."""

    text: str
    x: int
    y: int
    at_y: int


def draw_region_chart(
    mesh: ChartMesh, views: Mapping[str, Float64Array], size: tuple[int, int], height_m: float
) -> UInt8Array:
    """Draw all views side by side.

    Args:
        mesh: what is charted.
        views: title and rotation of each view.
        size: width, height in pixels of one view.
        height_m: metres that a view's height shows.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    panels = [_panel(mesh, title, turn, size, height_m) for title, turn in views.items()]
    return np.concatenate(panels, axis=1)


def _panel(
    mesh: ChartMesh, title: str, rotation: Float64Array, size: tuple[int, int], height_m: float
) -> UInt8Array:
    width, height = size
    fine = (_FINER * width, _FINER * height)
    portrait = draw_portrait(mesh.vertices, mesh.triangles, rotation, fine, height_m)
    regions = portrait.pick(mesh.labels)
    picture = np.full((*regions.shape, 3), float(_PAPER))
    covered = portrait.seen.covered
    shade = np.minimum(portrait.shade, 1.05)[:, None]
    picture[covered] = 255.0 * np.clip(mesh.colours[regions[covered]] * shade, 0.0, 1.0)
    picture[_borders(regions)] = 60.0
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    panel: UInt8Array = np.asarray(small, dtype=np.uint8)
    _write_notes(panel, _notes(regions[::_FINER, ::_FINER], mesh.names))
    _centred(panel, title)
    return panel


def _borders(regions: Int32Array) -> BoolArray:
    """Pixels whose right or lower neighbour is of another region."""
    border = np.zeros(regions.shape, dtype=bool)
    border[:, :-1] |= regions[:, :-1] != regions[:, 1:]
    border[:-1] |= regions[:-1] != regions[1:]
    return border


def _notes(regions: Int32Array, names: tuple[str, ...]) -> list[_Note]:
    """Names for both margins, in the order of their heights and apart from each other."""
    height, width = regions.shape
    anchors = []
    for number, name in enumerate(names):
        mask = (regions == number).astype(np.uint8)
        if number == 0 or mask.sum() < _SMALLEST_PX:
            continue
        depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        anchors.append((name.replace("_", " "), int(x), int(y)))
    middle = float(np.mean(np.flatnonzero((regions >= 0).any(axis=0))))
    left = sorted((item for item in anchors if item[1] < middle), key=lambda item: item[2])
    right = sorted((item for item in anchors if item[1] >= middle), key=lambda item: item[2])
    notes = []
    for side in (left, right):
        places = _spread([item[2] for item in side], _TITLE_PX + _LINE_PX, height - _LINE_PX)
        for (text, column, row), at_y in zip(side, places, strict=True):
            notes.append(_Note(text, column if side is left else column - width, row, at_y))
    return notes


def _spread(heights: list[int], low: int, high: int) -> list[int]:
    """Heights at least a line apart, as near to the wanted ones as one pass each way brings."""
    places = list(heights)
    floor = low
    for number, place in enumerate(places):
        places[number] = max(place, floor)
        floor = places[number] + _LINE_PX
    ceiling = high
    for number in reversed(range(len(places))):
        places[number] = min(places[number], ceiling)
        ceiling = places[number] - _LINE_PX
    return places


def _write_notes(panel: UInt8Array, notes: list[_Note]) -> None:
    width = panel.shape[1]
    for note in notes:
        on_left = note.x >= 0
        text_width = cv2.getTextSize(note.text, _FONT, _FONT_SCALE, 1)[0][0]
        start = 6 if on_left else width - text_width - 6
        end = start + text_width + 4 if on_left else start - 4
        point = (note.x if on_left else note.x + width, note.y)
        elbow = (_MARGIN_PX if on_left else width - _MARGIN_PX, note.at_y)
        lines = np.array([[(end, note.at_y), elbow, point]], dtype=np.int32)
        cv2.polylines(panel, list(lines), False, _INK, 1, cv2.LINE_AA)
        cv2.circle(panel, point, 2, _INK, -1, cv2.LINE_AA)
        cv2.putText(
            panel, note.text, (start, note.at_y + 4), _FONT, _FONT_SCALE, _INK, 1, cv2.LINE_AA
        )


def _centred(panel: UInt8Array, title: str) -> None:
    text_width = cv2.getTextSize(title, _FONT, 1.2 * _FONT_SCALE, 1)[0][0]
    origin = ((panel.shape[1] - text_width) // 2, 20)
    cv2.putText(panel, title, origin, _FONT, 1.2 * _FONT_SCALE, _INK, 1, cv2.LINE_AA)
