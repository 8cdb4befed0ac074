"""Every engine that runs here says what the plain network says."""

import shutil
import subprocess
import sys

import pytest
import torch

from dice_ros.engine.certificate import certificate_images, certify, reference_readings
from dice_ros.engine.choose import open_engine
from dice_ros.engine.compiled import CompiledEngine
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.engine_cache import EngineCache
from dice_ros.engine.one_thread import OneThreadEngine
from dice_ros.engine.openvino_cpu import OpenVinoEngine, cpu_has
from dice_ros.engine.protocol import EngineError, EngineKind, Precision
from dice_ros.engine.torch_tensorrt_gpu import PlainTuple, TorchTensorRtEngine, coverage_report

CPU = torch.device("cpu")


def make_eager(model):
    return EagerEngine(model.graph(Precision.FLOAT32), CPU)


def make_openvino(model):
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    return OpenVinoEngine(model.graph(Precision.FLOAT32))


def make_one_thread(model):
    return OneThreadEngine(lambda: make_eager(model))


MAKERS = [make_eager, make_openvino, make_one_thread]


@pytest.fixture(scope="module", params=MAKERS, ids=lambda make: make.__name__[5:])
def engine(request, model):
    made = request.param(model)
    made.load()
    made.warm_up((1, 2))
    yield made
    made.close()


def test_its_certificate_passes_in_float32(engine, plain):
    inputs = certificate_images(2)
    certificate = certify(
        engine.describe(), reference_readings(engine, inputs), reference_readings(plain, inputs)
    )
    assert certificate.passed, certificate
    assert certificate.vertex_p99_mm < 0.02


def test_batches_of_any_size_are_computed(engine, plain, images):
    for count in (1, 2, 3):
        found, expected = engine.run(images[:count]), plain.run(images[:count])
        for name, tensor in found._asdict().items():
            wanted = getattr(expected, name)
            assert tensor.shape == wanted.shape, name
            assert tensor.dtype == torch.float32
            gap = (tensor - wanted).abs().max() / wanted.abs().max().clamp_min(1e-6)
            assert gap < 1e-4, name


def test_results_are_the_callers_own(engine, images):
    first = engine.run(images[:1])
    kept = first.head.clone()
    engine.run(images[1:2])
    assert torch.equal(first.head, kept)


def test_it_says_what_it_is(engine):
    description = engine.describe()
    assert description.precision is Precision.FLOAT32
    assert description.kind.value in str(description)
    assert engine.device == CPU


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__[5:])
def test_a_closed_engine_refuses_to_run(make, model, images):
    made = make(model)
    made.load()
    made.close()
    with pytest.raises((EngineError, RuntimeError)):
        made.run(images[:1])


def test_the_compiled_engine_computes_the_same(model, plain, images):
    if not (shutil.which("c++") or shutil.which("g++")):
        pytest.skip("torch.compile needs a C++ compiler")
    engine = CompiledEngine(model.graph(Precision.FLOAT32), CPU)
    engine.load()
    found, expected = engine.run(images[:1]), plain.run(images[:1])
    certificate = certify(engine.describe(), found, expected)
    assert certificate.passed, certificate
    assert engine.describe().kind is EngineKind.COMPILE
    engine.close()
    with pytest.raises(EngineError, match="not loaded"):
        engine.run(images[:1])


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.FLOAT16])
def test_a_core_in_low_precision_keeps_a_float32_tail(model, plain, images, precision):
    low = EagerEngine(model.graph(precision), CPU)
    low.load()
    found, expected = low.run(images[:1]), plain.run(images[:1])
    assert low.describe().precision is precision
    assert found.head.dtype == torch.float32
    assert 0 < (found.head - expected.head).abs().max() < 0.02


def test_openvino_lowers_its_core_where_the_cpu_can(model, plain, images):
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    engine = OpenVinoEngine(model.graph(Precision.FLOAT32), Precision.BFLOAT16)
    if not cpu_has(Precision.BFLOAT16):
        with pytest.raises(EngineError, match="does not compute in bfloat16"):
            engine.load()
        return
    engine.load()
    found, expected = engine.run(images[:1]), plain.run(images[:1])
    assert 0 < (found.head - expected.head).abs().max() < 0.02
    engine.close()


def test_the_engine_is_chosen_by_one_setting(model, tmp_path):
    cache = EngineCache(tmp_path / "engines")
    chosen = open_engine(model, CPU, cache, engine="eager")
    assert chosen.describe().kind is EngineKind.EAGER
    assert chosen.events == ()
    chosen.close()
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    for _ in range(2):  # built, then found
        automatic = open_engine(model, CPU, cache, precision="float32")
        assert automatic.describe().kind is EngineKind.OPENVINO
        automatic.close()
    assert len(list((tmp_path / "engines").iterdir())) == 1


def test_an_engine_that_cannot_be_had_is_an_error_with_the_remedy(model, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    cache = EngineCache(tmp_path)
    with pytest.raises(EngineError, match="GPU"):
        open_engine(model, CPU, cache, engine="tensorrt_rtx")
    with pytest.raises(EngineError, match=r"pip install torch-tensorrt|GPU"):
        open_engine(model, CPU, cache, engine="torch_tensorrt")


def test_torch_tensorrt_takes_every_operator(model, tmp_path):
    pytest.importorskip("torch_tensorrt", reason="Torch-TensorRT is not installed")
    if not torch.cuda.is_available():
        pytest.skip("Torch-TensorRT needs an NVIDIA GPU")
    device = torch.device("cuda")
    coverage_report(model.graph(Precision.FLOAT16), device)
    engine = TorchTensorRtEngine(model.graph(Precision.FLOAT16), Precision.FLOAT16, device)
    engine.load()
    engine.warm_up((1,))
    assert torch.isfinite(engine.run(torch.zeros(1, 3, 224, 224, device=device)).head).all()
    engine.close()


def test_a_program_on_disk_needs_nothing_of_this_package(model, plain, images, tmp_path):
    program = torch.export.export(PlainTuple(model.graph(Precision.FLOAT32)), (images[:1],))
    torch.export.save(program, tmp_path / "program.pt2")
    torch.save(images[:1], tmp_path / "images.pt")
    code = (
        "import sys, torch\n"
        "program = torch.export.load(sys.argv[1] + '/program.pt2').module()\n"
        "torch.save(program(torch.load(sys.argv[1] + '/images.pt')), sys.argv[1] + '/out.pt')\n"
        "assert 'dice_ros' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=tmp_path)
    found = torch.load(tmp_path / "out.pt")
    for tensor, expected in zip(found, plain.run(images[:1]), strict=True):
        torch.testing.assert_close(tensor, expected, rtol=1e-4, atol=1e-5)


def test_cuda_graphs_replay_what_eager_computes(model, images):
    if not torch.cuda.is_available():
        pytest.skip("CUDA graphs need an NVIDIA GPU")
    device = torch.device("cuda")
    graphs = EagerEngine(model.graph(Precision.FLOAT32), device)
    eager = EagerEngine(model.graph(Precision.FLOAT32), device, cuda_graphs=False)
    for engine in (graphs, eager):
        engine.load()
    inputs = images.to(device)
    for count in (1, 2, 1):
        torch.testing.assert_close(graphs.run(inputs[:count]).head, eager.run(inputs[:count]).head)
