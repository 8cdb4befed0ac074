"""What converting published weights did, whichever network they belong to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What a conversion did.

    Attributes:
        tensors: live tensors written.
        parameters: numbers in them.
        dropped: dead tensors left behind.
        synthetic: the source is marked as a stand-in.
    """

    tensors: int
    parameters: int
    dropped: int
    synthetic: bool
