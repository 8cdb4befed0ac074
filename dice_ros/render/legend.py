"""The text panel of an overlay picture: who touches what, how sure, and how we know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dice_ros.render.palette import (
    CONTACT_RED,
    FULL_DEFORMATION_MM,
    HAND_TINTS,
    deformation_colours,
)
from dice_ros.types import (
    Contact,
    ContactSource,
    DeformationSource,
    Float32Array,
    Hand,
    Interaction,
    TouchDecision,
    UInt8Array,
)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE = np.array([0.96, 0.96, 0.96], dtype=np.float32)
_GREY = np.array([0.70, 0.72, 0.75], dtype=np.float32)
_TOUCH_WORDS = {
    TouchDecision.NO_OVERLAP: "away from the face",
    TouchDecision.NO_CONTACT: "no contact",
    TouchDecision.UNCERTAIN: "contact uncertain",
    TouchDecision.CONTACT: "contact",
}
_MOST_CONTACTS = 2
_CONTACT_KEY, _MOVED_KEY = "contact", f"moved 0 to {FULL_DEFORMATION_MM:g} mm"
_SMALLEST_SIDE_PX = 120
_PANEL_OPACITY_LEFT = 0.22


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    text: str
    colour: Float32Array


def draw_legend(picture: UInt8Array, interactions: Sequence[Interaction]) -> None:
    """Write the panel into a picture, in place; pictures too small for text stay as they are.

    Args:
        picture: (H, W, 3) uint8 RGB.
        interactions: everybody who was drawn.
    """
    height, width = picture.shape[:2]
    if min(height, width) < _SMALLEST_SIDE_PX:
        return
    lines = _lines(interactions)
    scale = float(np.clip(width / 1400.0, 0.3, 0.62))
    step = round(34 * scale)
    margin = max(4, step // 2)
    widths = [_text_width(line.text, scale) for line in lines]
    key_width = _key_width(step, scale) if interactions else 0
    panel_width = min(width, max([*widths, key_width]) + 2 * margin)
    panel_height = min(height, step * (len(lines) + bool(interactions)) + margin)
    panel = picture[height - panel_height :, :panel_width]
    panel[:] = (panel * _PANEL_OPACITY_LEFT).astype(np.uint8)
    for number, line in enumerate(lines):
        origin = (margin, round(step * (number + 0.85)))
        _write(panel, line, origin, scale)
    if interactions:
        _draw_key(panel, (margin, round(step * (len(lines) + 0.2))), step, scale)


def _lines(interactions: Sequence[Interaction]) -> list[_Line]:
    if not interactions:
        return [_Line("no person found", _GREY)]
    lines: list[_Line] = []
    for interaction in interactions:
        lines += _person_lines(interaction)
    lines.append(_Line(_honest_label(interactions), _GREY))
    return lines


def _person_lines(interaction: Interaction) -> list[_Line]:
    name = f"person {interaction.person_id}: "
    if interaction.face is None:
        return [_Line(f"{name}no face", _GREY)]
    if not interaction.hands:
        return [_Line(f"{name}face, no hand", _WHITE)]
    lines = []
    for hand in interaction.hands:
        contacts = [contact for contact in interaction.contacts if contact.side is hand.side]
        lines.append(_Line(_hand_text(hand), HAND_TINTS[hand.side]))
        lines += [_Line(_contact_text(contact), _WHITE) for contact in contacts[:_MOST_CONTACTS]]
    return lines


def _hand_text(hand: Hand) -> str:
    return f"{hand.side.value} hand: {_TOUCH_WORDS[hand.touch]} (p = {hand.contact_presence:.2f})"


def _contact_text(contact: Contact) -> str:
    part = contact.hand_part.replace("_", " ")
    region = contact.face_region.replace("_", " ")
    return f"  {part} on {region}, {contact.depth_mm:.1f} mm deep"


def _honest_label(interactions: Sequence[Interaction]) -> str:
    sources = {interaction.contact_source for interaction in interactions}
    nominal = any(
        interaction.deformation_source is DeformationSource.INDENTATION_PRIOR
        for interaction in interactions
    )
    name = interactions[0].source
    if ContactSource.PROXIMITY_PRIOR in sources:
        return f"{name}: contacts inferred" + (", depth nominal" if nominal else "")
    if ContactSource.NETWORK in sources:
        return f"{name}: contacts from a network"
    return f"{name}: no contact estimate"


def _write(panel: UInt8Array, line: _Line, origin: tuple[int, int], scale: float) -> None:
    colour = tuple(float(channel) for channel in 255 * line.colour)
    cv2.putText(panel, line.text, origin, _FONT, scale, colour, 1, cv2.LINE_AA)


def _text_width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, _FONT, scale, 1)[0][0])


def _key_width(step: int, scale: float) -> int:
    side = _swatch(step)
    texts = _text_width(_CONTACT_KEY, scale) + _text_width(_MOVED_KEY, scale)
    return texts + 9 * side


def _swatch(step: int) -> int:
    return max(4, step // 2)


def _draw_key(panel: UInt8Array, corner: tuple[int, int], step: int, scale: float) -> None:
    """Swatches that explain the colours: contact probability, then displacement."""
    left, top = corner
    side = _swatch(step)
    fade = np.linspace(0.25, 1.0, 2 * side)[:, None] * CONTACT_RED
    _paint(panel, left, top, side, fade.astype(np.float32))
    left += 2 * side + side // 2
    _write(panel, _Line(_CONTACT_KEY, _WHITE), (left, top + side), scale)
    left += _text_width(_CONTACT_KEY, scale) + side
    ramp = deformation_colours(np.linspace(0.0, FULL_DEFORMATION_MM, 4 * side))
    _paint(panel, left, top, side, ramp)
    left += 4 * side + side // 2
    _write(panel, _Line(_MOVED_KEY, _WHITE), (left, top + side), scale)


def _paint(panel: UInt8Array, left: int, top: int, side: int, colours: Float32Array) -> None:
    """Fill a row of pixel columns; whatever lies outside the panel is cut off."""
    area = panel[top : top + side, left : left + len(colours)]
    area[:] = (255 * colours[: area.shape[1]]).astype(np.uint8)
