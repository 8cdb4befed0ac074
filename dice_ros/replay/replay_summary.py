"""Where every image of a replay went, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dice_ros.replay.replay_engine import ImageOutcome
from dice_ros.replay.run_summary import RunSummary


class CameraAccount:
    """Images of one camera: read = processed + every reason.

    Args:
        topic: its image topic.
        announced: images that the bags' indexes announce; None if only a part is replayed.
    """

    def __init__(self, topic: str, announced: int | None = None) -> None:
        self.topic = topic
        self.announced = announced
        self.read = self.processed = 0
        self.reasons: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()

    @property
    def is_balanced(self) -> bool:
        """Whether every image that was read is accounted for."""
        return self.read == self.processed + sum(self.reasons.values())

    @property
    def missing(self) -> int:
        """Images that were announced and could not be read."""
        return max(0, (self.announced or 0) - self.read)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "topic": self.topic,
            "announced": self.announced,
            "read": self.read,
            "processed": self.processed,
            "reasons": dict(sorted(self.reasons.items())),
            "notes": dict(sorted(self.notes.items())),
        }


class ReplaySummary:
    """Accounts of all cameras.

    Args:
        accounts: one per camera.
    """

    def __init__(self, accounts: Sequence[CameraAccount]) -> None:
        self.accounts = tuple(accounts)
        self.found = RunSummary()
        self.kept = self.kept_damaged = 0
        """Messages copied along, and those that could not be."""
        self.problems: list[str] = []
        """What could not be read, one sentence each."""

    @property
    def processed(self) -> int:
        """Images with a result."""
        return sum(account.processed for account in self.accounts)

    @property
    def is_incomplete(self) -> bool:
        """Whether something that was recorded could not be read."""
        missing = any(account.missing for account in self.accounts)
        return bool(self.problems or missing or self.kept_damaged)

    def add(self, outcome: ImageOutcome) -> None:
        """Account for one image."""
        account = self.accounts[outcome.ticket.camera]
        account.read += 1
        if outcome.note and outcome.result is not None:
            account.notes[outcome.note] += 1
        if outcome.result is None:
            account.reasons[outcome.reason] += 1
            return
        account.processed += 1
        self.found.add(outcome.result)

    def state(self) -> dict[str, Any]:
        """The counts, to go on with later. Times of stages are not among them."""
        found = self.found
        return {
            "cameras": [account.as_dict() for account in self.accounts],
            "found": [found.frames, found.faces, found.hands, found.touches],
            "kept": [self.kept, self.kept_damaged],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the counts of :meth:`state`."""
        for account, value in zip(self.accounts, state["cameras"], strict=True):
            account.read, account.processed = value["read"], value["processed"]
            account.reasons = Counter(value["reasons"])
            account.notes = Counter(value["notes"])
        self.kept, self.kept_damaged = state["kept"]
        found = self.found
        found.frames, found.faces, found.hands, found.touches = state["found"]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a JSON file."""
        counts = self.found.as_dict()
        del counts["drops"]
        return {
            "cameras": [account.as_dict() for account in self.accounts],
            "kept": self.kept,
            "kept_damaged": self.kept_damaged,
            "problems": self.problems,
            **counts,
        }

    def table(self) -> str:
        """A few lines for people."""
        lines = [self.found.table(), ""]
        for account in self.accounts:
            reasons = "".join(f" + {n} {why}" for why, n in sorted(account.reasons.items()))
            lines.append(
                f"{account.topic}: read {account.read} = processed {account.processed}{reasons}"
            )
            lines += [f"  of these: {n} x {note}" for note, n in sorted(account.notes.items())]
            if account.missing:
                lines.append(
                    f"  the bag announces {account.announced} images: {account.missing} of them "
                    "could not be read"
                )
        if self.kept or self.kept_damaged:
            lines.append(f"kept messages: {self.kept}, damaged: {self.kept_damaged}")
        lines += [f"not read: {text}" for text in self.problems]
        return "\n".join(lines)
