"""Engines that are slow to build, wrong, or fail: somebody always answers, and nobody is silent."""

import logging
import threading
import time

import pytest
import torch
from test_support import wait_until

from dice_ros.engine.certificate import LIMITS, Certificate, certify
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.protocol import EngineDescription, EngineError, EngineKind, Precision
from dice_ros.engine.resilient import Candidate, ResilientEngine
from dice_ros.networks.dice_graph import DiceReading

CPU = torch.device("cpu")


class Faulty:
    """A real engine with a fault built in."""

    def __init__(self, model, load=None, run=None):
        self._real = EagerEngine(model.graph(Precision.FLOAT32), CPU)
        self._on_load, self._on_run = load, run
        self.closed = False

    device = CPU

    def load(self):
        if self._on_load is not None:
            self._on_load()
        self._real.load()

    def warm_up(self, batches=(1, 2)):
        self._real.warm_up(batches)

    def run(self, images):
        reading = self._real.run(images)
        return reading if self._on_run is None else self._on_run(reading)

    def close(self):
        self.closed = True
        self._real.close()

    def describe(self):
        return EngineDescription(EngineKind.COMPILE, Precision.FLOAT32, "cpu", "faulty")


@pytest.fixture(autouse=True)
def heard(caplog):
    """Warnings are recorded, whatever libraries of other tests made of the root logger."""
    with caplog.at_level(logging.WARNING, logger="dice_ros"):
        yield


@pytest.fixture
def plain(model):
    return EagerEngine(model.graph(Precision.FLOAT32), CPU)


def kind(engine):
    return engine.describe().kind


def test_frames_are_answered_while_an_engine_is_built_and_none_is_lost(model, plain, images):
    built = threading.Event()
    slow = Faulty(model, load=built.wait)
    engine = ResilientEngine(plain, [Candidate("slow", lambda: slow)], background=True)
    engine.load()
    answers = []
    for number in range(3):
        answers.append(engine.run(images[number % 3][None]))
        assert kind(engine) is EngineKind.EAGER
        assert engine.is_building
    built.set()
    deadline = time.monotonic() + 120
    while kind(engine) is not EngineKind.COMPILE and time.monotonic() < deadline:
        answers.append(engine.run(images[:1]))
    assert kind(engine) is EngineKind.COMPILE
    answers.append(engine.run(images[:1]))
    for answer in answers[3:]:
        torch.testing.assert_close(answer.head, answers[0].head, rtol=0, atol=1e-6)
    assert "ready after" in engine.events[0]
    assert "vertices p99" in engine.events[0]
    engine.close()
    assert slow.closed


def test_the_next_candidate_is_tried_when_one_cannot_be_built(model, plain, images, caplog):
    def broken():
        raise EngineError("no such thing here: run `pip install it`")

    good = Faulty(model)
    candidates = [Candidate("broken", broken), Candidate("good", lambda: good)]
    engine = ResilientEngine(plain, candidates, background=False)
    engine.load()
    assert kind(engine) is EngineKind.COMPILE
    assert "broken is not used: no such thing here" in engine.events[0]
    assert any("broken" in record.message for record in caplog.records)
    engine.close()


def test_out_of_memory_while_building_leaves_the_plain_engine(model, plain, images):
    def out_of_memory():
        raise torch.OutOfMemoryError("CUDA out of memory")

    faulty = Faulty(model, load=out_of_memory)
    engine = ResilientEngine(plain, [Candidate("large", lambda: faulty)], background=False)
    engine.load()
    assert kind(engine) is EngineKind.EAGER
    assert "OutOfMemoryError" in engine.events[0]
    assert torch.isfinite(engine.run(images[:1]).head).all()
    assert faulty.closed
    engine.close()


def test_a_certificate_that_cannot_be_kept_costs_no_engine(model, plain, tmp_path, caplog):
    def keep(certificate):
        certificate.save(tmp_path / "none" / "certificate.json")

    engine = ResilientEngine(
        plain, [Candidate("good", lambda: Faulty(model), keep)], background=False
    )
    engine.load()
    assert kind(engine) is EngineKind.COMPILE
    assert "the certificate of engine good is not kept: cannot write" in caplog.text
    engine.close()


def moved(millimetres):
    return lambda reading: reading._replace(head=reading.head + 1e-3 * millimetres)


def test_an_engine_that_is_quietly_wrong_is_refused_loudly(model, plain, caplog):
    wrong = Faulty(model, run=moved(0.5))
    kept = []
    candidate = Candidate("wrong", lambda: wrong, kept.append)
    engine = ResilientEngine(plain, [candidate], background=False)
    engine.load()
    assert kind(engine) is EngineKind.EAGER
    assert "refused, it is not accurate enough: vertices p99 0.866" in engine.events[0]
    assert not kept[0].passed
    assert wrong.closed
    assert any(record.levelname == "WARNING" for record in caplog.records)
    engine.close()


@pytest.mark.parametrize("fault", ["nan", "error", "lost", "memory", "foreign"])
def test_an_engine_that_fails_later_hands_the_same_batch_on(model, plain, images, fault, caplog):
    broken = threading.Event()

    def sometimes(reading):
        if not broken.is_set():
            return reading
        if fault == "error":
            raise EngineError("device lost")
        if fault == "lost":  # as PyTorch says it
            raise RuntimeError("CUDA error: device lost")
        if fault == "memory":
            raise torch.OutOfMemoryError("device lost all memory")
        if fault == "foreign":  # a library's own mistake
            raise TypeError("device lost its type")
        return DiceReading(*(tensor * float("nan") for tensor in reading))

    faulty = Faulty(model, run=sometimes)
    engine = ResilientEngine(plain, [Candidate("frail", lambda: faulty)], background=False)
    engine.load()
    good = engine.run(images[:2])
    assert kind(engine) is EngineKind.COMPILE
    broken.set()
    rescued = engine.run(images[:2])
    assert kind(engine) is EngineKind.EAGER
    torch.testing.assert_close(rescued.head, good.head, rtol=0, atol=1e-6)
    problem = "NaN or infinity" if fault == "nan" else "device lost"
    assert problem in engine.events[-1]
    assert any(record.levelname == "ERROR" for record in caplog.records)
    assert faulty.closed
    engine.close()


def test_nan_that_the_plain_engine_finds_too_is_no_fault_of_the_fast_one(model, plain, images):
    engine = ResilientEngine(plain, [Candidate("good", lambda: Faulty(model))], background=False)
    engine.load()
    damaged = images[:1].clone()
    damaged[0, 0, 0, 0] = float("nan")
    assert torch.isnan(engine.run(damaged).head).any()
    assert kind(engine) is EngineKind.COMPILE
    assert len(engine.events) == 1  # that it is ready
    assert torch.isfinite(engine.run(images[:1]).head).all()
    engine.close()


def test_an_engine_with_nan_that_leaves_the_plain_one_no_memory_is_given_up(model, images):
    broken = threading.Event()

    def not_a_number(reading):
        factor = float("nan") if broken.is_set() else 1.0
        return DiceReading(*(tensor * factor for tensor in reading))

    def starved(reading):
        if broken.is_set() and not fast.closed:
            raise torch.OutOfMemoryError("out of memory")
        return reading

    fast, plain = Faulty(model, run=not_a_number), Faulty(model, run=starved)
    engine = ResilientEngine(plain, [Candidate("greedy", lambda: fast)], background=False)
    engine.load()
    broken.set()
    assert torch.isfinite(engine.run(images[:1]).head).all()
    assert fast.closed
    engine.close()


def test_when_nothing_works_any_more_it_says_so(model, images):
    lost = threading.Event()

    def sometimes(reading):
        if lost.is_set():
            raise RuntimeError("CUDA error: device lost")
        return reading

    plain, fast = Faulty(model, run=sometimes), Faulty(model, run=sometimes)
    engine = ResilientEngine(plain, [Candidate("fast", lambda: fast)], background=False)
    engine.load()
    lost.set()
    with pytest.raises(EngineError, match="device lost"):
        engine.run(images[:1])
    assert fast.closed
    assert "given up" in engine.events[-1]
    engine.close()


def test_a_frame_that_fails_while_another_engine_is_built_is_tried_again(model, images):
    """Recording a CUDA graph in one thread makes the GPU refuse memory to the others."""
    built, refused = threading.Event(), []

    def once(reading):
        if not refused:
            refused.append(1)
            raise RuntimeError("operation not permitted when stream is capturing")
        return reading

    slow = Faulty(model, load=built.wait)
    plain = Faulty(model, run=once)
    engine = ResilientEngine(plain, [Candidate("slow", lambda: slow)], background=True)
    engine.load()
    assert torch.isfinite(engine.run(images[:1]).head).all()
    assert refused
    built.set()
    engine.close()


def test_closing_while_an_engine_is_built_waits_and_closes_it(model, plain):
    started, release = threading.Event(), threading.Event()

    def slow_load():
        started.set()
        release.wait()

    slow = Faulty(model, load=slow_load)
    engine = ResilientEngine(plain, [Candidate("slow", lambda: slow)], background=True)
    engine.load()
    assert started.wait(60)
    closer = threading.Thread(target=engine.close)
    closer.start()
    closer.join(0.5)
    assert closer.is_alive()
    release.set()
    closer.join(120)
    assert not closer.is_alive()
    assert wait_until(lambda: slow.closed)


def test_a_build_is_stopped_when_nobody_waits_for_it(model, plain, caplog):
    started, stopped = threading.Event(), threading.Event()

    def make():
        started.set()
        assert stopped.wait(60)
        raise EngineError("the build was stopped")

    candidates = [Candidate("slow", make, stop=stopped.set), Candidate("next", make)]
    engine = ResilientEngine(plain, candidates, background=True)
    engine.load()
    assert started.wait(60)
    engine.close()
    assert engine.events == ()
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def reading(**changes):
    values = {
        "scale": torch.ones(1),
        "shift": torch.ones(1, 2),
        "presence": torch.full((1, 1), 0.7),
        "head": torch.zeros(1, 100, 3),
        "deformation": torch.zeros(1, 100, 3),
        "landmarks": torch.zeros(1, 68, 3),
        "hand": torch.zeros(1, 50, 3),
        "joints": torch.zeros(1, 21, 3),
        "face_contact": torch.full((1, 100), 0.2),
        "hand_contact": torch.full((1, 50), 0.2),
        "face_betas": torch.zeros(1, 100),
        "face_expression": torch.zeros(1, 50),
        "global_orient": torch.zeros(1, 3),
        "hand_pose": torch.zeros(1, 45),
        "hand_betas": torch.zeros(1, 10),
    }
    return DiceReading(**(values | changes))


HALF = EngineDescription(EngineKind.TENSORRT_RTX, Precision.FLOAT16, "cuda:0")


def test_a_certificate_counts_flipped_contacts():
    flipped = torch.full((1, 100), 0.2)
    flipped[0, 0] = 0.6
    certificate = certify(HALF, reading(face_contact=flipped), reading())
    assert certificate.contact_flip_rate == pytest.approx(1 / 150)
    assert not certificate.passed


def test_a_certificate_tells_engines_apart_where_nothing_touches():
    certificate = certify(HALF, reading(face_contact=torch.full((1, 100), 0.22)), reading())
    assert certificate.contact_flip_rate == 0.0
    assert certificate.contact_p99 == pytest.approx(0.02, rel=1e-3)
    assert not certificate.passed


def test_a_certificate_measures_millimetres():
    head = torch.zeros(1, 100, 3)
    head[..., 2] = 0.00009
    certificate = certify(HALF, reading(head=head), reading())
    assert certificate.vertex_max_mm == pytest.approx(0.09, rel=1e-3)
    assert certificate.passed
    assert certificate.limit_p99_mm == LIMITS[Precision.FLOAT16].vertex_p99_mm == 0.1


def test_nan_never_passes():
    for field in ("head", "scale", "hand_contact", "presence"):
        bad = getattr(reading(), field) * float("nan")
        assert not certify(HALF, reading(**{field: bad}), reading()).passed, field


def test_a_certificate_survives_the_disk(tmp_path):
    certificate = certify(HALF, reading(), reading())
    certificate.save(tmp_path / "c.json")
    assert Certificate.load(tmp_path / "c.json") == certificate
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(EngineError, match="damaged"):
        Certificate.load(tmp_path / "c.json")
