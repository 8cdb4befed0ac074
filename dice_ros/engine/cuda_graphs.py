"""A network's kernels captured once for each batch size, with static buffers.

Five hundred small kernels are then launched by one call. What cannot be captured (no memory for
the buffers, an operation that reads the host) is computed without.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dice_ros.engine.protocol import MAX_BATCH
from dice_ros.networks.dice_graph import DiceReading

_LOG = logging.getLogger(__name__)
_WARM_UP_RUNS = 3
_CROP = (3, 224, 224)


@dataclass(slots=True, eq=False)
class _Captured:
    graph: torch.cuda.CUDAGraph
    images: Tensor
    reading: DiceReading


class CudaGraphs:
    """Runs a function of crops, captured for batches as large as engines are built for.

    Args:
        compute: (B, 3, 224, 224) float32 on the GPU -> reading; launches kernels only.
        device: the GPU.
    """

    def __init__(self, compute: Callable[[Tensor], DiceReading], device: torch.device) -> None:
        self._compute = compute
        self._device = device
        self._captured: dict[int, _Captured] = {}
        self._pool: Any = None
        self.works = True

    def run(self, images: Tensor) -> DiceReading:
        """Replay; larger batches are computed as they are."""
        count = len(images)
        if count not in self._captured:
            if not self.works or count > MAX_BATCH:
                return self._compute(images)
            self.capture(count)
            return self.run(images)
        captured = self._captured[count]
        captured.images.copy_(images)
        captured.graph.replay()
        return DiceReading(*(tensor.clone() for tensor in captured.reading))

    def capture(self, count: int) -> None:
        """Capture a batch size; if that cannot be, everything is computed without from then on."""
        try:
            self._captured[count] = self._capture(count)
        except RuntimeError as error:
            self.clear()
            self.works = False
            _LOG.warning("no CUDA graph could be captured, kernels are launched singly: %s", error)

    def clear(self) -> None:
        """Free graphs and buffers."""
        self._captured.clear()

    def _capture(self, count: int) -> _Captured:
        images = torch.zeros(count, *_CROP, device=self._device)
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP_RUNS):
                self._compute(images)
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        # Graphs are replayed one after the other and results copied out: one pool serves all.
        # "thread_local": an engine that is built in another thread may use the GPU meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            reading = self._compute(images)
        return _Captured(graph, images, reading)
