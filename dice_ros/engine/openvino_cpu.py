"""OpenVINO: the fastest engine on CPUs, the one module that imports it.

The core is compiled in the wanted precision (bfloat16 runs on the matrix units of newer CPUs, int8
on all), the tail always in float32, as two models behind each other.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dice_ros.engine.int8_quantization import quantise
from dice_ros.engine.protocol import (
    EngineDescription,
    EngineError,
    EngineKind,
    EngineNotKeptError,
    Precision,
)
from dice_ros.engine.quiet_export import quiet_export
from dice_ros.networks.dice_graph import CoreReading, DiceGraph, DiceReading
from dice_ros.networks.token_convolutions import use_token_convolutions

_HINTS = {
    Precision.FLOAT32: "f32",
    Precision.FLOAT16: "f16",
    Precision.BFLOAT16: "bf16",
    Precision.INT8: "f32",  # of what is not quantised
}
_CAPABILITIES = {
    Precision.FLOAT32: "FP32",
    Precision.FLOAT16: "FP16",
    Precision.BFLOAT16: "BF16",
    Precision.INT8: "INT8",
}
_CORE_NAME, _TAIL_NAME = "core.xml", "tail.xml"
_EXAMPLE_BATCH = 2


class OpenVinoEngine:
    """Runs both halves of the graph on the CPU.

    Args:
        graph: float32 graph to build from; None if ``folder`` holds what was built before.
        precision: of the core.
        threads: CPU threads; 0 for what PyTorch uses.
        folder: where the built models are kept; None builds them in memory.
        calibration: (N, 3, 224, 224) float32 inputs; needed to build an engine in int8.
    """

    def __init__(
        self,
        graph: DiceGraph | None,
        precision: Precision = Precision.FLOAT32,
        *,
        threads: int = 0,
        folder: Path | None = None,
        calibration: Tensor | None = None,
    ) -> None:
        self._graph = graph
        self._calibration = calibration
        self._precision = precision
        self._threads = threads or torch.get_num_threads()
        self._folder = folder
        self._requests: list[Any] = []

    @property
    def device(self) -> torch.device:
        """Where images are wanted."""
        return torch.device("cpu")

    def load(self) -> None:
        """Convert if need be, and compile."""
        library = _library()
        runtime = library.Core()
        if self._precision is not Precision.FLOAT32:
            require_precision(self._precision)
        models = self._read(runtime) or self._convert(library)
        hints = (_HINTS[self._precision], _HINTS[Precision.FLOAT32])
        try:
            self._requests = [
                runtime.compile_model(
                    model,
                    "CPU",
                    {
                        "INFERENCE_NUM_THREADS": self._threads,
                        "INFERENCE_PRECISION_HINT": hint,
                        "PERFORMANCE_HINT": "LATENCY",
                    },
                ).create_infer_request()
                for model, hint in zip(models, hints, strict=True)
            ]
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot compile the network: {error}") from error
        self._graph = self._calibration = None

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Run once with every batch size."""
        for count in batches:
            self.run(torch.zeros(count, 3, 224, 224))

    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch."""
        if not self._requests:
            raise EngineError("the engine is not loaded")
        core, tail = self._requests
        try:
            between = _outputs(core, [np.ascontiguousarray(images.numpy())])
            reading = _outputs(tail, between)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO could not run the network: {error}") from error
        # Copied: the next run writes into the same memory.
        return DiceReading(*(torch.from_numpy(array.copy()) for array in reading))

    def close(self) -> None:
        """Free the models."""
        self._requests = []
        self._graph = None

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        return EngineDescription(
            EngineKind.OPENVINO,
            self._precision,
            "cpu",
            f"OpenVINO {_library().__version__.split('-')[0]}, {self._threads} threads",
        )

    def _read(self, runtime: Any) -> list[Any]:
        """Models built before, if they are there."""
        if self._folder is None:
            return []
        paths = [self._folder / name for name in (_CORE_NAME, _TAIL_NAME)]
        if not all(path.is_file() for path in paths):
            return []
        try:
            return [runtime.read_model(str(path)) for path in paths]
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot read {self._folder}: {error}") from error

    def _convert(self, library: Any) -> list[Any]:
        if self._graph is None:
            raise EngineError(f"there is no OpenVINO model in {self._folder}")
        example = torch.zeros(_EXAMPLE_BATCH, 3, 224, 224)
        with torch.inference_mode():
            between: CoreReading = self._graph.core(example)
        quantised = self._precision is Precision.INT8
        if quantised:
            use_token_convolutions(self._graph.core.mesh_net)
            use_token_convolutions(self._graph.core.interaction_net)
        with quiet_export():
            models = [
                library.convert_model(_exported(self._graph.core, (example,))),
                library.convert_model(_exported(self._graph.tail, (between,))),
            ]
        if quantised:
            if self._calibration is None:
                raise EngineError("an engine in int8 is built with calibration pictures")
            models[0] = quantise(models[0], self._calibration)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                for model, name in zip(models, (_CORE_NAME, _TAIL_NAME), strict=True):
                    library.save_model(model, str(self._folder / name), compress_to_fp16=False)
            except RuntimeError as error:
                raise EngineNotKeptError(
                    f"OpenVINO cannot write the engine to {self._folder}: {error}"
                ) from error
        return models


def cpu_capabilities() -> tuple[str, ...]:
    """What OpenVINO can do natively here; empty if it is not installed."""
    try:
        runtime = _library().Core()
    except EngineError:
        return ()
    return tuple(runtime.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def cpu_has(precision: Precision) -> bool:
    """Whether this CPU computes in a precision natively; False if OpenVINO is not installed."""
    return _CAPABILITIES[precision] in cpu_capabilities()


def require_precision(precision: Precision) -> None:
    """Make sure that OpenVINO computes in a precision here.

    Raises:
        EngineError: OpenVINO is not installed, or the CPU lacks the precision.
    """
    _library()
    if not cpu_has(precision):
        raise EngineError(
            f"this CPU does not compute in {precision.value}: use precision float32 or auto"
        )


def _exported(module: nn.Module, arguments: tuple[Any, ...]) -> torch.export.ExportedProgram:
    """The module for any batch size."""
    batch = torch.export.Dim("batch", min=1, max=64)
    shapes: tuple[Any, ...] = tuple(
        type(item)(*({0: batch} for _ in item)) if isinstance(item, tuple) else {0: batch}
        for item in arguments
    )
    return torch.export.export(module, arguments, dynamic_shapes=shapes)


def _outputs(request: Any, inputs: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    results = request.infer(dict(enumerate(inputs)), share_inputs=True, share_outputs=True)
    return [results[number] for number in range(len(results))]


def _library() -> Any:
    # It would report every import and conversion to a server; without this package it does not.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino  # noqa: PLC0415 - optional, and slow to import
    except ModuleNotFoundError as error:
        raise EngineError(
            "the engine 'openvino' needs OpenVINO: run `pip install openvino`"
        ) from error
    return openvino
