"""Precision, recall and F1 of per-vertex contacts, pooled over frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONTACT_PROBABILITY_MIN = 0.5
"""Vertices at least this probable count as touched."""


@dataclass(frozen=True, slots=True)
class ContactScores:
    """Counts of vertices, pooled (micro-averaged) by adding scores up.

    Attributes:
        true_positive, false_positive, false_negative, true_negative: vertices.
    """

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    @staticmethod
    def count(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> ContactScores:
        """Compare two masks of the same shape, e.g. (V,) of one frame."""
        return ContactScores(
            int((found & true).sum()),
            int((found & ~true).sum()),
            int((~found & true).sum()),
            int((~found & ~true).sum()),
        )

    def __add__(self, other: ContactScores) -> ContactScores:
        return ContactScores(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    @property
    def precision(self) -> float:
        """Share of found contacts that are true; 0 if none was found."""
        found = self.true_positive + self.false_positive
        return self.true_positive / found if found else 0.0

    @property
    def recall(self) -> float:
        """Share of true contacts that were found; 0 if there are none."""
        true = self.true_positive + self.false_negative
        return self.true_positive / true if true else 0.0

    @property
    def accuracy(self) -> float:
        """Share of vertices that are right; 0 if there are none."""
        right = self.true_positive + self.true_negative
        every = right + self.false_positive + self.false_negative
        return right / every if every else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if both are."""
        return harmonic_mean(self.precision, self.recall)


def harmonic_mean(one: float, other: float) -> float:
    """Of two shares or percentages >= 0; 0 if both are."""
    total = one + other
    return 2.0 * one * other / total if total else 0.0
