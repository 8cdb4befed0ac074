"""What an estimator keeps of each person, for estimators to inherit."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

_Memory = TypeVar("_Memory")


class PersonMemories(Generic[_Memory]):
    """Memories by ``person_id``: kept, dropped, handed over, as ``Estimator`` asks for it."""

    def __init__(self) -> None:
        self._persons: dict[int, _Memory] = {}

    def keep_only(self, person_ids: frozenset[int]) -> None:
        """Forget everybody else."""
        self._persons = {key: self._persons[key] for key in self._persons if key in person_ids}

    def memory(self) -> object:
        """What is known of everybody."""
        return self._persons

    def restore(self, memory: object) -> None:
        """Take over what another estimator of this kind knew."""
        self._persons = dict(cast(dict[int, _Memory], memory))

    def reset(self) -> None:
        """Forget everybody."""
        self._persons.clear()
