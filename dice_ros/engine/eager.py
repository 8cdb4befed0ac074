"""The plain engine: PyTorch as it is, on any device. Slow to nobody's surprise, right always.

On a GPU each batch size is captured once as a CUDA graph with static buffers: five hundred small
kernels are then launched by one call.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dice_ros.engine.protocol import EngineDescription, EngineError, EngineKind, Precision
from dice_ros.networks.dice_graph import DiceGraph, DiceReading

_WARM_UP_RUNS = 3


@dataclass(slots=True, eq=False)
class _Captured:
    graph: torch.cuda.CUDAGraph
    images: Tensor
    reading: DiceReading


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
        self._captures = cuda_graphs and device.type == "cuda"
        self._captured: dict[int, _Captured] = {}

    @property
    def device(self) -> torch.device:
        """Where images are wanted."""
        return self._device

    def load(self) -> None:
        """Move the graph to its device."""
        if self._graph is None:
            raise EngineError("the engine was closed")
        try:
            self._graph.to(self._device)
        except RuntimeError as error:
            raise EngineError(f"the network does not fit on {self._device}: {error}") from error
        self._graph.core.use_channels_last()

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Run, and on a GPU capture, every batch size."""
        for count in batches:
            self.run(torch.zeros(count, 3, 224, 224, device=self._device))

    @torch.inference_mode()
    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch."""
        if self._graph is None:
            raise EngineError("the engine was closed")
        try:
            if not self._captures:
                return _run(self._graph, images)
            return self._replay(images)
        except RuntimeError as error:
            raise EngineError(f"the network could not be run on {self._device}: {error}") from error

    def close(self) -> None:
        """Free the graph and its buffers."""
        self._captured.clear()
        self._graph = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        details = "CUDA graphs" if self._captures else f"{torch.get_num_threads()} threads"
        return EngineDescription(
            EngineKind.EAGER,
            self._precision,
            str(self._device),
            f"PyTorch {torch.__version__}, {details}",
        )

    def _replay(self, images: Tensor) -> DiceReading:
        captured = self._captured.get(len(images))
        if captured is None:
            captured = self._captured[len(images)] = self._capture(images)
        captured.images.copy_(images)
        captured.graph.replay()
        return DiceReading(*(tensor.clone() for tensor in captured.reading))

    def _capture(self, images: Tensor) -> _Captured:
        assert self._graph is not None
        static = images.clone()
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP_RUNS):
                _run(self._graph, static)
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            reading = _run(self._graph, static)
        return _Captured(graph, static, reading)


def _run(graph: DiceGraph, images: Tensor) -> DiceReading:
    reading: DiceReading = graph(images.contiguous(memory_format=torch.channels_last))
    return reading
