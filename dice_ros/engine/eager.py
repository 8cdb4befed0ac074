"""The plain engine: PyTorch as it is, on any device. Slow to nobody's surprise, right always.

On a GPU each batch size is captured once as a CUDA graph: see :mod:`dice_ros.engine.cuda_graphs`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dice_ros.engine.cuda_graphs import CudaGraphs
from dice_ros.engine.protocol import (
    MAX_BATCH,
    EngineDescription,
    EngineError,
    EngineKind,
    Precision,
)
from dice_ros.networks.dice_graph import DiceGraph, DiceReading


class EagerEngine:
    """Runs the module itself.

    Args:
        graph: its core already in the wanted precision; moved to the device.
        device: where to.
        cuda_graphs: capture each batch size on a GPU.
    """

    def __init__(self, graph: DiceGraph, device: torch.device, *, cuda_graphs: bool = True) -> None:
        self._graph: DiceGraph | None = graph
        self._device = device
        self._precision = Precision.of(graph.core.dtype)
        self._cuda_graphs = cuda_graphs and device.type == "cuda"
        self._graphs: CudaGraphs | None = None

    @property
    def device(self) -> torch.device:
        """Where images are wanted."""
        return self._device

    def load(self) -> None:
        """Move the graph to its device, and capture it on a GPU.

        Raises:
            EngineError: it does not fit.
        """
        if self._graph is None:
            raise EngineError("the engine was closed")
        try:
            self._graph.to(self._device)
            self._graph.core.use_channels_last()
            if self._cuda_graphs:
                self._graphs = _captured(self._graph, self._device)
        except RuntimeError as error:
            raise EngineError(f"the network does not fit on {self._device}: {error}") from error

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Run every batch size once."""
        for count in batches:
            self.run(torch.zeros(count, 3, 224, 224, device=self._device))

    @torch.inference_mode()
    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch."""
        if self._graph is None:
            raise EngineError("the engine was closed")
        try:
            if self._graphs is not None:
                return self._graphs.run(images)
            return _run(self._graph, images)
        except RuntimeError as error:
            raise EngineError(f"the network could not be run on {self._device}: {error}") from error

    def close(self) -> None:
        """Free the graph and its buffers."""
        self._graph = self._graphs = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        details = f"{torch.get_num_threads()} threads"
        if self._device.type == "cuda":
            captured = self._graphs is not None and self._graphs.works
            details = "CUDA graphs" if captured else "no CUDA graphs"
        return EngineDescription(
            EngineKind.EAGER,
            self._precision,
            str(self._device),
            f"PyTorch {torch.__version__}, {details}",
        )


@torch.inference_mode()
def _captured(graph: DiceGraph, device: torch.device) -> CudaGraphs:
    graphs = CudaGraphs(lambda images: _run(graph, images), device)
    for count in range(1, MAX_BATCH + 1):
        graphs.capture(count)
    return graphs


def _run(graph: DiceGraph, images: Tensor) -> DiceReading:
    reading: DiceReading = graph(images.contiguous(memory_format=torch.channels_last))
    return reading
