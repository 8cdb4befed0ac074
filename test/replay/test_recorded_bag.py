import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from replay.recordings import (
    EPOCH,
    PERIOD,
    Shot,
    film,
    storage_file,
    write_bag1,
    write_bag2,
)
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from dice_ros.errors import InputError
from dice_ros.replay.recorded_bag import RecordedBag
from dice_ros.replay.recorded_image import decoded, stamp_of
from dice_ros.replay.results_writer import MessageWriter

TOPIC = "/cam/image_raw"
PLUGINS = [StoragePlugin.SQLITE3, StoragePlugin.MCAP]


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(12)]


def stamps_in(bag, **options):
    return [stamp_of(message) for message in bag.messages({TOPIC}, **options)]


def expected(count, first=0):
    return [EPOCH + n * PERIOD for n in range(first, first + count)]


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize(
    "mode", [CompressionMode.NONE, CompressionMode.FILE, CompressionMode.MESSAGE]
)
def test_rosbag2_is_read_however_it_is_compressed(tmp_path, pictures, plugin, mode):
    write_bag2(tmp_path / "bag", film(pictures), plugin, mode)
    with RecordedBag(str(tmp_path / "bag")) as bag:
        found = list(bag.messages({TOPIC}))
        assert [stamp_of(message) for message in found] == expected(12)
        np.testing.assert_array_equal(decoded(found[3]).data, pictures[3].reshape(-1))
        assert bag.counts[TOPIC] == 12
        assert bag.problems == ()


def test_mcap_with_compressed_chunks_is_read(tmp_path, pictures):
    write_bag2(tmp_path / "bag", film(pictures), compression=CompressionMode.STORAGE)
    with RecordedBag(str(tmp_path / "bag")) as bag:
        assert stamps_in(bag) == expected(12)


@pytest.mark.parametrize("compression", [None, *Writer1.CompressionFormat])
def test_ros1_bags_are_read(tmp_path, pictures, compression):
    write_bag1(tmp_path / "a.bag", film(pictures), compression)
    with RecordedBag(str(tmp_path / "a.bag")) as bag:
        found = list(bag.messages({TOPIC}))
    assert [stamp_of(message) for message in found] == expected(12)
    np.testing.assert_array_equal(decoded(found[3]).data, pictures[3].reshape(-1))


def test_a_part_is_read_by_recorded_time(tmp_path, pictures):
    write_bag2(tmp_path / "bag", film(pictures))
    with RecordedBag(str(tmp_path / "bag")) as bag:
        part = {"start_ns": EPOCH + 3 * PERIOD, "stop_ns": EPOCH + 7 * PERIOD}
        assert stamps_in(bag, **part) == expected(4, first=3)


def split_bag(tmp_path, pictures):
    """Eleven files, whose names sort as text in another order than by number."""
    bag = tmp_path / "split"
    bag.mkdir()
    for number in range(11):
        one = write_bag2(
            tmp_path / f"part{number}", film(pictures[:1], start_ns=EPOCH + number * PERIOD)
        )
        storage_file(one).rename(bag / f"split_{number}.mcap")
    return bag


def test_split_files_are_read_in_order_even_without_metadata(tmp_path, pictures):
    with RecordedBag(str(split_bag(tmp_path, pictures))) as bag:
        assert stamps_in(bag) == expected(11)
        assert "no metadata.yaml" in bag.problems[0]


def test_a_split_file_that_is_missing_is_told(tmp_path, pictures):
    bag = split_bag(tmp_path, pictures)
    names = "".join(f"  - split_{n}.mcap\n" for n in range(12))
    (bag / "metadata.yaml").write_text(
        f"rosbag2_bagfile_information:\n  relative_file_paths:\n{names}"
    )
    with RecordedBag(str(bag)) as found:
        assert len(stamps_in(found)) == 11
        assert "split_11.mcap" in found.problems[0]


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize(
    "mode", [CompressionMode.NONE, CompressionMode.FILE, CompressionMode.MESSAGE]
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_of_a_cut_rosbag2_everything_whole_is_read(tmp_path, pictures, plugin, mode, share):
    bag = write_bag2(tmp_path / "bag", film(pictures), plugin, mode)
    cut(storage_file(bag), share)
    if plugin is StoragePlugin.SQLITE3 and share < 0.5:
        # The page that says where these few rows are was cut off.
        with pytest.raises(InputError, match="nothing in it is whole"):
            RecordedBag(str(bag))
        return
    with RecordedBag(str(bag)) as found:
        stamps = stamps_in(found)
        assert stamps == expected(len(stamps))
        assert len(stamps) >= int(12 * share) - 1
        assert found.problems


@pytest.mark.parametrize("compression", [None, *Writer1.CompressionFormat])
@pytest.mark.parametrize("share", [0.4, 0.98])
def test_of_a_cut_ros1_bag_everything_whole_is_read(tmp_path, pictures, compression, share):
    path = write_bag1(tmp_path / "a.bag", film(pictures), compression)
    cut(path, share)
    with RecordedBag(str(path)) as found:
        stamps = stamps_in(found)
        assert stamps == expected(len(stamps))
        # bz2 gives its blocks of up to 900 kB whole or not at all.
        assert len(stamps) >= int(12 * share) - 4
        assert found.problems


def test_a_damaged_chunk_costs_only_its_own_messages(tmp_path, pictures):
    path = tmp_path / "checked.mcap"
    bag = write_bag2(tmp_path / "bag", film(pictures))
    with RecordedBag(str(bag)) as recorded, MessageWriter(path) as writer:
        for message in recorded.messages({TOPIC}):
            stamp = message.log_time_ns
            writer.write_raw(TOPIC, message.topic.type_name, message.data, stamp)
            writer.flush()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    path.write_bytes(data)
    with RecordedBag(str(path)) as found:
        stamps = stamps_in(found)
        assert len(set(stamps)) == len(stamps)
        assert len(stamps) == 11
        assert stamps[0] == EPOCH
        assert stamps[-1] == EPOCH + 11 * PERIOD
        assert any("damaged" in text for text in found.problems)


def test_a_damaged_database_page_costs_only_its_own_messages(tmp_path, pictures):
    bag = write_bag2(tmp_path / "bag", film(pictures), StoragePlugin.SQLITE3)
    path = storage_file(bag)
    with sqlite3.connect(path) as connection:
        page = connection.execute("PRAGMA page_size").fetchone()[0]
    data = bytearray(path.read_bytes())
    start = (len(data) // page // 2) * page
    data[start : start + page] = b"\xff" * page
    path.write_bytes(data)
    with RecordedBag(str(bag)) as found:
        assert 0 < len(stamps_in(found)) <= 12


def test_messages_in_the_log_of_a_killed_recorder_are_read(tmp_path, pictures):
    bag = write_bag2(tmp_path / "bag", film(pictures), StoragePlugin.SQLITE3)
    path = storage_file(bag)
    with closing(sqlite3.connect(path)) as recorder:
        recorder.execute("PRAGMA journal_mode = WAL")
        recorder.execute(
            "INSERT INTO messages (topic_id, timestamp, data) "
            "SELECT topic_id, timestamp + 100000000, data FROM messages WHERE id = 12"
        )
        recorder.commit()
        copy = tmp_path / "copy"
        shutil.copytree(bag, copy)
    with RecordedBag(str(copy)) as found:
        assert len(stamps_in(found)) == 13
        assert any("-wal" in text for text in found.problems)


@pytest.mark.parametrize("name", ["a.mcap", "a.db3", "a.bag", "a.mcap.zstd", "a.txt"])
def test_junk_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"junk" * 100)
    with pytest.raises(InputError, match=r"cannot be read"):
        RecordedBag(str(tmp_path / name))


def test_an_empty_folder_and_a_missing_bag_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no"):
        RecordedBag(str(tmp_path))
    with pytest.raises(InputError, match="there is no bag"):
        RecordedBag(str(tmp_path / "none"))


def test_an_empty_bag_has_no_messages(tmp_path):
    write_bag2(tmp_path / "bag", [Shot("hello", "/chat")])
    with RecordedBag(str(tmp_path / "bag")) as bag:
        assert stamps_in(bag) == []
