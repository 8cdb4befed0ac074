"""What every engine offers, and the words that engines are described with."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor

from dice_ros.errors import DiceRosError
from dice_ros.networks.dice_graph import DiceReading

MAX_BATCH = 2
"""Crops that engines are built for: both hands of a person, or two images of a recording."""


class EngineKind(enum.Enum):
    """Ways to run the graph."""

    TORCH_TENSORRT = "torch_tensorrt"
    TENSORRT_RTX = "tensorrt_rtx"
    COMPILE = "compile"
    OPENVINO = "openvino"
    EAGER = "eager"


class Precision(enum.Enum):
    """What the core of the graph computes in; the tail is always float32."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"

    @classmethod
    def of(cls, dtype: torch.dtype) -> Precision:
        """The precision that a PyTorch type stands for."""
        return next(item for item in cls if item.dtype == dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The PyTorch type of a graph that an engine of this precision is made from."""
        return _DTYPES[self]


_DTYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.FLOAT16: torch.float16,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.INT8: torch.float32,  # quantised by the engine's own library
}


class EngineError(DiceRosError):
    """An engine cannot be built, loaded or run."""


class EngineNotKeptError(EngineError):
    """An engine was built, but cannot be written."""


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """Which engine answers.

    Attributes:
        kind: how the graph is run.
        precision: of its core.
        device: e.g. ``cpu`` or ``cuda:0``.
        details: for people: libraries with versions, threads, graphs.
    """

    kind: EngineKind
    precision: Precision
    device: str
    details: str = ""

    def __str__(self) -> str:
        note = f" ({self.details})" if self.details else ""
        return f"{self.kind.value} {self.precision.value} on {self.device}{note}"


_Request_contra = TypeVar("_Request_contra", contravariant=True)
_Reading_co = TypeVar("_Reading_co", covariant=True)


class Engine(Protocol[_Request_contra, _Reading_co]):
    """Runs one network on requests, giving readings. Used from one thread at a time."""

    @property
    def device(self) -> torch.device:
        """Where :meth:`run` wants its tensors."""

    def load(self) -> None:
        """Build or read everything that takes long; once, before the first run.

        Raises:
            EngineError: it cannot be built here; the message says why and what to do.
        """

    def warm_up(self, batches: tuple[int, ...] = ...) -> None:
        """Run once with every batch size that is to be fast from the first frame on."""

    def run(self, request: _Request_contra, /) -> _Reading_co:
        """Compute a batch.

        Returns:
            float32 tensors; they are the caller's (never a buffer that the next run overwrites).

        Raises:
            EngineError: the computation failed (memory, device lost).
        """

    def close(self) -> None:
        """Free everything; the engine cannot be used afterwards."""

    def describe(self) -> EngineDescription:
        """Which engine this is; may change while a better one is being built."""


DiceEngine: TypeAlias = Engine[Tensor, DiceReading]
"""Takes (B, 3, 224, 224) float32 crops, normalised, channels BGR."""
