"""What every estimator offers: one observation in, one interaction out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from dice_ros.settings import Settings
from dice_ros.types import Interaction, MeshTopology, PersonObservation


class Estimator(Protocol):
    """Turns what perception saw of one person into meshes, contacts and deformation.

    An estimator keeps what it knows of a person (warm starts, filters, sizes) by ``person_id``
    and forgets it when ``is_new`` is set, when the person is dropped, or on :meth:`reset`.
    It is used from one thread at a time.
    """

    @property
    def name(self) -> str:
        """Published as ``source``."""

    @property
    def topologies(self) -> tuple[MeshTopology, ...]:
        """Every topology this estimator may refer to."""

    @property
    def status(self) -> Mapping[str, str]:
        """What is worth knowing about it now, by name, e.g. which engine answers."""

    def estimate(self, observation: PersonObservation) -> Interaction:
        """Reconstruct one person; never raises for a strange picture.

        Raises:
            EstimationError: the result is unusable, e.g. a network's output is not finite.
        """

    def apply(self, settings: Settings) -> None:
        """Take over changed live settings from the next frame on."""

    def keep_only(self, person_ids: frozenset[int]) -> None:
        """Forget everybody else."""

    def memory(self) -> object:
        """What is known of everybody; shares objects with the estimator, and can be pickled."""

    def restore(self, memory: object) -> None:
        """Take over what :meth:`memory` of another estimator of this kind gave."""

    def reset(self) -> None:
        """Forget everybody (clock jump, loop of a bag)."""

    def close(self) -> None:
        """Free networks and threads; the estimator cannot be used afterwards."""


@runtime_checkable
class LooksAhead(Protocol):
    """An estimator whose network can take several images of a recording as one batch."""

    def look_ahead(self, observations: Sequence[PersonObservation]) -> None:
        """Compute what does not depend on the images before, for observations that come next.

        The results of :meth:`Estimator.estimate` are the same up to rounding; never raises.
        """
