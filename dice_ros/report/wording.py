"""Numbers and names in the report's words."""

from __future__ import annotations

from dice_ros.render.region_palette import FACE_FAMILIES, UNNAMED_COLOUR, family_of


def words(name: str) -> str:
    """``left_cheek`` as ``left cheek``."""
    return name.replace("_", " ")


def duration(seconds: float) -> str:
    """``8.4 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    if seconds < 100.0:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 touch``, ``2 touches``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def share(part: float, whole: float) -> str:
    """Per cent; a dash of nothing."""
    return f"{100.0 * part / whole:.0f} %" if whole > 0.0 else "-"


def colour_of(region: str) -> str:
    """``#rrggbb`` of a face region's family."""
    family = family_of(region, FACE_FAMILIES)
    return UNNAMED_COLOUR if family is None else family.colour
