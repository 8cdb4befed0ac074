"""Which engine to use on this machine, from one setting."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import platform
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from dice_ros.body.dice_bodies import DiceBodies
from dice_ros.engine.build_apart import BuildOrder, build_apart
from dice_ros.engine.calibration import FILE_NAME as CALIBRATION_NAME
from dice_ros.engine.calibration import load_calibration
from dice_ros.engine.certificate import Certificate, certificate_images
from dice_ros.engine.compiled import CompiledEngine
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.engine_cache import EngineCache, EngineKey
from dice_ros.engine.int8_quantization import INSTALL as INSTALL_NNCF
from dice_ros.engine.int8_quantization import can_quantise
from dice_ros.engine.one_thread import OneThreadEngine
from dice_ros.engine.onnx_export import export_onnx
from dice_ros.engine.openvino_cpu import (
    OpenVinoEngine,
    cpu_capabilities,
    cpu_has,
    require_precision,
)
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
    ENGINE_NAME,
    RtxBuild,
    RtxGpu,
    TensorRtRtxEngine,
    build_rtx,
    gpu_by_name,
    read_facts,
    rtx_version,
)
from dice_ros.engine.torch_tensorrt_gpu import TorchTensorRtEngine
from dice_ros.errors import OutputError
from dice_ros.file_hash import file_sha256
from dice_ros.networks.dice import DiceNetwork
from dice_ros.networks.dice_graph import DiceGraph, Simplifications

AUTO = "auto"
_LOG = logging.getLogger(__name__)
_ROOMS = ("networks", "body", "engine")
_HALVES = (Precision.FLOAT16, Precision.BFLOAT16)
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

    @property
    def calibration_path(self) -> Path:
        """Where calibration pictures for int8 are, if there are any."""
        return self.weights_path.parent / CALIBRATION_NAME

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
    found = chosen.describe()
    fell_back = (found.kind, found.precision) == (EngineKind.EAGER, Precision.FLOAT32)
    fits = engine in (AUTO, EngineKind.EAGER.value) and precision in (AUTO, found.precision.value)
    if fell_back and not fits and not background:
        reasons = "; ".join(chosen.events)
        chosen.close()
        raise EngineError(reasons)
    return chosen


def _candidates(
    model: DiceModel, device: torch.device, cache: EngineCache, *, engine: str, precision: str
) -> list[Candidate]:
    """Engines to try, best first."""
    if precision == Precision.INT8.value and engine == AUTO:
        kinds: tuple[EngineKind, ...] = (EngineKind.OPENVINO,)
    elif engine == AUTO:
        kinds = (
            (EngineKind.TORCH_TENSORRT, EngineKind.TENSORRT_RTX, EngineKind.COMPILE)
            if device.type == "cuda"
            else (EngineKind.OPENVINO,)
        )
    else:
        kinds = (EngineKind(engine),)
    candidates = []
    for kind in kinds:
        if kind is EngineKind.OPENVINO:
            device = torch.device("cpu")  # on a machine with a GPU, too
        for chosen in _precisions(kind, model, device, precision):
            if kind is EngineKind.EAGER and chosen is Precision.FLOAT32:
                continue  # that is the plain engine itself
            candidates.append(_candidate(kind, chosen, model, device, cache))
    if engine == AUTO and device.type == "cuda" and precision != Precision.INT8.value:
        # Where nothing can be built, half precision and CUDA graphs are still worth having.
        halves = _HALVES if precision == AUTO else (Precision(precision),)
        candidates += [
            _candidate(EngineKind.EAGER, half, model, device, cache)
            for half in halves
            if half in _HALVES
        ]
    return candidates


def _precisions(
    kind: EngineKind, model: DiceModel, device: torch.device, precision: str
) -> tuple[Precision, ...]:
    if precision != AUTO:
        return (Precision(precision),)
    if device.type == "cuda" and kind is not EngineKind.EAGER:
        return _HALVES
    if kind is not EngineKind.OPENVINO:
        return (Precision.FLOAT32,)
    found = [Precision.FLOAT32]
    # Calibration pictures are there if somebody once asked for int8.
    if can_quantise() and model.calibration_path.is_file():
        found.insert(0, Precision.INT8)
    if cpu_has(Precision.BFLOAT16):
        found.insert(0, Precision.BFLOAT16)
    return tuple(found)


def _candidate(
    kind: EngineKind,
    precision: Precision,
    model: DiceModel,
    device: torch.device,
    cache: EngineCache,
) -> Candidate:
    name = f"{kind.value} {precision.value}"
    if precision is Precision.INT8 and kind is not EngineKind.OPENVINO:
        return Candidate(name, _refuse_int8)
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
    images = place.held_out if precision is Precision.INT8 else certificate_images
    return Candidate(name, makers[kind], place.keep, place.stop, images)


def require_int8(engine: str) -> None:
    """Whether an engine in int8 can be built here at all.

    Args:
        engine: ``auto`` or the value of an :class:`EngineKind`.

    Raises:
        EngineError: it cannot; the message says what is missing.
    """
    if engine not in (AUTO, EngineKind.OPENVINO.value):
        _refuse_int8()
    require_precision(Precision.INT8)
    if not can_quantise():
        raise EngineError(f"int8 engines are made with NNCF: run `{INSTALL_NNCF}`")


def _refuse_int8() -> DiceEngine:
    raise EngineError("int8 is computed by the engine openvino only: use engine openvino or auto")


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
        self._stop = threading.Event()
        self._unkept: tempfile.TemporaryDirectory[str] | None = None

    def stop(self) -> None:
        """Give up building; from any thread."""
        self._stop.set()

    def held_out(self) -> Tensor:
        """Pictures to judge an engine in int8 by."""
        return load_calibration(self._model.calibration_path).held_out

    def openvino(self) -> DiceEngine:
        require_precision(self._precision)
        # One model for all other precisions: the runtime lowers it when it is compiled.
        is_int8 = self._precision is Precision.INT8
        folder = self._find_or_build(Precision.INT8 if is_int8 else Precision.FLOAT32)
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
        self._folder = self._found(key)
        if self._folder is None:
            order = build_order(self._kind, built_as, self._model, self._device)
            self._folder = self._built(key, order)
            return self._folder
        known = self._known(self._folder / self._certificate_name)
        if known is not None and not known.passed:
            raise EngineError(
                f"refused before, it was not accurate enough: {known}; to compare it anew remove "
                f"{self._folder}"
            )
        return self._folder

    def _found(self, key: EngineKey) -> Path | None:
        try:
            return self._cache.find(key)
        except OutputError:
            return None  # building into the cache says the same, and is dealt with

    def _built(self, key: EngineKey, order: BuildOrder) -> Path:
        try:
            return self._cache.add(
                key, lambda folder: build_apart(order, folder, self._stop), self._stop
            )
        except (OutputError, EngineNotKeptError) as error:
            # Torch-TensorRT compiles such an engine on its own thread instead.
            if self._stop.is_set() or self._kind is EngineKind.TORCH_TENSORRT:
                raise
            _LOG.warning("%s; the engine is built anew at every start", error)
        self._unkept = tempfile.TemporaryDirectory(prefix="dice_ros_engine")
        folder = Path(self._unkept.name)
        build_apart(order, folder, self._stop)
        return folder

    @staticmethod
    def _known(path: Path) -> Certificate | None:
        """An earlier verdict; None if there is none that can be read."""
        if not path.is_file():
            return None
        try:
            return Certificate.load(path)
        except EngineError as error:
            _LOG.warning("%s; the engine is compared anew", error)
            return None

    def _built_ahead(self, gpu: RtxGpu) -> Path | None:
        """An engine that was built elsewhere and put beside the weights."""
        folder = self._model.weights_path.parent / rtx_folder_name(gpu, self._precision)
        if not folder.is_dir():
            return None
        try:
            problem = problem_of(folder, self._model)
        except EngineError as error:
            problem = str(error)
        if problem:
            _LOG.warning(
                "the engine in %s is left alone, %s; another one is built: renew it with "
                "`dice-ros build --gpu`",
                folder,
                problem,
            )
            return None
        return folder


def problem_of(folder: Path, model: DiceModel) -> str:
    """Why an engine that was built ahead cannot be used; empty if it can."""
    facts, path = read_facts(folder), folder / ENGINE_NAME
    if facts.fingerprint != fingerprint(model):
        return "it was built from other weights, bodies or code"
    if facts.version != rtx_version():
        return f"it was built with TensorRT-RTX {facts.version}, this is {rtx_version()}"
    if not path.is_file() or file_sha256(path) != facts.sha256:
        return "its file is missing or damaged"
    return ""


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
    if precision is Precision.INT8:
        _refuse_int8()
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


def build_order(
    kind: EngineKind, precision: Precision, model: DiceModel, device: torch.device
) -> BuildOrder:
    """What a process apart is told to build."""
    return BuildOrder(
        kind=kind.value,
        precision=precision.value,
        device=str(device),
        weights_path=str(model.weights_path),
        bodies_path=str(model.bodies_path),
        parametric=model.parametric,
        neck_deforms=model.neck_deforms,
    )


def engine_key(
    kind: EngineKind, precision: Precision, model: DiceModel, device: torch.device
) -> EngineKey:
    """Under which name an engine is kept."""
    on_gpu = device.type == "cuda"
    is_int8 = precision is Precision.INT8
    if is_int8:
        load_calibration(model.calibration_path)
    return EngineKey(
        kind=kind.value,
        precision=precision.value,
        batch=MAX_BATCH,
        weights=model.weights_sha256,
        bodies=model.bodies_sha256,
        graph=graph_hash(model),
        device=torch.cuda.get_device_name(device) if on_gpu else _cpu_name(kind),
        capability=gpu_capability(device) if on_gpu else "",
        versions=tuple(
            _version(name)
            for name in (*_DISTRIBUTIONS.get(kind, ("torch",)), *(("nncf",) if is_int8 else ()))
        ),
        calibration=file_sha256(model.calibration_path) if is_int8 else "",
    )


def _cpu_name(kind: EngineKind) -> str:
    """What decides how a CPU rounds: low precision is another thing on another one."""
    names = cpu_capabilities() if kind is EngineKind.OPENVINO else ()
    return " ".join([platform.machine(), torch.backends.cpu.get_cpu_capability(), *names])


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
