"""Which engine to use on this machine, from one setting."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from dice_ros.body.dice_bodies import DiceBodies
from dice_ros.engine.build_apart import BuildOrder, build_apart
from dice_ros.engine.certificate import Certificate
from dice_ros.engine.compiled import CompiledEngine
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.engine_cache import EngineCache, EngineKey
from dice_ros.engine.one_thread import OneThreadEngine
from dice_ros.engine.onnx_export import export_onnx
from dice_ros.engine.openvino_cpu import OpenVinoEngine, cpu_has
from dice_ros.engine.protocol import (
    MAX_BATCH,
    DiceEngine,
    EngineError,
    EngineKind,
    EngineNotKeptError,
    Precision,
)
from dice_ros.engine.resilient import Candidate, ResilientEngine
from dice_ros.engine.tensorrt_rtx import (
    RtxBuild,
    RtxGpu,
    TensorRtRtxEngine,
    build_rtx,
    gpu_by_name,
    read_facts,
)
from dice_ros.engine.torch_tensorrt_gpu import TorchTensorRtEngine
from dice_ros.file_hash import file_sha256
from dice_ros.networks.dice import DiceNetwork
from dice_ros.networks.dice_graph import DiceGraph, Simplifications

AUTO = "auto"
_LOG = logging.getLogger(__name__)
_ROOMS = ("networks", "body", "engine")
_DISTRIBUTIONS = {
    EngineKind.OPENVINO: ("openvino", "torch"),
    EngineKind.TENSORRT_RTX: ("tensorrt-rtx", "torch", "onnx"),
    EngineKind.TORCH_TENSORRT: ("torch-tensorrt", "tensorrt", "torch"),
}


@dataclass(frozen=True, eq=False)
class DiceModel:
    """What engines are built from.

    Attributes:
        network: with weights, float32, on the CPU.
        bodies: body models.
        parametric: which meshes.
        weights_path, bodies_path: files they came from, hashed for the cache.
        neck_deforms: leave the deformation of the neck as the network gives it (evaluation).
    """

    network: DiceNetwork
    bodies: DiceBodies
    parametric: bool
    weights_path: Path
    bodies_path: Path
    neck_deforms: bool = False

    @cached_property
    def weights_sha256(self) -> str:
        """Of the weights' file: a gigabyte, so it is read for the first engine only."""
        return file_sha256(self.weights_path)

    @cached_property
    def bodies_sha256(self) -> str:
        """Of the bodies' file."""
        return file_sha256(self.bodies_path)

    def graph(
        self, precision: Precision, simplifications: Simplifications | None = None
    ) -> DiceGraph:
        """A graph of its own for an engine."""
        return DiceGraph(
            self.network,
            self.bodies.flame,
            self.bodies.mano,
            parametric=self.parametric,
            neck_deforms=self.neck_deforms,
            simplifications=simplifications,
            dtype=precision.dtype,
        )


def open_engine(
    model: DiceModel,
    device: torch.device,
    cache: EngineCache,
    *,
    engine: str = AUTO,
    precision: str = AUTO,
    background: bool = False,
    on_phase: Callable[[str], None] | None = None,
) -> ResilientEngine:
    """The engine for the settings, loaded.

    The plain engine answers until a faster one is proved. An engine that is asked for by name and
    cannot be had is an error, unless it is built in the background, where it is logged.

    Args:
        model: what to build from.
        device: where to run.
        cache: where built engines are kept.
        engine: ``auto`` or the value of an :class:`EngineKind`.
        precision: ``auto`` or the value of a :class:`Precision`.
        background: build while the plain engine answers.
        on_phase: told what is being done, e.g. ``openvino float32: compare``.

    Raises:
        EngineError: the plain engine, or the one asked for, cannot be had.
    """
    plain = EagerEngine(model.graph(Precision.FLOAT32), device)
    candidates = _candidates(model, device, cache, engine=engine, precision=precision)
    chosen = ResilientEngine(plain, candidates, background=background, on_phase=on_phase)
    chosen.load()
    wanted = engine != AUTO or precision != AUTO
    if wanted and candidates and not background and chosen.describe().kind is EngineKind.EAGER:
        eager_wanted = engine == EngineKind.EAGER.value and precision in (AUTO, "float32")
        if not eager_wanted:
            reasons = "; ".join(chosen.events)
            chosen.close()
            raise EngineError(reasons)
    return chosen


def _candidates(
    model: DiceModel, device: torch.device, cache: EngineCache, *, engine: str, precision: str
) -> list[Candidate]:
    """Engines to try, best first."""
    if engine == AUTO:
        kinds = (
            (EngineKind.TORCH_TENSORRT, EngineKind.TENSORRT_RTX, EngineKind.COMPILE)
            if device.type == "cuda"
            else (EngineKind.OPENVINO,)
        )
    else:
        kinds = (EngineKind(engine),)
    candidates = []
    for kind in kinds:
        for chosen in _precisions(kind, device, precision):
            if kind is EngineKind.EAGER and chosen is Precision.FLOAT32:
                continue  # that is the plain engine itself
            candidates.append(_candidate(kind, chosen, model, device, cache))
    return candidates


def _precisions(kind: EngineKind, device: torch.device, precision: str) -> tuple[Precision, ...]:
    if precision != AUTO:
        return (Precision(precision),)
    if device.type == "cuda":
        if kind is EngineKind.EAGER:
            return (Precision.FLOAT32,)
        return (Precision.FLOAT16, Precision.BFLOAT16)
    if kind is EngineKind.OPENVINO and cpu_has(Precision.BFLOAT16):
        return (Precision.BFLOAT16, Precision.FLOAT32)
    return (Precision.FLOAT32,)


def _candidate(
    kind: EngineKind,
    precision: Precision,
    model: DiceModel,
    device: torch.device,
    cache: EngineCache,
) -> Candidate:
    name = f"{kind.value} {precision.value}"
    if kind is EngineKind.EAGER:
        return Candidate(name, lambda: EagerEngine(model.graph(precision), device))
    if kind is EngineKind.COMPILE:
        return Candidate(name, lambda: CompiledEngine(model.graph(precision), device))
    place = _Place(kind, precision, model, device, cache)
    makers: dict[EngineKind, Callable[[], DiceEngine]] = {
        EngineKind.OPENVINO: place.openvino,
        EngineKind.TENSORRT_RTX: place.tensorrt_rtx,
        EngineKind.TORCH_TENSORRT: place.torch_tensorrt,
    }
    return Candidate(name, makers[kind], place.keep)


class _Place:
    """One engine's place in the cache, and how it gets there."""

    def __init__(
        self,
        kind: EngineKind,
        precision: Precision,
        model: DiceModel,
        device: torch.device,
        cache: EngineCache,
    ) -> None:
        self._kind = kind
        self._precision = precision
        self._model = model
        self._device = device
        self._cache = cache
        self._folder: Path | None = None

    def openvino(self) -> DiceEngine:
        # One model for all precisions: the runtime lowers it when it is compiled.
        folder = self._find_or_build(Precision.FLOAT32)
        return OpenVinoEngine(None, self._precision, folder=folder)

    def tensorrt_rtx(self) -> DiceEngine:
        if self._device.type != "cuda":
            raise EngineError("an engine of TensorRT-RTX runs on an NVIDIA GPU, device is the CPU")
        self._folder = self._built_ahead(gpu_by_name(gpu_capability(self._device)))
        folder = self._folder or self._find_or_build(self._precision)
        return OneThreadEngine(lambda: TensorRtRtxEngine(folder, self._device))

    def torch_tensorrt(self) -> DiceEngine:
        try:
            folder = self._find_or_build(self._precision)
        except EngineNotKeptError as error:
            _LOG.warning("%s; it is built anew at every start", error)
            graph = self._model.graph(self._precision)
            # Compiled on the engine's own thread: nothing is handed from thread to thread.
            return OneThreadEngine(
                lambda: TorchTensorRtEngine(graph, self._precision, self._device)
            )
        return OneThreadEngine(
            lambda: TorchTensorRtEngine(None, self._precision, self._device, folder=folder)
        )

    def keep(self, certificate: Certificate) -> None:
        if self._folder is not None:
            certificate.save(self._folder / self._certificate_name)

    @property
    def _certificate_name(self) -> str:
        return f"certificate-{self._precision.value}.json"

    def _find_or_build(self, built_as: Precision) -> Path:
        key = engine_key(self._kind, built_as, self._model, self._device)
        self._folder = self._cache.find(key)
        if self._folder is None:
            order = BuildOrder(
                kind=self._kind.value,
                precision=built_as.value,
                device=str(self._device),
                weights_path=str(self._model.weights_path),
                bodies_path=str(self._model.bodies_path),
                parametric=self._model.parametric,
                neck_deforms=self._model.neck_deforms,
            )
            self._folder = self._cache.add(key, lambda folder: build_apart(order, folder))
        elif (self._folder / self._certificate_name).is_file():
            known = Certificate.load(self._folder / self._certificate_name)
            if not known.passed:
                raise EngineError(f"refused before, it was not accurate enough: {known}")
        return self._folder

    def _built_ahead(self, gpu: RtxGpu) -> Path | None:
        """An engine that was built elsewhere and put beside the weights."""
        folder = self._model.weights_path.parent / rtx_folder_name(gpu, self._precision)
        if not folder.is_dir():
            return None
        if read_facts(folder).fingerprint != fingerprint(self._model):
            raise EngineError(
                f"the engine in {folder} was built from other weights, bodies or code: build it "
                "again with `dice-ros build`"
            )
        return folder


def rtx_folder_name(gpu: RtxGpu, precision: Precision) -> str:
    """Where an engine that was built ahead is looked for, beside the weights."""
    return f"rtx-{gpu.value}-{precision.value}"


def fingerprint(model: DiceModel) -> str:
    """sha256 over everything that decides what an engine computes: weights, bodies, code."""
    parts = (
        model.weights_sha256,
        model.bodies_sha256,
        graph_hash(model),
    )
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def build_rtx_engine(
    model: DiceModel,
    folder: Path,
    gpu: RtxGpu,
    precision: Precision,
    progress: Callable[[str, float], None] | None = None,
) -> RtxBuild:
    """Export the graph and build it with TensorRT-RTX; no GPU needed. See :func:`build_rtx`."""
    onnx = folder / "graph.onnx"
    if progress is not None:
        progress("export to ONNX", 0.0)
    try:
        export_onnx(model.graph(precision), onnx, MAX_BATCH)
        return build_rtx(
            onnx,
            folder,
            gpu,
            precision,
            max_batch=MAX_BATCH,
            fingerprint=fingerprint(model),
            progress=progress,
        )
    finally:
        for path in (onnx, onnx.with_name(onnx.name + ".data")):
            path.unlink(missing_ok=True)


def engine_key(
    kind: EngineKind, precision: Precision, model: DiceModel, device: torch.device
) -> EngineKey:
    """Under which name an engine is kept."""
    on_gpu = device.type == "cuda"
    return EngineKey(
        kind=kind.value,
        precision=precision.value,
        batch=MAX_BATCH,
        weights=model.weights_sha256,
        bodies=model.bodies_sha256,
        graph=graph_hash(model),
        device=torch.cuda.get_device_name(device) if on_gpu else platform.machine(),
        capability=gpu_capability(device) if on_gpu else "",
        versions=tuple(_version(name) for name in _DISTRIBUTIONS.get(kind, ("torch",))),
    )


def graph_hash(model: DiceModel) -> str:
    """sha256 of the choices and the code that decide what the graph computes."""
    choices = f"parametric={model.parametric} neck_deforms={model.neck_deforms}"
    digest = hashlib.sha256(choices.encode())
    root = Path(__file__).parents[1]
    for room in _ROOMS:
        for path in sorted((root / room).glob("*.py")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def gpu_capability(device: torch.device) -> str:
    """Compute capability of a GPU, e.g. ``8.9``."""
    return ".".join(map(str, torch.cuda.get_device_capability(device)))


def _version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} none"
