"""Engines are built in another process: what goes wrong there is told here."""

import dataclasses

import pytest

from dice_ros.engine import build_apart
from dice_ros.engine.build_apart import BuildOrder
from dice_ros.engine.protocol import EngineError


@pytest.fixture
def order(model):
    return BuildOrder(
        kind="openvino",
        precision="float32",
        device="cpu",
        weights_path=str(model.weights_path),
        bodies_path=str(model.bodies_path),
        parametric=True,
        neck_deforms=False,
    )


def test_a_built_engine_lies_in_the_folder(order, tmp_path):
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    build_apart.build_apart(order, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"core.xml", "core.bin", "tail.xml"}


def test_why_it_cannot_be_built_is_told(order, tmp_path):
    with pytest.raises(EngineError, match="engines of the kind eager are not kept"):
        build_apart.build_apart(dataclasses.replace(order, kind="eager"), tmp_path)
    missing = dataclasses.replace(order, weights_path=str(tmp_path / "missing.safetensors"))
    with pytest.raises(EngineError, match=r"missing\.safetensors"):
        build_apart.build_apart(missing, tmp_path)


def test_a_process_that_dies_is_an_error_with_its_last_words(order, tmp_path, monkeypatch):
    monkeypatch.setattr(build_apart, "WORKER", "no_such_module")
    with pytest.raises(EngineError, match=r"ended with code 1: .*no_such_module"):
        build_apart.build_apart(order, tmp_path)
