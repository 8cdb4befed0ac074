"""TensorRT for RTX: engines built ahead of time, on any machine, for a named GPU.

The builder needs no GPU; the last step, kernels for the very card, happens there within seconds
and is kept in a runtime cache. The one module that imports ``tensorrt_rtx``.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dice_ros.engine.onnx_export import INPUT_NAME, OUTPUT_NAMES
from dice_ros.engine.protocol import EngineDescription, EngineError, EngineKind, Precision
from dice_ros.networks.dice_graph import DiceReading

ENGINE_NAME, FACTS_NAME, RUNTIME_CACHE_NAME = "engine.rtx", "facts.json", "runtime.cache"
_CROP = (3, 224, 224)


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
    """

    engine_bytes: int
    layers: int
    capability: str
    precision: str
    max_batch: int
    version: str
    fingerprint: str


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
    (folder / ENGINE_NAME).write_bytes(data)
    facts = RtxBuild(
        engine_bytes=len(data),
        layers=network.num_layers,
        capability=gpu.value,
        precision=precision.value,
        max_batch=max_batch,
        version=str(library.__version__),
        fingerprint=fingerprint,
    )
    text = json.dumps({name: getattr(facts, name) for name in facts.__slots__}, indent=1)
    (folder / FACTS_NAME).write_text(text + "\n")
    return facts


class TensorRtRtxEngine:
    """Runs a built engine on the GPU it was built for, with static buffers.

    Args:
        folder: what :func:`build_rtx` wrote; the runtime cache is kept there too.
        device: the GPU.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._folder = folder
        self._device = device
        self._facts = read_facts(folder)
        self._context: Any = None
        self._engine: Any = None
        self._cache: Any = None
        self._stream: torch.cuda.Stream | None = None
        self._buffers: dict[int, tuple[Tensor, DiceReading]] = {}

    @property
    def device(self) -> torch.device:
        """Where images are wanted."""
        return self._device

    def load(self) -> None:
        """Read the engine and compile its kernels for this card.

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
        runtime = library.Runtime(library.Logger(library.Logger.WARNING))
        self._engine = runtime.deserialize_cuda_engine((self._folder / ENGINE_NAME).read_bytes())
        if self._engine is None:
            raise EngineError(f"the engine in {self._folder} is damaged: build it again")
        config = self._engine.create_runtime_config()
        self._cache = config.create_runtime_cache()
        kept = self._folder / RUNTIME_CACHE_NAME
        if kept.is_file():
            self._cache.deserialize(kept.read_bytes())
        config.set_runtime_cache(self._cache)
        self._context = self._engine.create_execution_context(config)
        if self._context is None:
            raise EngineError("there is not enough GPU memory for the engine")
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]

    def warm_up(self, batches: tuple[int, ...] = (1, 2)) -> None:
        """Compile kernels for every batch size, and keep them for the next start."""
        for count in batches:
            if count <= self._facts.max_batch:
                self.run(torch.zeros(count, *_CROP, device=self._device))
        if self._cache is not None:
            (self._folder / RUNTIME_CACHE_NAME).write_bytes(bytes(self._cache.serialize()))

    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch; larger ones than the engine takes are split."""
        limit = self._facts.max_batch
        if len(images) > limit:
            parts = [self.run(part) for part in torch.split(images, limit)]
            return DiceReading(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))
        if self._context is None or self._stream is None:
            raise EngineError("the engine is not loaded")
        static, reading = self._buffers_for(len(images))
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            static.copy_(images)
            self._context.set_input_shape(INPUT_NAME, tuple(static.shape))
            self._context.set_tensor_address(INPUT_NAME, static.data_ptr())
            for name, tensor in zip(OUTPUT_NAMES, reading, strict=True):
                self._context.set_tensor_address(name, tensor.data_ptr())
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise EngineError("the GPU could not run the engine: see the messages above")
            result = DiceReading(*(tensor.clone() for tensor in reading))
        self._stream.synchronize()
        return result

    def close(self) -> None:
        """Free the engine and its buffers."""
        self._buffers.clear()
        self._context = self._engine = self._cache = None

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        return EngineDescription(
            EngineKind.TENSORRT_RTX,
            Precision(self._facts.precision),
            str(self._device),
            f"TensorRT-RTX {self._facts.version}",
        )

    def _buffers_for(self, count: int) -> tuple[Tensor, DiceReading]:
        if count not in self._buffers:
            assert self._context is not None
            images = torch.zeros(count, *_CROP, device=self._device)
            self._context.set_input_shape(INPUT_NAME, tuple(images.shape))
            reading = DiceReading(
                *(
                    torch.zeros(tuple(self._context.get_tensor_shape(name)), device=self._device)
                    for name in OUTPUT_NAMES
                )
            )
            self._buffers[count] = (images, reading)
        return self._buffers[count]


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
