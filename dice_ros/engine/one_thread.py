"""An engine that lives on one thread of its own.

TensorRT engines have given wrong results when several threads called them, and an engine that is
built in the background would otherwise be used on another thread than it was made on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from dice_ros.engine.protocol import DiceEngine, EngineDescription, EngineError
from dice_ros.networks.dice_graph import DiceReading

_Result = TypeVar("_Result")


class OneThreadEngine:
    """Passes every call to its engine on the same thread; calls may come from any.

    Args:
        make: makes the engine, on that thread.
    """

    def __init__(self, make: Callable[[], DiceEngine]) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dice_engine")
        try:
            self._engine = self._call(make)
        except BaseException:
            self._executor.shutdown()
            raise

    @property
    def device(self) -> torch.device:
        """Where images are wanted."""
        return self._engine.device

    def load(self) -> None:
        """Load on the engine's thread."""
        self._call(self._engine.load)

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Warm up on the engine's thread."""
        self._call(lambda: self._engine.warm_up(batches))

    def run(self, images: Tensor) -> DiceReading:
        """Run on the engine's thread."""
        return self._call(lambda: self._engine.run(images))

    def close(self) -> None:
        """Close the engine and end its thread."""
        try:
            self._call(self._engine.close)
        finally:
            self._executor.shutdown()

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        return self._engine.describe()

    def _call(self, work: Callable[[], _Result]) -> _Result:
        try:
            waiting = self._executor.submit(work)
        except RuntimeError as error:
            raise EngineError("the engine was closed") from error
        return waiting.result()
