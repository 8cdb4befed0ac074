"""Published figures on Decaf's test split, with their sources; data only.

Rows of Decaf, Benchmark and PIXIE are said to be taken over from Decaf's own table, whose code
averages subjects and defines Touchness differently: compare them with care.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DICE_TABLE = "Wu et al., DICE, ICLR 2025, table 1 (as on the authors' poster)"
CONTACT_TABLE = "Wu et al., DICE, ICLR 2025, table 2 (as quoted in public reviews)"


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One method.

    Attributes:
        method: its name in the table.
        kind: ``O`` optimisation, ``R`` regression.
        values: figures by key of :data:`dice_ros.evaluation.figures.METRICS`; unpublished ones
            are absent.
        source: where they are printed.
        doubtful: keys of figures that contradict others of the row, with the reason.
    """

    method: str
    kind: str
    values: dict[str, float]
    source: str = DICE_TABLE
    doubtful: dict[str, str] = field(default_factory=dict)


_KEYS = (
    *("pve", "mpjpe", "pa_mpjpe", "collision_distance", "non_collision", "touchness"),
    *("f_score", "seconds"),
)


def _row(method: str, kind: str, *values: float | None) -> PublishedRow:
    known = zip(_KEYS, values, strict=True)
    return PublishedRow(method, kind, {key: value for key, value in known if value is not None})


PUBLISHED: tuple[PublishedRow, ...] = (
    _row("Decaf", "O", 9.65, None, None, 1.03, 83.6, 96.6, 89.6, 19.59),
    _row("Benchmark", "O", 17.7, None, None, 19.3, 64.2, 73.2, 68.4, 16.40),
    _row("PIXIE (hand+face)", "O", 26.3, None, None, 7.04, 75.9, 75.1, 75.5, None),
    _row("PIXIE (whole body)", "R", 39.7, None, None, 0.11, 97.1, 51.8, 67.6, 0.070),
    PublishedRow(
        "PIXIE-R",
        "R",
        dict(zip(_KEYS, (11.0, 22.0, 21.2, 0.27, 62.6, 83.0, 72.0, 0.070), strict=True)),
        doubtful={
            "f_score": "Touchness 83.0 and Non. Col. 62.6 give 71.4, not 72.0: a digit of the row "
            "is wrong (Non. Col. 63.6 would fit)"
        },
    ),
    _row("METRO* (hand+face)", "R", 11.8, 15.4, 11.9, 0.08, 80.7, 54.8, 65.2, 0.103),
    _row("FastMETRO* (single-target)", "R", 9.27, 11.8, 9.41, 0.09, 82.2, 55.5, 66.2, 0.110),
    _row("DICE", "R", 8.32, 9.95, 7.27, 0.16, 66.6, 79.9, 72.7, 0.088),
)
"""Seconds were measured on an NVIDIA A6000. * evaluated through FLAME and MANO parameters."""

PUBLISHED_CONTACT: tuple[PublishedRow, ...] = (
    PublishedRow(
        "Decaf",
        "O",
        {"face_contact_f1": 0.57, "face_contact_recall": 0.49, "hand_contact_f1": 0.47},
        CONTACT_TABLE,
    ),
    PublishedRow(
        "DICE",
        "R",
        {"face_contact_f1": 0.61, "face_contact_recall": 0.57, "hand_contact_f1": 0.50},
        CONTACT_TABLE,
    ),
)
