"""Torch-TensorRT: the graph compiled whole into one TensorRT engine, the fastest on workstations.

The graph is exported with its types (a half-precision core, a float32 tail) and those are followed
to the letter. The compiled module is kept as an exported program. The one module that imports
``torch_tensorrt``; that needs the CUDA build of PyTorch.
"""

from __future__ import annotations

import contextlib
import io
import operator
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from dice_ros.engine.in_batches import in_batches
from dice_ros.engine.protocol import (
    MAX_BATCH,
    EngineDescription,
    EngineError,
    EngineKind,
    EngineNotKeptError,
    Precision,
)
from dice_ros.networks.dice_graph import DiceGraph, DiceReading

PROGRAM_NAME = "program.ep"
_CROP = (3, 224, 224)
_ENGINE = "_run_on_acc"
"""In the name of every part of a graph that Torch-TensorRT took over."""


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
        _require_gpu()
        if self._graph is not None:
            try:
                self._graph.to(self._device)
            except RuntimeError as error:
                raise EngineError(f"the network does not fit on {self._device}: {error}") from error

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Build or read the engine of every batch size; a build takes minutes."""
        for count in batches:
            self.run(torch.zeros(count, *_CROP, device=self._device))
        self._graph = None

    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch; larger ones than engines are built for are split."""
        return in_batches(self._run, images, MAX_BATCH)

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

    def _run(self, images: Tensor) -> DiceReading:
        program = self._programs.get(len(images))
        if program is None:
            program = self._programs[len(images)] = self._open(len(images))
        try:
            with torch.inference_mode():
                # Outputs are the caller's: the runtime copies them out of its static buffers.
                return DiceReading(*program(images))
        except RuntimeError as error:
            raise EngineError(f"TensorRT could not run the network: {error}") from error

    # Not in inference mode, whoever calls: programs are exported and read as they are elsewhere.
    @torch.inference_mode(mode=False)
    @torch.no_grad()
    def _open(self, count: int) -> Any:
        library = _library()
        path = None if self._folder is None else self._folder / f"{count}-{PROGRAM_NAME}"
        if path is not None and path.is_file():
            module = _loaded(path)
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
            # Not in the library's own place, which all users of the machine share.
            with tempfile.TemporaryDirectory(prefix="dice_ros_timing") as scratch:
                timings = str(Path(scratch) / "timing.cache")
                compiled = _library().dynamo.compile(
                    exported, timing_cache_path=timings, **_settings(example)
                )
        except Exception as error:  # the compiler raises many kinds
            raise EngineError(
                f"Torch-TensorRT could not compile the network: {type(error).__name__}: {error}"
            ) from error
        require_one_engine(compiled)
        return compiled


def require_one_engine(compiled: fx.GraphModule) -> None:
    """Check that the whole graph became one TensorRT engine.

    Raises:
        EngineError: a part of it is left to PyTorch, or it fell into several engines.
    """
    nodes = list(compiled.graph.nodes)
    engines = [node for node in nodes if node.op == "call_module" and _ENGINE in str(node.target)]
    calls = [node for node in nodes if node.op in ("call_module", "call_function", "call_method")]
    left = [
        str(node.target)
        for node in calls
        if node not in engines and node.target is not operator.getitem
    ]
    if len(engines) != 1 or left:
        raise EngineError(
            f"Torch-TensorRT made {len(engines)} engines of the network and left "
            f"{', '.join(left) or 'nothing'} to PyTorch: `dice-ros build --coverage` tells more"
        )


class PlainTuple(nn.Module):
    """The graph with a plain tuple as output: programs on disk know no types of ours."""

    def __init__(self, graph: DiceGraph) -> None:
        super().__init__()
        # Not `_graph`: modules read back from disk have one of their own.
        self.dice = graph

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, 224, 224) -> the fields of DiceReading in order."""
        return tuple(self.dice(images))


def _loaded(path: Path) -> Any:
    try:
        return _library().load(str(path)).module()
    except Exception as error:  # unpicklers raise many kinds
        raise EngineError(
            f"the compiled program {path} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _save(module: Any, path: Path, example: Tensor) -> None:
    try:
        # Protocol 4: the older default turns the engine's bytes into text.
        _library().save(module, str(path), arg_inputs=[example], pickle_protocol=4)
    except Exception as error:  # serialisers raise many kinds
        path.unlink(missing_ok=True)
        raise EngineNotKeptError(
            f"the compiled program cannot be saved: {type(error).__name__}: {error}"
        ) from error


def coverage_report(graph: DiceGraph, device: torch.device) -> str:
    """Which operators TensorRT takes, and how the graph is split; nothing is built.

    Raises:
        EngineError: Torch-TensorRT is not installed, there is no GPU, or it cannot read the graph.
    """
    library = _library()
    _require_gpu()
    example = torch.zeros(1, *_CROP, device=device)
    settings = _settings(example) | {"require_full_compilation": False}
    try:
        exported = torch.export.export(PlainTuple(graph.to(device)), (example,))
        with tempfile.TemporaryDirectory(prefix="dice_ros_coverage") as scratch:
            path = Path(scratch) / "report.txt"
            # It prints the report as well; a file is the one way to get hold of it.
            with contextlib.redirect_stdout(io.StringIO()):
                library.dynamo.compile(exported, dryrun=str(path), **settings)
            return path.read_text()
    except Exception as error:  # the compiler raises many kinds
        raise EngineError(
            f"Torch-TensorRT could not read the network: {type(error).__name__}: {error}"
        ) from error


def _settings(example: Tensor) -> dict[str, Any]:
    """Whole graph or nothing; types as exported, and float32 as such: the tail needs its digits."""
    return {
        "arg_inputs": [example],
        "require_full_compilation": True,
        "min_block_size": 1,
        # What newer versions always do; they take the word without a meaning.
        "use_explicit_typing": True,
        "disable_tf32": True,
        "truncate_double": True,
        "immutable_weights": True,
    }


def _require_gpu() -> None:
    if not torch.cuda.is_available():
        raise EngineError("Torch-TensorRT runs on an NVIDIA GPU; PyTorch sees none")


def _library() -> Any:
    try:
        import torch_tensorrt  # noqa: PLC0415 - optional, and needs a GPU build of PyTorch
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            "the engine 'torch_tensorrt' needs Torch-TensorRT and the CUDA build of PyTorch: run "
            f"`pip install torch-tensorrt` ({error})"
        ) from error
    return torch_tensorrt
