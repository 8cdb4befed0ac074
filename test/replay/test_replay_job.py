import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from replay.recordings import (
    EPOCH,
    IMAGE,
    PERIOD,
    ROS2,
    Shot,
    film,
    payloads,
    storage_file,
    write_bag1,
    write_bag2,
)
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from rosbags.rosbag2 import Reader as Reader2
from rosbags.typesys import Stores, get_typestore

from dice_ros.errors import InputError, OutputError
from dice_ros.events.touch_event import TouchPhase
from dice_ros.pipeline import Pipeline
from dice_ros.replay.message_store import INTERACTION_TYPE, message_store
from dice_ros.replay.pipeline_memory import packed, unpacked
from dice_ros.replay.replay_job import RecordedTime, ReplayJob, ReplayOptions, summary_path
from dice_ros.replay.results_reader import read_interactions, read_topologies, read_touch_events
from dice_ros.settings import Settings
from dice_ros.types import Frame

SETTINGS = Settings(network_threads=1)
TOPIC = "/dice/interaction"


@pytest.fixture(scope="module")
def pictures(moving_pictures):
    return moving_pictures


class ReusedPipeline(Pipeline):
    """Loading networks takes long: these stay open, and are as new whenever they are handed out."""

    def __init__(self, asset_dir):
        super().__init__(asset_dir, SETTINGS)
        self._new = packed(self.perception_memory()), packed(self.estimation_memory())
        self.is_free = True

    def take(self):
        self.restore(*map(unpacked, self._new))
        self.is_free = False
        return self

    def close(self):
        self.is_free = True


@pytest.fixture(scope="module")
def make_pipeline(asset_dir):
    made = []

    def make():
        free = next((item for item in made if item.is_free), None)
        if free is None:
            made.append(free := ReusedPipeline(asset_dir))
        return free.take()

    yield make
    for item in made:
        Pipeline.close(item)


@pytest.fixture
def replay(asset_dir, make_pipeline, tmp_path):
    """``replay(bag, ..., option=value)`` -> (job, output)."""

    def run(*bags, name="out.mcap", settings=SETTINGS, **options):
        out = tmp_path / name
        wanted = ReplayOptions(tuple(map(str, bags)), out, overwrite=True, **options)
        make = make_pipeline if settings is SETTINGS else lambda: Pipeline(asset_dir, settings)
        with ReplayJob(wanted, settings, make) as job:
            outcomes = list(job.run(lambda: False))
        assert all(account.is_balanced for account in job.summary.accounts)
        assert len(outcomes) == sum(account.read for account in job.summary.accounts)
        return job, out

    return run


def interactions(path, topic=TOPIC):
    with path.open("rb") as file:
        return [
            message_store().deserialize_cdr(message.data, INTERACTION_TYPE)
            for _, channel, message in make_reader(file).iter_messages(log_time_order=False)
            if channel.topic == topic
        ]


def stamps(path, topic=TOPIC):
    found = [item.header.stamp for item in interactions(path, topic)]
    return [stamp.sec * 10**9 + stamp.nanosec for stamp in found]


def expected(count, step=1):
    return [EPOCH + n * PERIOD for n in range(0, count, step)]


def test_results_are_those_of_the_pipeline_with_the_stamps_of_the_images(
    replay, pictures, tmp_path, make_pipeline
):
    job, out = replay(write_bag2(tmp_path / "bag", film(pictures)))
    assert stamps(out) == expected(48)
    assert job.summary.processed == job.summary.accounts[0].read == 48
    assert len(read_topologies(out)) == 3
    found = list(read_interactions(out))
    assert sum(item is not None and item.face is not None for item in found) >= 30
    assert sum(item is not None and len(item.hands) for item in found) >= 5
    pipeline = make_pipeline()
    for number, item in enumerate(found[:10]):
        result = pipeline.process(Frame(pictures[number], EPOCH + number * PERIOD))
        np.testing.assert_array_equal(item.face.vertices, result.interactions[0].face.vertices)
    pipeline.close()


def test_two_runs_and_any_number_of_workers_give_the_same_bytes(replay, pictures, tmp_path):
    shots = film(pictures[10:34], "/left/image_raw") + film(pictures[26:40], "/right/image_raw")
    shots.sort(key=lambda shot: shot.stamp_ns)
    bag = write_bag2(tmp_path / "bag", shots)
    digests = set()
    for number, workers in enumerate((1, 1, 2, 4)):
        _, out = replay(bag, name=f"{number}/out.mcap", workers=workers, markers=True, keep=())
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda path, shots: write_bag2(path, shots, StoragePlugin.SQLITE3),
        lambda path, shots: write_bag2(path, shots, StoragePlugin.MCAP, CompressionMode.FILE),
        lambda path, shots: write_bag2(path, shots, StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
        lambda path, shots: write_bag1(path.with_suffix(".bag"), shots),
    ],
    ids=["sqlite3", "file-zstd", "message-zstd", "ros1"],
)
def test_the_format_of_the_bag_makes_no_difference(replay, pictures, tmp_path, make):
    shots = [Shot(400.0, "/cam/camera_info"), *film(pictures[:6])]
    _, reference = replay(write_bag2(tmp_path / "reference", shots), name="reference.mcap")
    _, out = replay(make(tmp_path / "other", shots))
    assert payloads(out) == payloads(reference)
    assert interactions(out)[0].fx == 400.0


def test_png_images_give_what_raw_ones_give(replay, pictures, tmp_path):
    raw = write_bag2(tmp_path / "raw", film(pictures[:4]))
    png = write_bag2(
        tmp_path / "png", film(pictures[:4], "/cam/image_raw/compressed", encoding="png")
    )
    _, reference = replay(raw, name="reference.mcap")
    _, out = replay(png)
    assert payloads(out) == payloads(reference)


def test_every_camera_has_tracks_results_and_a_calibration_of_its_own(replay, pictures, tmp_path):
    shots = [
        Shot(300.0, "/left/camera_info"),
        Shot(500.0, "/right/camera_info"),
        *film(pictures[:8], "/left/image_raw"),
        *film(pictures[30:38], "/right/image_raw", start_ns=EPOCH + 1),
    ]
    shots.sort(key=lambda shot: shot.stamp_ns)
    both = write_bag2(tmp_path / "both", shots)
    alone = write_bag2(tmp_path / "alone", [s for s in shots if s.topic.startswith("/right")])
    _, out = replay(both)
    _, single = replay(alone, name="single.mcap")
    right = [item[3] for item in payloads(out) if item[0] == "/right/dice/interaction"]
    assert right == [item[3] for item in payloads(single) if item[0] == TOPIC]
    assert {item.fx for item in interactions(out, "/left/dice/interaction")} == {300.0}
    assert {item.fx for item in interactions(out, "/right/dice/interaction")} == {500.0}


def test_a_part_and_every_second_image_can_be_chosen(replay, pictures, tmp_path):
    bag = write_bag2(tmp_path / "bag", film(pictures[:12]))
    job, out = replay(bag, every=3)
    assert stamps(out) == expected(12, step=3)
    assert job.summary.accounts[0].reasons == {"skipped_by_every": 8}
    start, end = RecordedTime(2 * PERIOD), RecordedTime(EPOCH + 5 * PERIOD, is_absolute=True)
    job, out = replay(bag, start=start, end=end)
    assert stamps(out) == expected(12)[2:5]
    assert job.summary.accounts[0].missing == 0


def test_bags_are_replayed_in_the_order_of_their_times_as_one_recording(replay, pictures, tmp_path):
    whole = write_bag2(tmp_path / "whole", film(pictures[:10]))
    first = write_bag2(tmp_path / "first", film(pictures[:5]))
    second = write_bag2(tmp_path / "second", film(pictures[5:10], start_ns=EPOCH + 5 * PERIOD))
    _, reference = replay(whole, name="reference.mcap")
    _, out = replay(second, first)
    assert payloads(out) == payloads(reference)


def test_input_topics_are_kept_byte_by_byte(replay, pictures, tmp_path):
    shots = [Shot(400.0, "/cam/camera_info"), *film(pictures[:3]), Shot("hello", "/chat")]
    bag = write_bag2(tmp_path / "bag", shots)
    job, out = replay(bag, keep=("/cam/*", "/chat"))
    assert job.summary.kept == 5
    with Reader2(bag) as reader:
        recorded = {
            (connection.topic, time, hashlib.sha256(data).hexdigest())
            for connection, time, data in reader.messages(reader.connections)
        }
    written = {(topic, log, digest) for topic, log, _, digest in payloads(out)}
    assert recorded <= written
    _, own = replay(bag, keep=(), name="own.mcap")
    assert {item[0] for item in payloads(own)} == {
        "/cam/image_raw",
        "/cam/camera_info",
        TOPIC,
        "/dice/topology",
    }


def test_topics_of_ros1_are_kept_as_ros2_messages(replay, pictures, tmp_path):
    shots = [Shot(400.0, "/cam/camera_info"), *film(pictures[:2])]
    _, old = replay(write_bag1(tmp_path / "a.bag", shots), keep=(), name="old.mcap")
    _, new = replay(write_bag2(tmp_path / "bag", shots), keep=(), name="new.mcap")
    assert payloads(old) == payloads(new)


def test_what_cannot_be_kept_is_refused_before_any_work(replay, pictures, tmp_path):
    bag = write_bag2(tmp_path / "bag", [*film(pictures[:1]), Shot("x", TOPIC)])
    with pytest.raises(InputError, match="no topic to keep is called '/nose'"):
        replay(bag, keep=("/nose",))
    with pytest.raises(InputError, match="the results are written to it"):
        replay(bag, keep=(TOPIC,))


def test_other_tools_find_right_types_hashes_and_definitions(replay, pictures, tmp_path):
    shots = [Shot(400.0, "/cam/camera_info"), *film(pictures[34:37])]
    _, out = replay(write_bag2(tmp_path / "bag", shots), keep=(), markers=True)
    with out.open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        metadata = {item.name: item.metadata for item in reader.iter_metadata()}
        channels = {
            channel.topic: (channel, summary.schemas[channel.schema_id])
            for channel in summary.channels.values()
        }
    assert set(channels) == {
        *("/cam/image_raw", "/cam/camera_info"),
        *(TOPIC, "/dice/topology", "/dice/markers", "/dice/touch_events"),
    }
    described = json.loads(metadata["rosbag2"]["serialized_metadata"])
    listed = {
        item["topic_metadata"]["name"]: item for item in described["topics_with_message_count"]
    }
    for topic, (channel, schema) in channels.items():
        type_hash = official_hash(schema.name)
        assert channel.message_encoding == "cdr"
        assert channel.metadata["topic_type_hash"] == type_hash
        assert listed[topic]["topic_metadata"]["type_description_hash"] == type_hash
        assert schema.encoding == "ros2msg"
    with AnyReader([out], default_typestore=get_typestore(Stores.EMPTY)) as reader:
        for connection, _, data in reader.messages():
            reader.deserialize(data, connection.msgtype)


def official_hash(type_name):
    """The hash that ROS's own generators wrote."""
    pytest.importorskip("rclpy")
    package, folder, name = type_name.split("/")
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(":"), sys.prefix]
    places = [Path(prefix) / "share" / package / folder / f"{name}.json" for prefix in prefixes]
    path = next(place for place in places if place.is_file())
    hashes = json.loads(path.read_text())["type_hashes"]
    return {item["type_name"]: item["hash_string"] for item in hashes}[type_name]


def test_ros_reads_the_bytes(replay, pictures, tmp_path):
    pytest.importorskip("rclpy")
    from dice_ros.msg import HandFaceInteraction, TouchEvent
    from rclpy.serialization import deserialize_message
    from visualization_msgs.msg import MarkerArray

    _, out = replay(write_bag2(tmp_path / "bag", film(pictures[34:37])), markers=True)
    touches = "/dice/touch_events"
    found = {TOPIC: 0, "/dice/markers": 0, touches: 0}
    kinds = {TOPIC: HandFaceInteraction, "/dice/markers": MarkerArray, touches: TouchEvent}
    with out.open("rb") as file:
        for _, channel, message in make_reader(file).iter_messages():
            if channel.topic in kinds:
                value = deserialize_message(message.data, kinds[channel.topic])
                found[channel.topic] += 1
                if channel.topic == "/dice/markers":
                    meshes = [item for item in value.markers if item.type == item.TRIANGLE_LIST]
                    assert meshes
                    assert all(len(item.points) == len(item.colors) > 1000 for item in meshes)
                    assert all(item.header.frame_id == "eye" for item in value.markers)
                if channel.topic == touches:
                    assert value.header.frame_id == "eye"
                    assert value.face_region in value.face_regions
    assert found == {TOPIC: 3, "/dice/markers": 3, touches: 2}  # an onset and an offset


def test_markers_are_those_of_the_node(replay, pictures, pipeline):
    pytest.importorskip("rclpy")
    from rclpy.serialization import serialize_message

    from dice_ros.replay.marker_record import MarkerRecorder
    from dice_ros.ros.markers import MarkerMaker

    pipeline.reset()
    for number in (34, 35):
        result = pipeline.process(Frame(pictures[number], EPOCH + number * PERIOD))
        ours = MarkerRecorder(pipeline.topologies).markers(result)
        theirs = message_of(serialize_message(MarkerMaker(pipeline.topologies).markers(result)))
        assert_equal_messages(message_of(ours), theirs)


def message_of(data):
    return ROS2.deserialize_cdr(bytes(data), "visualization_msgs/msg/MarkerArray")


def assert_equal_messages(one, other):
    assert len(one.markers) == len(other.markers)
    for ours, theirs in zip(one.markers, other.markers, strict=True):
        for field in ("ns", "id", "type", "action", "text", "header", "pose", "scale", "lifetime"):
            assert repr(getattr(ours, field)) == repr(getattr(theirs, field)), field
        assert repr(ours.color) == repr(theirs.color)
        assert repr(ours.points) == repr(theirs.points)
        assert repr(ours.colors) == repr(theirs.colors)


def test_every_image_that_is_left_out_has_a_reason(replay, pictures, tmp_path):
    shots = film(pictures[:6])
    shots[1] = Shot(pictures[1], stamp_ns=0, log_ns=EPOCH + PERIOD)
    shots[2] = Shot(pictures[2], stamp_ns=EPOCH + 2 * PERIOD, encoding="klingon")
    shots[3] = Shot(pictures[3][:5, :5], stamp_ns=EPOCH + 3 * PERIOD)
    shots[4] = Shot(pictures[4], stamp_ns=EPOCH + 4 * PERIOD, encoding="mono8")
    settings = Settings(network_threads=1, max_image_pixels=320 * 240)
    big = np.zeros((300, 400, 3), np.uint8)
    shots.append(Shot(big, stamp_ns=EPOCH + 6 * PERIOD))
    job, out = replay(write_bag2(tmp_path / "bag", shots), settings=settings)
    (account,) = job.summary.accounts
    assert account.read == 7
    assert account.processed == 4
    assert account.reasons == {"stamp_zero": 1, "unknown_encoding": 1, "too_many_pixels": 1}
    assert "read 7 = processed 4 + 1 stamp_zero" in job.summary.table()
    saved = json.loads(summary_path(out).read_text())["cameras"][0]
    assert saved["read"] == saved["processed"] + sum(saved["reasons"].values())


def test_bytes_that_are_no_image_are_counted(replay, pictures, tmp_path):
    from rosbags.rosbag2 import Writer

    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/cam/image_raw", IMAGE, typestore=ROS2)
        for number, data in enumerate([b"", b"\0\1\0\0" + b"\7" * 40]):
            writer.write(connection, EPOCH + number, data)
    job, _ = replay(tmp_path / "bag")
    assert job.summary.accounts[0].reasons == {"undecodable_message": 2}


def test_a_bag_in_a_loop_is_replayed_as_it_was_recorded(replay, pictures, tmp_path):
    shots = film(pictures[:6])
    again = [
        Shot(shot.value, shot.topic, shot.stamp_ns, EPOCH + 10 * PERIOD + n * PERIOD)
        for n, shot in enumerate(shots)
    ]
    job, out = replay(write_bag2(tmp_path / "bag", shots + again))
    assert stamps(out) == expected(6) * 2
    assert job.summary.accounts[0].notes == {"stamp_jumped_back": 1}
    ids = [item.person_id for item in interactions(out)]
    assert len(set(ids[:6])) == len(set(ids[6:])) == 1
    assert ids[0] != ids[-1]


def test_late_images_are_put_in_order(replay, pictures, tmp_path):
    shots = film(pictures[:6])
    straight = write_bag2(tmp_path / "straight", shots)
    log = [shot.stamp_ns for shot in shots]
    order = [0, 2, 1, 3, 4, 5]
    mixed = [
        Shot(shots[k].value, shots[k].topic, shots[k].stamp_ns, log[n]) for n, k in enumerate(order)
    ]
    _, reference = replay(straight, name="reference.mcap")
    job, out = replay(write_bag2(tmp_path / "mixed", mixed))
    assert [item[3] for item in payloads(out)] == [item[3] for item in payloads(reference)]
    assert job.summary.accounts[0].notes == {"stamp_out_of_order": 1}


def test_a_calibration_of_another_size_is_scaled_or_left_out(replay, pictures, tmp_path):
    double = [Shot(800.0, "/cam/camera_info", size=(640, 480)), *film(pictures[:2])]
    _, out = replay(write_bag2(tmp_path / "double", double))
    assert interactions(out)[0].fx == 400.0
    other = [Shot(800.0, "/cam/camera_info", size=(640, 640)), *film(pictures[:2])]
    job, out = replay(write_bag2(tmp_path / "other", other), name="other.mcap")
    assert interactions(out)[0].intrinsics_assumed
    assert job.summary.accounts[0].notes == {"camera_info_of_other_size": 2}


def test_a_calibration_that_comes_after_the_first_image_counts_from_the_start(
    replay, pictures, tmp_path
):
    shots = film(pictures[:3])
    shots.insert(1, Shot(400.0, "/cam/camera_info", EPOCH + 1))
    _, out = replay(write_bag2(tmp_path / "bag", shots))
    assert [item.fx for item in interactions(out)] == [400.0] * 3


def test_of_a_cut_bag_the_rest_is_replayed_and_the_loss_is_told(replay, pictures, tmp_path):
    bag = write_bag2(tmp_path / "bag", film(pictures[:10]))
    path = storage_file(bag)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    job, out = replay(bag)
    count = len(stamps(out))
    assert 3 <= count < 10
    assert stamps(out) == expected(count)
    assert job.summary.is_incomplete
    assert any("cut off" in text for text in job.summary.problems)


def test_an_unreadable_bag_does_not_stop_the_others(replay, pictures, tmp_path):
    (tmp_path / "bad.mcap").write_bytes(b"junk" * 10)
    job, out = replay(tmp_path / "bad.mcap", write_bag2(tmp_path / "bag", film(pictures[:2])))
    assert stamps(out) == expected(2)
    assert "bad.mcap" in job.summary.problems[0]
    assert job.summary.is_incomplete


def test_a_bag_without_images_lists_what_it_has(replay, tmp_path):
    bag = write_bag2(tmp_path / "bag", [Shot("hello", "/chat")])
    with pytest.raises(InputError, match=r"/chat \(std_msgs/msg/String\)"):
        replay(bag)


def test_existing_results_are_not_replaced_unasked(make_pipeline, pictures, tmp_path):
    bag = str(write_bag2(tmp_path / "bag", film(pictures[:1])))
    out = tmp_path / "out.mcap"
    for path, text in ((out, "exists"), (tmp_path / "out.mcap.partial", "unfinished")):
        path.write_bytes(b"precious")
        with pytest.raises(OutputError, match=text):
            ReplayJob(ReplayOptions((bag,), out), SETTINGS, make_pipeline)
        assert path.read_bytes() == b"precious"
        path.unlink()


def test_a_replay_that_stops_early_leaves_a_readable_unfinished_file(
    make_pipeline, pictures, tmp_path
):
    bag = str(write_bag2(tmp_path / "bag", film(pictures)))
    options = ReplayOptions((bag,), tmp_path / "out.mcap")
    seen = []
    with ReplayJob(options, SETTINGS, make_pipeline) as job:
        for outcome in job.run(lambda: len(seen) >= 30):
            seen.append(outcome)  # noqa: PERF402 - asked for its length meanwhile
    assert not options.out.exists()
    assert stamps(tmp_path / "out.mcap.partial") == expected(30)


def test_resuming_gives_the_file_of_an_uninterrupted_run(make_pipeline, replay, pictures, tmp_path):
    bag = write_bag2(tmp_path / "bag", film(pictures[12:42]))
    _, reference = replay(bag, name="whole/out.mcap", keep=())
    (onset,) = [e for e in read_touch_events(reference) if e.phase is TouchPhase.ONSET]
    assert onset.stamp_ns < EPOCH + (12 + 25) * PERIOD  # it lasts when the checkpoint is written
    for stop_at in (3, 27):
        out = tmp_path / str(stop_at) / "out.mcap"
        options = ReplayOptions((str(bag),), out, keep=(), resume=True)
        for limit in (stop_at, 1000):
            seen = []
            with ReplayJob(options, SETTINGS, make_pipeline) as job:
                assert bool(job.resumed) == (limit != stop_at and stop_at > 25)
                for outcome in job.run(lambda: len(seen) >= limit):  # noqa: B023
                    seen.append(outcome)  # noqa: PERF402 - asked for its length meanwhile
        assert out.read_bytes() == reference.read_bytes()
        assert job.summary.accounts[0].read == job.summary.processed == 30


def test_resuming_with_other_options_or_a_damaged_checkpoint_is_refused(
    make_pipeline, pictures, tmp_path
):
    bag = str(write_bag2(tmp_path / "bag", film(pictures[:30])))
    options = ReplayOptions((bag,), tmp_path / "out.mcap", resume=True)

    seen = []
    with ReplayJob(options, SETTINGS, make_pipeline) as job:
        for outcome in job.run(lambda: len(seen) >= 27):
            seen.append(outcome)  # noqa: PERF402 - as above
    other = ReplayOptions((bag,), options.out, every=2, resume=True)
    with pytest.raises(InputError, match="every changed since"):
        ReplayJob(other, SETTINGS, make_pipeline)
    path = tmp_path / "out.mcap.resume"
    path.write_text(path.read_text()[:100])
    with pytest.raises(InputError, match="cannot resume from"):
        ReplayJob(options, SETTINGS, make_pipeline)
