"""``torch.compile``: kernels fused by PyTorch's own compiler. Builds for a minute, then runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import torch
from torch import Tensor

from dice_ros.engine.protocol import EngineDescription, EngineError, EngineKind, Precision
from dice_ros.networks.dice_graph import DiceGraph, DiceReading


class CompiledEngine:
    """Runs the graph through ``torch.compile``, one kernel set for each batch size.

    Args:
        graph: its core already in the wanted precision; moved to the device.
        device: where to.
    """

    def __init__(self, graph: DiceGraph, device: torch.device) -> None:
        self._graph: DiceGraph | None = graph
        self._device = device
        self._precision = Precision.of(graph.core.dtype)
        self._run: Callable[[Tensor], DiceReading] | None = None

    @property
    def device(self) -> torch.device:
        """Where images are wanted."""
        return self._device

    def load(self) -> None:
        """Set the compiler up; kernels are built by :meth:`warm_up`.

        Raises:
            EngineError: there is no C++ compiler for a CPU.
        """
        if self._graph is None:
            raise EngineError("the engine was closed")
        if self._device.type == "cpu" and not (shutil.which("c++") or shutil.which("g++")):
            raise EngineError(
                "the engine 'compile' needs a C++ compiler on a CPU: install g++, or use another "
                "engine"
            )
        self._graph.to(self._device)
        self._graph.core.use_channels_last()
        # CUDA graphs come with this mode; on a CPU it would only lengthen the build.
        mode = "max-autotune" if self._device.type == "cuda" else None
        self._run = torch.compile(self._graph, fullgraph=True, dynamic=False, mode=mode)

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Build the kernels of every batch size; takes a minute or two each."""
        for count in batches:
            self.run(torch.zeros(count, 3, 224, 224, device=self._device))

    @torch.no_grad()
    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch."""
        if self._run is None:
            raise EngineError("the engine is not loaded")
        try:
            reading = self._run(images.contiguous(memory_format=torch.channels_last))
        except Exception as error:  # the compiler raises many kinds
            raise EngineError(f"torch.compile failed: {type(error).__name__}: {error}") from error
        # With CUDA graphs the next run overwrites these buffers.
        return DiceReading(*(tensor.clone() for tensor in reading))

    def close(self) -> None:
        """Free the graph and forget its kernels."""
        self._run = self._graph = None
        torch.compiler.reset()

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        return EngineDescription(
            EngineKind.COMPILE,
            self._precision,
            str(self._device),
            f"PyTorch {torch.__version__} inductor",
        )
