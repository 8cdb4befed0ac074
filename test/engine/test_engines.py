"""Every engine that runs here says what the plain network says."""

import operator
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from engine_proof import prove_engine
from torch import fx

from dice_ros.engine import certificate
from dice_ros.engine.certificate import certify
from dice_ros.engine.choose import open_engine
from dice_ros.engine.compiled import CompiledEngine
from dice_ros.engine.cuda_graphs import CudaGraphs
from dice_ros.engine.eager import EagerEngine
from dice_ros.engine.engine_cache import EngineCache
from dice_ros.engine.one_thread import OneThreadEngine
from dice_ros.engine.onnx_export import export_onnx
from dice_ros.engine.openvino_cpu import OpenVinoEngine, cpu_has
from dice_ros.engine.protocol import EngineError, EngineKind, Precision
from dice_ros.engine.tensorrt_rtx import rtx_version
from dice_ros.engine.torch_tensorrt_gpu import (
    PlainTuple,
    TorchTensorRtEngine,
    coverage_report,
    require_one_engine,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def kept_models(model, tmp_path_factory):
    """A folder with what OpenVINO makes of the network."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    folder = tmp_path_factory.mktemp("models") / "openvino"
    built = OpenVinoEngine(model.graph(Precision.FLOAT32), folder=folder)
    built.load()
    built.close()
    return folder


@pytest.fixture(scope="module")
def filled_cache(model, tmp_path_factory):
    """A cache in which open_engine has put an engine; never write to it."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    cache = EngineCache(tmp_path_factory.mktemp("cache") / "engines")
    built = open_engine(model, CPU, cache, precision="float32")
    assert built.describe().kind is EngineKind.OPENVINO
    built.close()
    return cache


def make_eager(request):
    return EagerEngine(request.getfixturevalue("model").graph(Precision.FLOAT32), CPU)


def make_openvino(request):
    return OpenVinoEngine(None, folder=request.getfixturevalue("kept_models"))


def make_one_thread(request):
    eager = make_eager(request)
    return OneThreadEngine(lambda: eager)


MAKERS = [make_eager, make_openvino, make_one_thread]


@pytest.fixture(scope="module", params=MAKERS, ids=lambda make: make.__name__[5:])
def engine(request):
    made = request.param(request)
    made.load()
    made.warm_up((1, 2))
    yield made
    made.close()


def test_it_is_proved_in_float32_and_answers_stay(engine, plain, images):
    prove_engine(engine, plain, images)


def test_batches_of_any_size_are_computed(engine, plain, images):
    for count in (1, 2, 3):
        found, expected = engine.run(images[:count]), plain.run(images[:count])
        for name, tensor in found._asdict().items():
            wanted = getattr(expected, name)
            assert tensor.shape == wanted.shape, name
            assert tensor.dtype == torch.float32
            gap = (tensor - wanted).abs().max() / wanted.abs().max().clamp_min(1e-6)
            assert gap < 1e-4, name


def test_it_says_what_it_is(engine):
    description = engine.describe()
    assert description.precision is Precision.FLOAT32
    assert description.kind.value in str(description)
    assert engine.device == CPU


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__[5:])
def test_a_closed_engine_refuses_to_run(make, request, images):
    made = make(request)
    made.load()
    made.close()
    with pytest.raises(EngineError, match=r"closed|not loaded"):
        made.run(images[:1])


def test_the_compiled_engine_computes_the_same(model, plain, images):
    if not (shutil.which("c++") or shutil.which("g++")):
        pytest.skip("torch.compile needs a C++ compiler")
    engine = CompiledEngine(model.graph(Precision.FLOAT32), CPU)
    engine.load()
    with ThreadPoolExecutor(1) as background:
        background.submit(engine.warm_up, (1,)).result()
    # Built in one thread, used in another and on tensors of another sort: nothing is built again.
    with torch.compiler.set_stance("fail_on_recompile"), torch.inference_mode():
        engine.run(images[:1].clone())
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


def test_openvino_lowers_its_core_where_the_cpu_can(kept_models, plain, images):
    engine = OpenVinoEngine(None, Precision.BFLOAT16, folder=kept_models)
    if not cpu_has(Precision.BFLOAT16):
        with pytest.raises(EngineError, match="does not compute in bfloat16"):
            engine.load()
        return
    engine.load()
    found, expected = engine.run(images[:1]), plain.run(images[:1])
    assert 0 < (found.head - expected.head).abs().max() < 0.02
    engine.close()


def test_the_plain_engine_is_had_by_its_name(model, tmp_path):
    chosen = open_engine(model, CPU, EngineCache(tmp_path / "engines"), engine="eager")
    assert chosen.describe().kind is EngineKind.EAGER
    assert chosen.events == ()
    chosen.close()


def test_an_engine_that_was_built_before_is_found(model, filled_cache):
    before = written(filled_cache)
    assert len(before) == 2
    automatic = open_engine(model, CPU, filled_cache, precision="float32")
    assert automatic.describe().kind is EngineKind.OPENVINO
    automatic.close()
    assert written(filled_cache) == before
    assert len(list(filled_cache.folder.iterdir())) == 1


def written(cache):
    """When each model was: what is built again shows."""
    return {path: path.stat().st_mtime_ns for path in cache.folder.glob("*/core.*")}


def test_the_plain_engine_computes_in_half_precision_on_request(model, tmp_path, monkeypatch):
    generous = certificate.Limits(50.0, 0.5, 50.0, 1.0)
    monkeypatch.setitem(certificate.LIMITS, Precision.BFLOAT16, generous)
    cache = EngineCache(tmp_path / "engines")
    chosen = open_engine(model, CPU, cache, engine="eager", precision="bfloat16")
    description = chosen.describe()
    assert (description.kind, description.precision) == (EngineKind.EAGER, Precision.BFLOAT16)
    chosen.close()


def test_whoever_asks_for_float32_gets_it_even_without_a_faster_engine(
    model, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "openvino", None)
    cache = EngineCache(tmp_path / "engines")
    chosen = open_engine(model, CPU, cache, precision="float32")
    assert chosen.describe().kind is EngineKind.EAGER
    assert any("pip install openvino" in event for event in chosen.events)
    chosen.close()
    with pytest.raises(EngineError, match="pip install openvino"):
        open_engine(model, CPU, cache, engine="openvino", precision="float32")


@pytest.mark.parametrize(
    "damage", [lambda text: text[:40], lambda text: text.replace("0.02", "null")]
)
def test_a_damaged_verdict_is_passed_anew(model, filled_cache, tmp_path, caplog, damage):
    cache = EngineCache(shutil.copytree(filled_cache.folder, tmp_path / "engines"))
    (verdict,) = cache.folder.glob("*/certificate-float32.json")
    whole = verdict.read_text()
    verdict.write_text(damage(whole))
    again = open_engine(model, CPU, cache, precision="float32")
    assert again.describe().kind is EngineKind.OPENVINO
    again.close()
    assert verdict.read_text() == whole
    assert "missing or damaged" in caplog.text


def test_a_cache_that_cannot_be_trusted_is_left_alone_and_the_engine_is_used(
    model, tmp_path, caplog
):
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    folder = tmp_path / "engines"
    folder.mkdir()
    folder.chmod(0o777)
    chosen = open_engine(model, CPU, EngineCache(folder), precision="float32")
    assert chosen.describe().kind is EngineKind.OPENVINO
    chosen.close()
    assert list(folder.iterdir()) == []
    assert "chmod 700" in caplog.text


def test_an_engine_that_cannot_be_had_is_an_error_with_the_remedy(model, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    cache = EngineCache(tmp_path)
    with pytest.raises(EngineError, match="GPU"):
        open_engine(model, CPU, cache, engine="tensorrt_rtx")
    with pytest.raises(EngineError, match=r"pip install torch-tensorrt|GPU"):
        open_engine(model, CPU, cache, engine="torch_tensorrt")


@pytest.mark.parametrize(
    ("package", "use", "command"),
    [
        (
            "openvino",
            lambda model, _: OpenVinoEngine(model.graph(Precision.FLOAT32)).load(),
            "pip install openvino",
        ),
        (
            "torch_tensorrt",
            lambda *_: TorchTensorRtEngine(None, Precision.FLOAT16, CPU).load(),
            "pip install torch-tensorrt",
        ),
        ("tensorrt_rtx", lambda *_: rtx_version(), "pip install onnx onnxscript tensorrt-rtx"),
        (
            "onnxscript",
            lambda model, folder: export_onnx(model.graph(Precision.FLOAT32), folder / "g.onnx"),
            "pip install onnx onnxscript tensorrt-rtx",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_missing_package_gives_the_install_command(
    package, use, command, model, tmp_path, monkeypatch
):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineError, match=command):
        use(model, tmp_path)


def torch_tensorrt_device():
    pytest.importorskip("torch_tensorrt", reason="Torch-TensorRT is not installed")
    if not torch.cuda.is_available():
        pytest.skip("Torch-TensorRT needs an NVIDIA GPU")
    return torch.device("cuda")


def test_torch_tensorrt_takes_every_operator(model):
    report = coverage_report(model.graph(Precision.FLOAT16), torch_tensorrt_device())
    assert "100.0% coverage" in report
    assert "TRT Engine #1" in report
    assert "TRT Engine #2" not in report


def test_torch_tensorrt_is_built_kept_and_found_again(model, plain, images, tmp_path):
    device = torch_tensorrt_device()
    half = Precision.FLOAT16
    for graph in (model.graph(half), None):  # built, then read
        engine = OneThreadEngine(
            lambda graph=graph: TorchTensorRtEngine(graph, half, device, folder=tmp_path)
        )
        engine.load()
        engine.warm_up((1, 2))
        assert {path.name for path in tmp_path.iterdir()} == {"1-program.ep", "2-program.ep"}
        prove_engine(engine, plain, images)
        engine.close()


def test_without_a_gpu_no_coverage_is_told(model):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineError, match=r"pip install torch-tensorrt|GPU"):
        coverage_report(model.graph(Precision.FLOAT16), CPU)


def split_graph(*targets):
    """What Torch-TensorRT leaves of a network: calls of its engines and of what it did not take."""
    graph = fx.Graph()
    value = graph.placeholder("image")
    modules = {}
    for target in targets:
        if isinstance(target, str):
            modules[target] = torch.nn.Identity()
            value = graph.call_module(target, (value,))
        else:
            value = graph.call_function(target, (value,))
    graph.output((graph.call_function(operator.getitem, (value, 0)),))
    return fx.GraphModule(modules, graph)


def test_a_network_in_one_engine_is_accepted():
    require_one_engine(split_graph("_run_on_acc_0"))


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("_run_on_acc_0", "_run_on_acc_2"),
        ("_run_on_acc_0", "_run_on_gpu_1"),
        ("_run_on_acc_0", torch.ops.aten.relu.default),
    ],
    ids=["none", "two", "a part", "an operator"],
)
def test_a_network_that_fell_apart_is_refused(parts):
    with pytest.raises(EngineError, match="engines of the network"):
        require_one_engine(split_graph(*parts))


def test_what_cannot_be_captured_is_computed_without(model, plain, images, caplog):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    graph = model.graph(Precision.FLOAT32)
    graphs = CudaGraphs(graph, CPU)
    with torch.inference_mode():
        found = graphs.run(images[:2])
        assert torch.equal(graphs.run(images[:1]).head, graph(images[:1]).head)
    torch.testing.assert_close(found.head, plain.run(images[:2]).head, rtol=0, atol=1e-5)
    assert not graphs.works
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_an_engine_whose_making_fails_leaves_no_thread(model):
    def missing():
        raise EngineError("not here")

    before = set(threading.enumerate())
    with pytest.raises(EngineError, match="not here"):
        OneThreadEngine(missing)
    assert set(threading.enumerate()) <= before


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
