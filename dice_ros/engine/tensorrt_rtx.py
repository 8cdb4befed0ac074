"""TensorRT for RTX: engines built ahead of time, on any machine, for a named GPU.

The builder needs no GPU; the last step, kernels for the very card, happens there within seconds
and is kept in a runtime cache. The one module that imports ``tensorrt_rtx``.
"""

from __future__ import annotations

import enum
import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dice_ros.engine.in_batches import in_batches
from dice_ros.engine.onnx_export import INPUT_NAME, OUTPUT_NAMES
from dice_ros.engine.protocol import (
    EngineDescription,
    EngineError,
    EngineKind,
    EngineNotKeptError,
    Precision,
)
from dice_ros.errors import OutputError
from dice_ros.networks.dice_graph import DiceReading
from dice_ros.whole_file import write_whole

ENGINE_NAME, FACTS_NAME, RUNTIME_CACHE_NAME = "engine.rtx", "facts.json", "runtime.cache"
_CROP = (3, 224, 224)
_LOG = logging.getLogger(__name__)


class RtxGpu(enum.Enum):
    """GPUs to build for, by the name people know; values are compute capabilities."""

    RTX20 = "7.5"
    A100 = "8.0"
    RTX30 = "8.6"
    RTX40 = "8.9"
    RTX50 = "12.0"
    DGX_SPARK = "12.1"


_GPU_NAMES = {
    "rtx2080": RtxGpu.RTX20,
    "a100": RtxGpu.A100,
    "rtx3090": RtxGpu.RTX30,
    "rtx4090": RtxGpu.RTX40,
    "rtx5090": RtxGpu.RTX50,
    "dgx-spark": RtxGpu.DGX_SPARK,
}
GPU_NAMES = tuple(_GPU_NAMES)


@dataclass(frozen=True, slots=True)
class RtxBuild:
    """What came out of a build.

    Attributes:
        engine_bytes: size of the engine.
        layers: layers of the parsed network.
        capability: compute capability it is for.
        precision: of the core.
        max_batch: largest batch.
        version: of TensorRT-RTX.
        fingerprint: of what it was built from; see ``choose.fingerprint``.
        sha256: of the engine.
    """

    engine_bytes: int
    layers: int
    capability: str
    precision: str
    max_batch: int
    version: str
    fingerprint: str
    sha256: str


def gpu_by_name(name: str) -> RtxGpu:
    """The GPU behind a name (``rtx4090``) or a capability (``8.9``).

    Raises:
        EngineError: TensorRT-RTX builds for none of that name.
    """
    if name in _GPU_NAMES:
        return _GPU_NAMES[name]
    try:
        return RtxGpu(name)
    except ValueError:
        raise EngineError(
            f"TensorRT-RTX cannot build for {name!r}: known are {', '.join(GPU_NAMES)} and the "
            f"compute capabilities {', '.join(gpu.value for gpu in RtxGpu)}"
        ) from None


def rtx_version() -> str:
    """Version of the installed TensorRT-RTX."""
    return str(_library().__version__)


def build_rtx(
    onnx: Path,
    folder: Path,
    gpu: RtxGpu,
    precision: Precision,
    *,
    max_batch: int = 2,
    fingerprint: str = "",
    progress: Callable[[str, float], None] | None = None,
) -> RtxBuild:
    """Build an engine from an ONNX file; no GPU needed.

    The whole network becomes one engine: an operator that cannot be parsed is an error, there is
    no falling back to another runtime.

    Args:
        onnx: made by :func:`dice_ros.engine.onnx_export.export_onnx`.
        folder: gets the engine and its facts.
        gpu: to build for.
        precision: what the file's core is in, for the record.
        max_batch: largest batch the engine takes.
        fingerprint: of what the file was made from, for the record.
        progress: called with a phase and its share done.

    Raises:
        EngineError: the file cannot be parsed or built; the message names the operator.
    """
    library = _library()
    logger = library.Logger(library.Logger.WARNING)
    builder = library.Builder(logger)
    network = builder.create_network(1 << int(library.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = library.OnnxParser(network, logger)
    if not parser.parse_from_file(str(onnx)):
        problems = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise EngineError(f"TensorRT-RTX cannot parse {onnx}: {problems}")
    config = builder.create_builder_config()
    # The tail is float32, and ten bits of a mantissa are not.
    config.clear_flag(library.BuilderFlag.TF32)
    config.num_compute_capabilities = 1
    capability = getattr(library.ComputeCapability, "SM" + gpu.value.replace(".", ""))
    if not config.set_compute_capability(capability, 0):
        raise EngineError(f"TensorRT-RTX {library.__version__} does not build for {gpu.value}")
    profile = builder.create_optimization_profile()
    profile.set_shape(INPUT_NAME, (1, *_CROP), (1, *_CROP), (max_batch, *_CROP))
    config.add_optimization_profile(profile)
    if progress is not None:
        config.progress_monitor = _progress_monitor(library, progress)
    serialized = builder.build_serialized_network(network, config)
    if serialized is None:
        raise EngineError("TensorRT-RTX could not build the engine: see its messages above")
    data = bytes(serialized)
    facts = RtxBuild(
        engine_bytes=len(data),
        layers=network.num_layers,
        capability=gpu.value,
        precision=precision.value,
        max_batch=max_batch,
        version=str(library.__version__),
        fingerprint=fingerprint,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    text = json.dumps({name: getattr(facts, name) for name in facts.__slots__}, indent=1)
    try:
        # First and last: an engine without its facts is none.
        (folder / FACTS_NAME).unlink(missing_ok=True)
        (folder / ENGINE_NAME).write_bytes(data)
        (folder / FACTS_NAME).write_text(text + "\n")
    except OSError as error:
        (folder / ENGINE_NAME).unlink(missing_ok=True)
        raise EngineNotKeptError(f"cannot write the engine to {folder}: {error}") from error
    return facts


@dataclass(frozen=True, slots=True, eq=False)
class _Slot:
    """One batch size: a context with its static buffers."""

    context: Any
    images: Tensor
    reading: DiceReading


class TensorRtRtxEngine:
    """Runs a built engine on the GPU it was built for, with static buffers.

    Kernels are specialised for each batch size before it is first run, and captured as a CUDA
    graph: what is compared with the plain network is what runs later.

    Args:
        folder: what :func:`build_rtx` wrote; the runtime cache is kept there too.
        device: the GPU.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._folder = folder
        self._device = device
        self._facts = read_facts(folder)
        self._runtime: Any = None
        self._engine: Any = None
        self._config: Any = None
        self._cache: Any = None
        self._stream: torch.cuda.Stream | None = None
        self._slots: dict[int, _Slot] = {}

    @property
    def device(self) -> torch.device:
        """Where images are wanted."""
        return self._device

    def load(self) -> None:
        """Read the engine.

        Raises:
            EngineError: there is no GPU, it is another one, or the file is damaged.
        """
        if not torch.cuda.is_available():
            raise EngineError("an engine of TensorRT-RTX runs on an NVIDIA GPU; there is none")
        found = ".".join(map(str, torch.cuda.get_device_capability(self._device)))
        if found != self._facts.capability:
            raise EngineError(
                f"the engine is for compute capability {self._facts.capability}, this GPU has "
                f"{found}: build one for it with `dice-ros build`"
            )
        library = _library()
        try:
            data = (self._folder / ENGINE_NAME).read_bytes()
        except OSError as error:
            raise EngineError(f"the engine cannot be read: {error}: build it again") from error
        # PyTorch makes the CUDA context that both share.
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._runtime = library.Runtime(library.Logger(library.Logger.WARNING))
        self._engine = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise EngineError(
                f"the engine in {self._folder} is damaged, was built by another version than "
                f"{library.__version__}, or does not fit into the GPU's memory: build it again"
            )
        self._config = self._engine.create_runtime_config()
        strategy = library.DynamicShapesKernelSpecializationStrategy
        self._config.dynamic_shapes_kernel_specialization_strategy = strategy.EAGER
        self._config.cuda_graph_strategy = library.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._cache = self._config.create_runtime_cache()
        kept = self._folder / RUNTIME_CACHE_NAME
        if kept.is_file() and not self._cache.deserialize(kept.read_bytes()):
            # Of another version or driver: kernels are compiled anew.
            self._cache.reset()
        self._config.set_runtime_cache(self._cache)

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Compile kernels for every batch size, and keep them for the next start."""
        for count in batches:
            if count <= self._facts.max_batch:
                self.run(torch.zeros(count, *_CROP, device=self._device))
        torch.cuda.synchronize(self._device)
        if self._cache is not None:
            _keep(bytes(self._cache.serialize()), self._folder / RUNTIME_CACHE_NAME)

    @torch.inference_mode()
    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch; larger ones than the engine takes are split."""
        if self._engine is None or self._stream is None:
            raise EngineError("the engine is not loaded")
        return in_batches(self._run, images, self._facts.max_batch)

    def close(self) -> None:
        """Free the engine and its buffers."""
        self._slots.clear()
        self._config = self._cache = None
        # An engine needs its runtime until the end.
        self._engine = None
        self._runtime = None

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        return EngineDescription(
            EngineKind.TENSORRT_RTX,
            Precision(self._facts.precision),
            str(self._device),
            f"TensorRT-RTX {self._facts.version}",
        )

    def _run(self, images: Tensor) -> DiceReading:
        assert self._stream is not None
        try:
            slot = self._slots.get(len(images)) or self._open(len(images))
            caller = torch.cuda.current_stream(self._device)
            slot.images.copy_(images)
            self._stream.wait_stream(caller)
            if not slot.context.execute_async_v3(self._stream.cuda_stream):
                raise EngineError("the GPU could not run the engine: see the messages above")
            caller.wait_stream(self._stream)
            # The next run overwrites the static buffers.
            return DiceReading(*(tensor.clone() for tensor in slot.reading))
        except RuntimeError as error:
            raise EngineError(f"the GPU could not run the engine: {error}") from error

    def _open(self, count: int) -> _Slot:
        """A context for one batch size: its shapes and addresses never change."""
        context = self._engine.create_execution_context(self._config)
        if context is None:
            raise EngineError("there is not enough GPU memory for the engine")
        images = torch.zeros(count, *_CROP, device=self._device)
        if not context.set_input_shape(INPUT_NAME, tuple(images.shape)):
            raise EngineError(f"the engine does not take a batch of {count}")
        reading = DiceReading(
            *(
                torch.zeros(tuple(context.get_tensor_shape(name)), device=self._device)
                for name in OUTPUT_NAMES
            )
        )
        for name, tensor in zip((INPUT_NAME, *OUTPUT_NAMES), (images, *reading), strict=True):
            if not context.set_tensor_address(name, tensor.data_ptr()):
                raise EngineError(f"the engine does not know the tensor {name}: build it again")
        # Buffers are filled with zeros on the caller's stream; the engine's waits for that.
        self._slots[count] = slot = _Slot(context, images, reading)
        return slot


def _keep(data: bytes, path: Path) -> None:
    """Write whole or not at all; without it the next start takes seconds longer."""
    try:
        write_whole(path, data)
    except OutputError as error:
        _LOG.warning("compiled kernels are not kept for the next start: %s", error)


def read_facts(folder: Path) -> RtxBuild:
    """What :func:`build_rtx` recorded.

    Raises:
        EngineError: missing or damaged.
    """
    path = folder / FACTS_NAME
    try:
        return RtxBuild(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise EngineError(f"{path} is missing or damaged ({error}): build it again") from error


def _progress_monitor(library: Any, progress: Callable[[str, float], None]) -> Any:
    class Monitor(library.IProgressMonitor):  # type: ignore[misc]
        """Passes the builder's phases on."""

        def __init__(self) -> None:
            super().__init__()
            self._steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            del parent
            self._steps[phase] = max(steps, 1)
            progress(phase, 0.0)

        def step_complete(self, phase: str, step: int) -> bool:
            progress(phase, min(step / self._steps.get(phase, 1), 1.0))
            return True

        def phase_finish(self, phase: str) -> None:
            progress(phase, 1.0)

    return Monitor()


def _library() -> Any:
    try:
        import tensorrt_rtx  # noqa: PLC0415 - optional, and large
    except (ImportError, OSError) as error:
        raise EngineError(
            "the engine 'tensorrt_rtx' needs TensorRT for RTX: run "
            f"`pip install onnx onnxscript tensorrt-rtx` ({error})"
        ) from error
    return tensorrt_rtx
