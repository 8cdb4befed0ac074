"""``torch.compile``: kernels fused by PyTorch's own compiler. Builds for a minute, then runs.

Its own CUDA graphs are left off: they belong to the thread that built them, and an engine is built
in the background. On a GPU the compiled kernels are captured as those of the plain engine are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

import torch
from torch import Tensor

from dice_ros.engine.cuda_graphs import CudaGraphs
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
            EngineError: there is no C++ compiler for a CPU, or no memory.
        """
        if self._graph is None:
            raise EngineError("the engine was closed")
        on_gpu = self._device.type == "cuda"
        if not on_gpu and not (shutil.which("c++") or shutil.which("g++")):
            raise EngineError(
                "the engine 'compile' needs a C++ compiler on a CPU: install g++, or use another "
                "engine"
            )
        try:
            self._graph.to(self._device)
            self._graph.core.use_channels_last()
        except RuntimeError as error:
            raise EngineError(f"the network does not fit on {self._device}: {error}") from error
        compiled: Callable[[Tensor], DiceReading] = torch.compile(
            self._graph,
            fullgraph=True,
            dynamic=False,
            mode="max-autotune-no-cudagraphs" if on_gpu else None,
        )
        self._run = CudaGraphs(compiled, self._device).run if on_gpu else compiled

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Build the kernels of every batch size; takes a minute or two each."""
        for count in batches:
            self.run(torch.zeros(count, 3, 224, 224, device=self._device))

    @torch.inference_mode()
    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch."""
        if self._run is None:
            raise EngineError("the engine is not loaded")
        try:
            # A copy of our own: kernels are built anew for a tensor of another sort or layout.
            return self._run(images.clone(memory_format=torch.channels_last))
        except Exception as error:  # the compiler raises many kinds
            raise EngineError(f"torch.compile failed: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Free the graph and forget its kernels."""
        self._run = self._graph = None
        torch.compiler.reset()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        return EngineDescription(
            EngineKind.COMPILE,
            self._precision,
            str(self._device),
            f"PyTorch {torch.__version__} inductor",
        )
