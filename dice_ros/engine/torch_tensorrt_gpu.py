"""Torch-TensorRT: the graph compiled whole into one TensorRT engine, the fastest on workstations.

The graph is exported with its types (a half-precision core, a float32 tail) and those are followed
to the letter. The compiled module is kept as an exported program. The one module that imports
``torch_tensorrt``; that needs the CUDA build of PyTorch.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dice_ros.engine.protocol import (
    EngineDescription,
    EngineError,
    EngineKind,
    EngineNotKeptError,
    Precision,
)
from dice_ros.networks.dice_graph import DiceGraph, DiceReading

PROGRAM_NAME = "program.ep"
_CROP = (3, 224, 224)


class TorchTensorRtEngine:
    """Runs one static engine for each batch size.

    Args:
        graph: its core already in the wanted precision; None if ``folder`` holds what was built.
        precision: of the core.
        device: the GPU.
        folder: where compiled programs are kept; None keeps nothing.
    """

    def __init__(
        self,
        graph: DiceGraph | None,
        precision: Precision,
        device: torch.device,
        *,
        folder: Path | None = None,
    ) -> None:
        self._graph = graph
        self._precision = precision
        self._device = device
        self._folder = folder
        self._programs: dict[int, Any] = {}
        self._contexts = ExitStack()

    @property
    def device(self) -> torch.device:
        """Where images are wanted."""
        return self._device

    def load(self) -> None:
        """Check that it can run here; engines are built by :meth:`warm_up`."""
        _library()
        if not torch.cuda.is_available():
            raise EngineError("Torch-TensorRT runs on an NVIDIA GPU; PyTorch sees none")
        if self._graph is not None:
            self._graph.to(self._device)

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Build or read the engine of every batch size; a build takes minutes."""
        for count in batches:
            self.run(torch.zeros(count, *_CROP, device=self._device))
        self._graph = None

    @torch.inference_mode()
    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch."""
        program = self._programs.get(len(images))
        if program is None:
            program = self._programs[len(images)] = self._open(len(images))
        try:
            outputs = program(images)
        except RuntimeError as error:
            raise EngineError(f"TensorRT could not run the network: {error}") from error
        # With CUDA graphs the next run overwrites these buffers.
        return DiceReading(*(tensor.clone() for tensor in outputs))

    def close(self) -> None:
        """Free the engines."""
        self._contexts.close()
        self._programs.clear()
        self._graph = None
        torch.cuda.empty_cache()

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        return EngineDescription(
            EngineKind.TORCH_TENSORRT,
            self._precision,
            str(self._device),
            f"Torch-TensorRT {_library().__version__}, CUDA graphs",
        )

    def _open(self, count: int) -> Any:
        library = _library()
        path = None if self._folder is None else self._folder / f"{count}-{PROGRAM_NAME}"
        if path is not None and path.is_file():
            module = library.load(str(path)).module()
        else:
            module = self._compile(count)
            if path is not None:
                _save(module, path, torch.zeros(count, *_CROP, device=self._device))
        return self._contexts.enter_context(library.runtime.enable_cudagraphs(module))

    def _compile(self, count: int) -> Any:
        if self._graph is None:
            raise EngineError(f"there is no engine for a batch of {count}: build it again")
        example = torch.zeros(count, *_CROP, device=self._device)
        try:
            exported = torch.export.export(PlainTuple(self._graph), (example,))
            return _library().dynamo.compile(exported, **_settings(example))
        except Exception as error:  # the compiler raises many kinds
            raise EngineError(
                f"Torch-TensorRT could not compile the network: {type(error).__name__}: {error}"
            ) from error


class PlainTuple(nn.Module):
    """The graph with a plain tuple as output: programs on disk know no types of ours."""

    def __init__(self, graph: DiceGraph) -> None:
        super().__init__()
        # Not `_graph`: modules read back from disk have one of their own.
        self.dice = graph

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, 224, 224) -> the fields of DiceReading in order."""
        return tuple(self.dice(images))


def _save(module: Any, path: Path, example: Tensor) -> None:
    try:
        _library().save(module, str(path), arg_inputs=[example])
    except Exception as error:  # serialisers raise many kinds
        path.unlink(missing_ok=True)
        raise EngineNotKeptError(
            f"the compiled program cannot be saved: {type(error).__name__}: {error}"
        ) from error


def coverage_report(graph: DiceGraph, device: torch.device) -> None:
    """Print which operators TensorRT would take, without building anything.

    Raises:
        EngineError: Torch-TensorRT is not installed.
    """
    example = torch.zeros(1, *_CROP, device=device)
    exported = torch.export.export(PlainTuple(graph.to(device)), (example,))
    _library().dynamo.compile(exported, dryrun=True, **_settings(example))


def _settings(example: Tensor) -> dict[str, Any]:
    """Whole graph or nothing; types as exported; no int64."""
    return {
        "arg_inputs": [example],
        "require_full_compilation": True,
        "min_block_size": 1,
        "use_explicit_typing": True,
        "truncate_double": True,
        "immutable_weights": True,
    }


def _library() -> Any:
    try:
        import torch_tensorrt  # noqa: PLC0415 - optional, and needs a GPU build of PyTorch
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            "the engine 'torch_tensorrt' needs Torch-TensorRT and the CUDA build of PyTorch: run "
            f"`pip install torch-tensorrt` ({error})"
        ) from error
    return torch_tensorrt
