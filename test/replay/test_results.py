import dataclasses
import json

import numpy as np
import pytest
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from dice_ros.errors import InputError, OutputError
from dice_ros.replay.interaction_json import frame_json
from dice_ros.replay.results_reader import read_interactions, read_topologies
from dice_ros.replay.results_writer import ResultsWriter
from dice_ros.types import Frame, FrameResult


@pytest.fixture(scope="module")
def result(pipeline, touching_render):
    pipeline.reset()
    return pipeline.process(touching_render[0])


@pytest.fixture(scope="module")
def results_file(result, pipeline, tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "results.mcap"
    with ResultsWriter(path) as writer:
        writer.write_topologies(pipeline.topologies, result.frame.stamp_ns)
        writer.write_result(result)
        writer.write_result(FrameResult(result.frame, (), result.timings))
    return path


def assert_same(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if dataclasses.is_dataclass(a):
            assert_same(a, b)
        elif isinstance(a, tuple) and a and dataclasses.is_dataclass(a[0]):
            for left, right in zip(a, b, strict=True):
                assert_same(left, right)
        elif isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, atol=1e-6, err_msg=field.name)
        elif isinstance(a, float):
            assert b == pytest.approx(a, rel=1e-6), field.name
        elif field.name not in ("width", "height"):
            assert a == b, field.name


def test_results_come_back_as_they_were_written(results_file, result):
    first, nobody = read_interactions(results_file)
    assert nobody is None
    expected = dataclasses.replace(result.interactions[0], timings=result.timings)
    np.testing.assert_array_equal(first.face.vertices, expected.face.vertices)
    np.testing.assert_array_equal(first.hands[0].contact, expected.hands[0].contact)
    assert_same(expected, first)


def test_topologies_come_back(results_file, pipeline):
    found = read_topologies(results_file)
    for topology in pipeline.topologies:
        assert_same(topology, found[topology.id])


def test_other_readers_open_the_file_with_the_types_inside(results_file):
    with AnyReader([results_file], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        names = {connection.topic: connection.msgtype for connection in reader.connections}
        assert names["/dice/interaction"] == "dice_ros/msg/HandFaceInteraction"
        messages = [
            reader.deserialize(data, connection.msgtype)
            for connection, _, data in reader.messages()
            if connection.topic == "/dice/interaction"
        ]
    assert [message.person_id >= 0 for message in messages] == [True, False]
    with results_file.open("rb") as file:
        mcap = make_reader(file)
        assert mcap.get_header().profile == "ros2"
        schemas = {schema.name: schema for schema in mcap.get_summary().schemas.values()}
    assert schemas["dice_ros/msg/HandFaceInteraction"].encoding == "ros2msg"
    assert b"MSG: dice_ros/" in schemas["dice_ros/msg/HandFaceInteraction"].data


def test_an_unfinished_file_keeps_its_temporary_name(tmp_path, result):
    writer = ResultsWriter(tmp_path / "a.mcap")
    writer.write_result(result)
    assert not (tmp_path / "a.mcap").exists()
    assert (tmp_path / "a.mcap.partial").exists()
    writer.close()
    writer.close()
    assert (tmp_path / "a.mcap").exists()


def test_an_unwritable_place_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        ResultsWriter(tmp_path / "file" / "a.mcap")


def test_damaged_results_are_refused(tmp_path):
    path = tmp_path / "a.mcap"
    path.write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read"):
        list(read_interactions(path))


def test_json_holds_what_the_result_says(result):
    value = json.loads(frame_json(result))
    assert value["stamp"] == result.frame.stamp_ns
    assert (value["width"], value["height"]) == (640, 480)
    assert len(value["faces"]) == 1
    assert value["hands"][0]["side"] == "right"
    assert value["hands"][0]["touch"] == "contact"
    assert len(value["contacts"]) == len(result.interactions[0].contacts) > 0
    assert value["sources"][0]["contact"] == "proximity_prior"
    assert set(value["ms"]) == {timing.stage for timing in result.timings}


def test_json_knows_no_nan(result):
    face = dataclasses.replace(result.interactions[0].face, fit_rms_px=float("nan"))
    person = dataclasses.replace(result.interactions[0], face=face)
    text = frame_json(dataclasses.replace(result, interactions=(person,)))
    assert json.loads(text)["faces"][0]["rms_px"] is None
    assert "NaN" not in text


def test_json_of_nobody_is_a_line_too():
    frame = Frame(np.zeros((4, 6, 3), np.uint8), 5, source="x", index=3)
    value = json.loads(frame_json(FrameResult(frame, (), ())))
    assert value["faces"] == value["hands"] == value["contacts"] == []
    assert value["index"] == 3
