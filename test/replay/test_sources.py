import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from dice_ros.camera import Camera
from dice_ros.errors import InputError
from dice_ros.replay.image_files import ImageFiles
from dice_ros.replay.open_source import open_source
from dice_ros.replay.results_writer import ImageBagWriter
from dice_ros.replay.source import SourceOptions
from dice_ros.types import Frame

EPOCH = 1_700_000_000_000_000_000


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (24, 32, 3), dtype=np.uint8) for _ in range(4)]


def image_message(types, picture, stamp_ns, header_extra=(), encoding="rgb8"):
    stamp = types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    header = types["std_msgs/msg/Header"](*header_extra, stamp=stamp, frame_id="eye")
    return types["sensor_msgs/msg/Image"](
        header=header,
        height=picture.shape[0],
        width=picture.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=picture.shape[1] * 3,
        data=picture.reshape(-1),
    )


def write_rosbag2(path, pictures, plugin, topics=("/cam/image_raw",)):
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer2(path, version=9, storage_plugin=plugin) as writer:
        for topic in topics:
            connection = writer.add_connection(topic, "sensor_msgs/msg/Image", typestore=store)
            for n, picture in enumerate(pictures):
                stamp = EPOCH + n * 10**8
                message = image_message(store.types, picture, stamp)
                data = store.serialize_cdr(message, "sensor_msgs/msg/Image")
                writer.write(connection, stamp, data)


def check(source, pictures):
    with source:
        frames = list(source)
        assert source.frame_count == len(pictures)
    assert [frame.stamp_ns for frame in frames] == [EPOCH + n * 10**8 for n in range(len(frames))]
    assert [frame.index for frame in frames] == list(range(len(pictures)))
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(frame.image, picture)
    return frames


@pytest.mark.parametrize("plugin", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_rosbag2_folders_and_their_files_are_read(tmp_path, pictures, plugin):
    write_rosbag2(tmp_path / "bag", pictures, plugin)
    frames = check(open_source(str(tmp_path / "bag")), pictures)
    assert frames[0].frame_id == "eye"
    (file,) = [item for item in (tmp_path / "bag").iterdir() if item.suffix in (".mcap", ".db3")]
    if file.suffix == ".mcap":
        check(open_source(str(file)), pictures)


def test_ros1_bags_are_read(tmp_path, pictures):
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(tmp_path / "old.bag") as writer:
        connection = writer.add_connection("/camera", "sensor_msgs/msg/Image", typestore=store)
        for n, picture in enumerate(pictures):
            stamp = EPOCH + n * 10**8
            message = image_message(store.types, picture, stamp, header_extra=(0,))
            data = store.serialize_ros1(message, "sensor_msgs/msg/Image")
            writer.write(connection, stamp, data)
    check(open_source(str(tmp_path / "old.bag")), pictures)


def test_our_own_bags_bring_the_calibration_with_every_image(tmp_path, pictures):
    camera = Camera.from_calibration(
        [40.0, 0, 16, 0, 41, 12, 0, 0, 1], 32, 24, [0.1] * 5, "plumb_bob"
    )
    with ImageBagWriter(tmp_path / "a.mcap") as writer:
        for n, picture in enumerate(pictures):
            writer.write_frame(Frame(picture, EPOCH + n * 10**8, camera=camera))
    for frame in check(open_source(str(tmp_path / "a.mcap")), pictures):
        np.testing.assert_array_equal(frame.camera.K, camera.K)
        np.testing.assert_array_equal(frame.camera.distortion, camera.distortion)


def test_of_several_image_topics_one_has_to_be_chosen(tmp_path, pictures):
    write_rosbag2(tmp_path / "bag", pictures, StoragePlugin.MCAP, ("/left", "/right"))
    with pytest.raises(InputError, match=r"/left, /right.*--topic"):
        open_source(str(tmp_path / "bag"))
    check(open_source(str(tmp_path / "bag"), SourceOptions(topic="/right")), pictures)
    with pytest.raises(InputError, match="no image topic '/up'"):
        open_source(str(tmp_path / "bag"), SourceOptions(topic="/up"))


def test_a_bag_without_images_lists_what_it_has(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer2(tmp_path / "bag", version=9) as writer:
        connection = writer.add_connection("/chat", "std_msgs/msg/String", typestore=store)
        message = store.types["std_msgs/msg/String"](data="hello")
        writer.write(connection, 1, store.serialize_cdr(message, "std_msgs/msg/String"))
    with pytest.raises(InputError, match="/chat"):
        open_source(str(tmp_path / "bag"))


def test_bad_images_in_a_bag_are_counted_and_the_rest_is_read(tmp_path, pictures):
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer2(tmp_path / "bag", version=9) as writer:
        connection = writer.add_connection("/c", "sensor_msgs/msg/Image", typestore=store)
        for n, encoding in enumerate(["rgb8", "klingon", "rgb8"]):
            message = image_message(store.types, pictures[n], EPOCH + n, encoding=encoding)
            data = store.serialize_cdr(message, "sensor_msgs/msg/Image")
            writer.write(connection, EPOCH + n, data)
    with open_source(str(tmp_path / "bag")) as source:
        assert len(list(source)) == 2
        assert source.drops == {"unknown_encoding": 1}


@pytest.mark.parametrize("suffix", [".bag", ".mcap", ".db3"])
def test_damaged_bags_are_refused_with_a_word_of_help(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"\x89MCAP0\r\n broken" * 10)
    with pytest.raises(InputError, match="cannot be read"):
        list(open_source(str(path)))


def test_folders_are_read_in_natural_order_and_junk_is_left_out(tmp_path, pictures):
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), pictures[number % 3])
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "frame3.png").write_bytes(b"broken")
    source = open_source(str(tmp_path))
    assert isinstance(source, ImageFiles)
    names = [frame.source.rsplit("/", 1)[-1] for frame in source]
    assert names == ["frame1.png", "frame2.png", "frame10.png"]
    assert sum(source.drops.values()) == 1


def test_a_video_is_read_with_its_times(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (64, 48))
    assert writer.isOpened()
    for level in range(5):
        writer.write(np.full((48, 64, 3), level * 40, dtype=np.uint8))
    writer.release()
    with open_source(str(path)) as source:
        frames = list(source)
    assert len(frames) == 5
    steps = np.diff([frame.stamp_ns for frame in frames])
    assert np.abs(steps - 1e8).max() < 2e6
    means = [frame.image.mean() for frame in frames]
    assert means == sorted(means)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("missing.png", None, "no file or folder"),
        ("data.xyz", b"x", "supported"),
        ("clip.mp4", b"not a video", "cannot be opened as a video"),
    ],
)
def test_what_cannot_be_opened_is_explained(tmp_path, name, content, text):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=text):
        open_source(str(path))


def test_an_empty_folder_and_a_camera_that_is_not_there_are_explained(tmp_path):
    with pytest.raises(InputError, match="no pictures"):
        open_source(str(tmp_path))
    with pytest.raises(InputError, match="no camera"):
        open_source("camera:987")
