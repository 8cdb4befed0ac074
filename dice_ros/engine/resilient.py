"""An engine that always answers: the plain one at once, a faster one as soon as it is proved.

Candidates are built one after the other, in the background or at once. The first that loads, warms
up and passes its certificate takes over between two batches. If it fails later (memory, lost
device, output that is not finite), the same batch is computed by the plain engine, which stays.
Every change is logged and kept for diagnostics.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dice_ros.engine.certificate import (
    Certificate,
    certificate_images,
    certify,
    one_by_one,
    reference_readings,
)
from dice_ros.engine.protocol import DiceEngine, EngineDescription, EngineError
from dice_ros.errors import OutputError
from dice_ros.networks.dice_graph import DiceReading

_LOG = logging.getLogger(__name__)
_BATCHES = (1, 2)
_NOT_FINITE = "its output holds NaN or infinity"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A faster engine that may be used.

    Attributes:
        name: for people.
        make: makes the engine, not yet loaded; raises EngineError if it cannot be had here.
        keep: called with the certificate, passed or not, e.g. to store it beside the engine;
            an OutputError from it is a warning.
        images: makes (N, 3, 224, 224) float32 inputs to prove it on.
        stop: called from another thread when nobody waits for the engine any more; makes ``make``
            give up soon.
    """

    name: str
    make: Callable[[], DiceEngine]
    keep: Callable[[Certificate], None] | None = None
    stop: Callable[[], None] | None = None
    images: Callable[[], Tensor] = certificate_images


@dataclass(frozen=True, slots=True, eq=False)
class _Proof:
    """What a candidate must agree with: (N, 3, 224, 224) inputs, and what the plain engine says."""

    images: Tensor
    reference: DiceReading


class ResilientEngine:
    """Runs on the best engine that works; see the module's text. Use :meth:`run` from one thread.

    Args:
        plain: float32 engine: the reference of certificates and the last resort.
        candidates: better engines, best first.
        background: build candidates while the plain engine answers; False builds them in
            :meth:`load`.
        on_phase: told what is being done to which candidate.
    """

    def __init__(
        self,
        plain: DiceEngine,
        candidates: Sequence[Candidate],
        *,
        background: bool,
        on_phase: Callable[[str], None] | None = None,
    ) -> None:
        self._on_phase = on_phase or _LOG.debug
        self._plain = plain
        self._candidates = tuple(candidates)
        self._background = background
        self._lock = threading.Lock()
        self._plain_lock = threading.Lock()
        self._fast: DiceEngine | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._events: list[str] = []

    @property
    def device(self) -> torch.device:
        """Where images are wanted by the engine that answers now."""
        with self._lock:
            return self._plain.device if self._fast is None else self._fast.device

    @property
    def events(self) -> tuple[str, ...]:
        """What happened to engines so far, oldest first."""
        with self._lock:
            return tuple(self._events)

    @property
    def is_building(self) -> bool:
        """Whether a faster engine is being built."""
        return self._thread is not None and self._thread.is_alive()

    def load(self) -> None:
        """Load the plain engine; build the others, now or in the background."""
        self._plain.load()
        if not self._candidates:
            return
        if not self._background:
            self._improve()
            return
        self._thread = threading.Thread(target=self._improve, name="dice_engine_build", daemon=True)
        self._thread.start()

    def warm_up(self, batches: tuple[int, ...] = _BATCHES) -> None:
        """Run the engine that answers now once with every batch size."""
        for count in batches:
            self.run(torch.zeros(count, 3, 224, 224))

    def run(self, images: Tensor) -> DiceReading:
        """Compute a batch on the best engine; on the plain one if that fails."""
        with self._lock:
            fast = self._fast
        if fast is None:
            return self._answer_plainly(images)
        problem = ""
        try:
            reading = _computed(fast, images)
            if _is_finite(reading):
                return reading
        except EngineError as error:
            problem = str(error)
        except Exception as error:  # libraries raise many kinds; the plain engine answers
            problem = f"{type(error).__name__}: {error}"
        if problem:  # before the plain engine runs: it may be memory that is missing
            self._give_up(fast, problem)
            return self._answer_plainly(images)
        try:
            reading = self._answer_plainly(images)
        except EngineError:  # memory, perhaps, which the other one holds
            self._give_up(fast, _NOT_FINITE)
            return self._answer_plainly(images)
        # NaN that the plain engine finds too comes from the image or the weights.
        if _is_finite(reading):
            self._give_up(fast, _NOT_FINITE)
        return reading

    def _answer_plainly(self, images: Tensor) -> DiceReading:
        try:
            return self._run_plain(images)
        except EngineError:
            if not self.is_building:
                raise
            # While another thread records a CUDA graph, a GPU refuses memory to this one.
            return self._run_plain(images)

    def _run_plain(self, images: Tensor) -> DiceReading:
        with self._plain_lock:
            return _computed(self._plain, images)

    def close(self) -> None:
        """Stop building and free all engines."""
        self._closing.set()
        for candidate in self._candidates:
            if candidate.stop is not None:
                candidate.stop()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            fast, self._fast = self._fast, None
        if fast is not None:
            _close_quietly(fast)
        self._plain.close()

    def describe(self) -> EngineDescription:
        """The engine that answers now."""
        with self._lock:
            return (self._plain if self._fast is None else self._fast).describe()

    def _improve(self) -> None:
        """Try the candidates until one is proved."""
        proofs: dict[Callable[[], Tensor], _Proof] = {}
        for candidate in self._candidates:
            if self._closing.is_set():
                return
            started_s = time.monotonic()
            engine: DiceEngine | None = None
            try:
                if self._background:
                    _LOG.info(
                        "engine %s is being built; until then images are answered by %s",
                        candidate.name,
                        self._plain.describe(),
                    )
                self._on_phase(f"{candidate.name}: build")
                engine = candidate.make()
                engine.load()
                self._on_phase(f"{candidate.name}: warm up")
                engine.warm_up(_BATCHES)
                self._on_phase(f"{candidate.name}: compare with the plain network")
                if candidate.images not in proofs:
                    proofs[candidate.images] = self._proof(candidate.images())
                proof = proofs[candidate.images]
                found = reference_readings(engine, proof.images)
                certificate = certify(engine.describe(), found, proof.reference)
                _keep(candidate, certificate)
                if not certificate.passed:
                    raise EngineError(f"refused, it is not accurate enough: {certificate}")
            except Exception as error:  # builders raise many kinds; the plain engine goes on
                if engine is None and self._closing.is_set():
                    return  # stopped
                kind = "" if isinstance(error, EngineError) else f"{type(error).__name__}: "
                self._tell(f"engine {candidate.name} is not used: {kind}{error}", logging.WARNING)
                if engine is not None:
                    _close_quietly(engine)
                continue
            self._swap_in(engine, certificate, time.monotonic() - started_s)
            return

    def _proof(self, images: Tensor) -> _Proof:
        # One image at a time, so that frames are answered in between.
        return _Proof(images, one_by_one(self._run_plain, images))

    def _swap_in(self, engine: DiceEngine, certificate: Certificate, seconds: float) -> None:
        with self._lock:
            closing = self._closing.is_set()
            if not closing:
                self._fast = engine
        if closing:
            _close_quietly(engine)
            return
        self._tell(
            f"engine {engine.describe()} is ready after {seconds:.1f} s; {certificate}",
            logging.INFO,
        )

    def _give_up(self, engine: DiceEngine, problem: str) -> None:
        with self._lock:
            if self._fast is engine:
                self._fast = None
        self._tell(
            f"engine {engine.describe()} failed and is given up: {problem}; going on with "
            f"{self._plain.describe()}",
            logging.ERROR,
        )
        _close_quietly(engine)

    def _tell(self, text: str, level: int) -> None:
        _LOG.log(level, "%s", text)
        with self._lock:
            self._events.append(text)


def _computed(engine: DiceEngine, images: Tensor) -> DiceReading:
    """Run and wait: what goes wrong on a GPU later goes wrong here.

    Raises:
        EngineError: whatever it is that failed.
    """
    try:
        reading = engine.run(images.to(engine.device))
        if reading.head.device.type == "cuda":
            torch.cuda.current_stream(reading.head.device).synchronize()
    except RuntimeError as error:
        raise EngineError(f"{type(error).__name__}: {error}") from error
    return reading


def _is_finite(reading: DiceReading) -> bool:
    # One answer for all: each that is asked for makes the host wait.
    return bool(torch.stack([torch.isfinite(tensor).all() for tensor in reading]).all())


def _keep(candidate: Candidate, certificate: Certificate) -> None:
    if candidate.keep is None:
        return
    try:
        candidate.keep(certificate)
    except OutputError as error:  # a full disk makes no engine worse
        _LOG.warning("the certificate of engine %s is not kept: %s", candidate.name, error)


def _close_quietly(engine: DiceEngine) -> None:
    try:
        engine.close()
    except Exception:  # what failed once may fail again; nobody waits for it
        _LOG.debug("an engine could not be closed", exc_info=True)
