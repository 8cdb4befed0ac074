"""An engine for the RTX 4090, built where there is no GPU: the whole network, or an error."""

import json
import re
import resource
import shutil

import numpy as np
import pytest
import torch
from engine_proof import prove_engine

pytest.importorskip(
    "tensorrt_rtx",
    reason="TensorRT for RTX is not installed: pip install onnx onnxscript tensorrt-rtx",
)
onnx = pytest.importorskip(
    "onnx", reason="ONNX is not installed: pip install onnx onnxscript tensorrt-rtx"
)

from dice_ros.engine.choose import (  # noqa: E402
    build_rtx_engine,
    fingerprint,
    gpu_capability,
    problem_of,
)
from dice_ros.engine.one_thread import OneThreadEngine  # noqa: E402
from dice_ros.engine.onnx_export import INPUT_NAME, OUTPUT_NAMES, export_onnx  # noqa: E402
from dice_ros.engine.protocol import EngineError, EngineNotKeptError, Precision  # noqa: E402
from dice_ros.engine.tensorrt_rtx import (  # noqa: E402
    ENGINE_NAME,
    FACTS_NAME,
    RUNTIME_CACHE_NAME,
    RtxGpu,
    TensorRtRtxEngine,
    build_rtx,
    gpu_by_name,
    read_facts,
    rtx_version,
)


@pytest.fixture(scope="module")
def built(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rtx")
    phases = []
    facts = build_rtx_engine(
        model, folder, gpu_by_name("rtx4090"), Precision.FLOAT16, lambda *step: phases.append(step)
    )
    return folder, facts, phases


@pytest.fixture(scope="module")
def half_onnx(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "graph.onnx"
    export_onnx(model.graph(Precision.FLOAT16), path)
    return path


def test_the_whole_network_becomes_one_engine_for_the_4090(built, model):
    folder, facts, _ = built
    assert sorted(path.name for path in folder.iterdir()) == [ENGINE_NAME, FACTS_NAME]
    assert facts.capability == "8.9"
    assert facts.layers > 500
    assert facts.engine_bytes == (folder / ENGINE_NAME).stat().st_size
    # Nearly all weights are inside; those of the core take two bytes each.
    numbers = sum(tensor.numel() for tensor in model.graph(Precision.FLOAT16).core.parameters())
    assert facts.engine_bytes > 2 * numbers
    assert facts.version == rtx_version()
    assert facts.fingerprint == fingerprint(model)
    assert read_facts(folder) == facts


def changed(folder, **values):
    facts = json.loads((folder / FACTS_NAME).read_text()) | values
    (folder / FACTS_NAME).write_text(json.dumps(facts))


def truncate(folder):
    path = folder / ENGINE_NAME
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda folder: changed(folder, fingerprint="other"), "other weights"),
        (lambda folder: changed(folder, version="0.1"), r"TensorRT-RTX 0\.1"),
        (truncate, "damaged"),
        (lambda folder: (folder / ENGINE_NAME).unlink(), "missing"),
    ],
    ids=["stale", "other version", "truncated", "gone"],
)
def test_an_engine_built_elsewhere_is_checked_before_it_is_read(
    built, model, tmp_path, spoil, problem
):
    folder = tmp_path / "rtx"
    shutil.copytree(built[0], folder)
    assert problem_of(folder, model) == ""
    spoil(folder)
    assert re.search(problem, problem_of(folder, model))


def test_nobody_builds_it_in_int8(model, tmp_path):
    with pytest.raises(EngineError, match="openvino only"):
        build_rtx_engine(model, tmp_path, gpu_by_name("rtx4090"), Precision.INT8)


def test_a_build_is_not_silent(built):
    _, _, phases = built
    names = [name for name, _ in phases]
    assert names[0] == "export to ONNX"
    assert len(set(names)) > 2
    assert all(0.0 <= share <= 1.0 for _, share in phases)


def test_the_core_is_half_precision_and_the_tail_is_not(half_onnx):
    graph = onnx.load(str(half_onnx), load_external_data=False).graph
    kinds = {item.name: item.data_type for item in graph.initializer}
    half = [name for name, kind in kinds.items() if kind == onnx.TensorProto.FLOAT16]
    single = [name for name, kind in kinds.items() if kind == onnx.TensorProto.FLOAT]
    assert any("core" in name for name in half)
    assert any("tail.hand_ik" in name for name in single)
    assert [item.name for item in graph.input] == [INPUT_NAME]
    assert [item.name for item in graph.output] == list(OUTPUT_NAMES)
    for value in (*graph.input, *graph.output):
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_the_exported_file_computes_what_the_graph_computes(model, images, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    graph = model.graph(Precision.FLOAT32)
    export_onnx(graph, tmp_path / "graph.onnx")
    session = runtime.InferenceSession(
        str(tmp_path / "graph.onnx"), providers=["CPUExecutionProvider"]
    )
    for count in (1, 2):
        found = session.run(list(OUTPUT_NAMES), {INPUT_NAME: images[:count].numpy()})
        with torch.inference_mode():
            expected = graph(images[:count])
        for name, value, wanted in zip(expected._fields, found, expected, strict=True):
            np.testing.assert_allclose(value, wanted.numpy(), rtol=1e-3, atol=2e-5, err_msg=name)


def test_a_file_that_cannot_be_parsed_is_an_error(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(EngineError, match="cannot parse"):
        build_rtx(tmp_path / "bad.onnx", tmp_path, RtxGpu.RTX40, Precision.FLOAT16)
    assert not (tmp_path / ENGINE_NAME).exists()


def test_gpus_have_the_names_people_use():
    assert gpu_by_name("rtx4090") is gpu_by_name("8.9") is RtxGpu.RTX40
    with pytest.raises(EngineError, match="rtx4090"):
        gpu_by_name("h100")


def test_without_a_gpu_the_engine_says_so(built):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    engine = TensorRtRtxEngine(built[0], torch.device("cuda"))
    with pytest.raises(EngineError, match="there is none"):
        engine.load()
    assert "8.9" in (built[0] / FACTS_NAME).read_text()


def test_on_the_card_it_computes_what_the_plain_network_computes(model, plain, images, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("an engine of TensorRT-RTX runs on an NVIDIA GPU")
    device = torch.device("cuda")
    try:
        gpu = gpu_by_name(gpu_capability(device))
    except EngineError as error:
        pytest.skip(str(error))
    build_rtx_engine(model, tmp_path, gpu, Precision.FLOAT16)
    for _ in range(2):  # kernels compiled, then read from the runtime cache
        engine = OneThreadEngine(lambda: TensorRtRtxEngine(tmp_path, device))
        engine.load()
        engine.warm_up((1, 2))
        assert (tmp_path / RUNTIME_CACHE_NAME).stat().st_size > 0
        prove_engine(engine, plain, images)
        engine.close()


def test_a_full_disk_keeps_no_half_engine(half_onnx, tmp_path):
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, most))
    try:
        with pytest.raises(EngineNotKeptError, match="cannot write the engine"):
            build_rtx(half_onnx, tmp_path, RtxGpu.RTX40, Precision.FLOAT16)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
    assert list(tmp_path.iterdir()) == []
