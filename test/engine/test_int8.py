"""The engine in int8: calibrated on rendered pictures, judged on others, used if it is right."""

import dataclasses
import json
import shutil
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
if find_spec("nncf") is None:
    pytest.skip("NNCF is not installed: pip install nncf", allow_module_level=True)

from dice_ros.engine import certificate
from dice_ros.engine.calibration import FILE_NAME, load_calibration
from dice_ros.engine.certificate import Limits, certify, reference_readings
from dice_ros.engine.choose import engine_key, open_engine, require_int8
from dice_ros.engine.engine_cache import EngineCache
from dice_ros.engine.openvino_cpu import OpenVinoEngine
from dice_ros.engine.protocol import EngineError, EngineKind, Precision
from dice_ros.synthesis.calibration_crops import write_calibration_crops

CPU = torch.device("cpu")
GENEROUS = Limits(50.0, 0.5, 50.0, 1.0)
"""Random weights are no network that int8 is made for: what is tested is the way there."""


@pytest.fixture(scope="module")
def pictures_path(tmp_path_factory, open_head, open_hand):
    path = tmp_path_factory.mktemp("pictures") / FILE_NAME
    write_calibration_crops(path, open_head, open_hand, seen=4, held_out=2)
    return path


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, model, pictures_path):
    """The small network in a folder of its own, with calibration pictures."""
    folder = tmp_path_factory.mktemp("calibrated")
    for path in (model.weights_path, model.bodies_path, pictures_path):
        shutil.copy(path, folder / path.name)
    return dataclasses.replace(
        model,
        weights_path=folder / model.weights_path.name,
        bodies_path=folder / model.bodies_path.name,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory, calibrated):
    """Engines in int8 and float32 and what was found out about them; never write to it."""
    cache = EngineCache(tmp_path_factory.mktemp("cache") / "engines")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(certificate.LIMITS, Precision.INT8, GENEROUS)
        opened(calibrated, cache, precision="int8").close()
    opened(calibrated, cache, precision="float32").close()
    return cache


@pytest.fixture
def unjudged(cache, tmp_path):
    """The same engines; nothing is known about them."""
    copy = EngineCache(shutil.copytree(cache.folder, tmp_path / "engines"))
    for verdict in copy.folder.glob("*/certificate-*.json"):
        verdict.unlink()
    return copy


@pytest.fixture(scope="module")
def built(cache):
    """A folder with an engine, and the engine."""
    (folder,) = cache.folder.glob("openvino-int8-*")
    engine = OpenVinoEngine(None, Precision.INT8, folder=folder)
    engine.load()
    yield folder, engine
    engine.close()


def opened(model, cache, **options):
    return open_engine(model, CPU, cache, **({"engine": "openvino"} | options))


def test_pictures_are_network_inputs_of_different_people(pictures_path):
    pictures = load_calibration(pictures_path)
    assert pictures.seen.shape == (4, 3, 224, 224)
    assert pictures.held_out.shape == (2, 3, 224, 224)
    assert pictures.seen.dtype == torch.float32
    assert -2.2 < pictures.seen.min() < 0.0 < pictures.seen.max() < 2.7
    every = torch.cat([pictures.seen, pictures.held_out]).flatten(1)
    assert torch.cdist(every, every).add(torch.eye(6) * 1e9).min() > 10.0


def test_its_core_is_int8_and_its_tail_is_not(built):
    folder, engine = built
    assert (folder / "core.xml").read_text().count('type="FakeQuantize"') > 100
    assert "FakeQuantize" not in (folder / "tail.xml").read_text()
    assert engine.describe().precision is Precision.INT8


def test_it_says_about_what_the_plain_network_says(built, plain, pictures_path):
    _, engine = built
    images = load_calibration(pictures_path).held_out
    found, expected = (reference_readings(item, images) for item in (engine, plain))
    verdict = certify(engine.describe(), found, expected)
    assert 0.0 < verdict.vertex_p99_mm < 10.0
    assert verdict.contact_flip_rate < 0.05


def test_it_is_read_back_as_it_was_built(built, images):
    folder, engine = built
    again = OpenVinoEngine(None, Precision.INT8, folder=folder)
    again.load()
    for count in (1, 2):
        found, expected = again.run(images[:count]), engine.run(images[:count])
        # OpenVINO may order sums in another way, and a sum on the edge becomes another level.
        assert (found.head - expected.head).abs().max() < 1e-3
        assert (found.face_contact - expected.face_contact).abs().max() < 0.01
    again.close()


def test_it_is_used_if_it_is_right_on_pictures_it_was_not_calibrated_with(
    calibrated, unjudged, monkeypatch
):
    monkeypatch.setitem(certificate.LIMITS, Precision.INT8, GENEROUS)
    engine = opened(calibrated, unjudged, precision="int8")
    assert (engine.describe().kind, engine.describe().precision) == (
        EngineKind.OPENVINO,
        Precision.INT8,
    )
    engine.close()
    (kept,) = unjudged.folder.glob("openvino-int8-*/certificate-int8.json")
    assert json.loads(kept.read_text())["images"] == 2


def test_random_weights_are_refused_loudly_and_the_next_best_is_used(
    calibrated, unjudged, monkeypatch
):
    monkeypatch.setitem(certificate.LIMITS, Precision.INT8, Limits(1e-3, 0.0, 1e-3, 1e-6))
    monkeypatch.setitem(certificate.LIMITS, Precision.BFLOAT16, Limits(1e-3, 0.0, 1e-3, 1e-6))
    engine = opened(calibrated, unjudged)
    assert engine.describe().precision is Precision.FLOAT32
    assert any(
        "openvino int8 is not used: refused, it is not accurate enough" in event
        for event in engine.events
    )
    engine.close()
    with pytest.raises(EngineError, match="refused before"):
        opened(calibrated, unjudged, precision="int8")


def test_nobody_is_made_to_wait_for_int8_without_having_asked(model, unjudged):
    engine = opened(model, unjudged)
    assert engine.describe().precision is not Precision.INT8
    assert not any("int8" in event for event in engine.events)
    engine.close()


def test_without_pictures_the_command_that_renders_them_is_named(model, cache):
    with pytest.raises(EngineError, match="dice-ros build --precision int8"):
        opened(model, cache, precision="int8")


@pytest.mark.parametrize("kind", ["eager", "compile"])
def test_other_engines_do_not_compute_in_int8(model, cache, kind):
    with pytest.raises(EngineError, match="use engine openvino"):
        opened(model, cache, engine=kind, precision="int8")


def flip(path):
    """Other bytes in the middle, the archive's directory as it was."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    for place in range(middle, middle + 64):
        data[place] ^= 0xFF
    path.write_bytes(data)


def test_what_cannot_be_built_is_refused_before_anything_is_rendered(monkeypatch):
    require_int8("auto")
    with pytest.raises(EngineError, match="use engine openvino"):
        require_int8("eager")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match="pip install openvino"):
        require_int8("openvino")


def test_other_pictures_make_another_engine(calibrated, tmp_path):
    key = engine_key(EngineKind.OPENVINO, Precision.INT8, calibrated, CPU)
    copy = dataclasses.replace(calibrated, weights_path=tmp_path / "dice.safetensors")
    shutil.copy(calibrated.weights_path, copy.weights_path)
    with np.load(calibrated.calibration_path) as pictures:
        seen, held_out = pictures["seen"], pictures["held_out"]
    np.savez(copy.calibration_path, seen=seen[:2], held_out=held_out)
    other = engine_key(EngineKind.OPENVINO, Precision.INT8, copy, CPU)
    assert other.name != key.name
    assert dataclasses.replace(other, calibration=key.calibration) == key


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:500]),
        flip,
        lambda path: path.write_text("nothing"),
        lambda path: np.save(path.open("wb"), np.zeros(3)),
        lambda path: np.savez(path, seen=np.zeros((1, 224, 224, 3), np.uint8)),
        lambda path: np.savez(path, seen=np.zeros((1, 10, 10, 3)), held_out=np.zeros(3)),
        lambda path: np.savez(path, seen=np.array([None]), held_out=np.array([None])),
    ],
    ids=["truncated", "flipped", "foreign", "one array", "half", "wrong shape", "objects"],
)
def test_damaged_pictures_are_named_with_the_remedy(pictures_path, tmp_path, damage):
    path = tmp_path / FILE_NAME
    shutil.copy(pictures_path, path)
    damage(path)
    with pytest.raises(EngineError, match=r"damaged.*remove the file"):
        load_calibration(path)
