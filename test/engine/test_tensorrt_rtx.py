"""An engine for the RTX 4090, built where there is no GPU: the whole network, or an error."""

import numpy as np
import pytest
import torch

pytest.importorskip(
    "tensorrt_rtx",
    reason="TensorRT for RTX is not installed: pip install onnx onnxscript tensorrt-rtx",
)
onnx = pytest.importorskip(
    "onnx", reason="ONNX is not installed: pip install onnx onnxscript tensorrt-rtx"
)

from dice_ros.engine.choose import build_rtx_engine, fingerprint  # noqa: E402
from dice_ros.engine.onnx_export import INPUT_NAME, OUTPUT_NAMES, export_onnx  # noqa: E402
from dice_ros.engine.protocol import EngineError, Precision  # noqa: E402
from dice_ros.engine.tensorrt_rtx import (  # noqa: E402
    ENGINE_NAME,
    FACTS_NAME,
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
