"""Exports are read back by their rules: columns, tiers that do not overlap, times in place."""

import csv
import io
import itertools
import re
from collections import defaultdict

import pytest
from events.touch_scripts import HOVERING, START_NS, Stage, person, touching

from dice_ros.errors import AssetError
from dice_ros.events import boris_table, elan_text, touch_table
from dice_ros.events.observed_time import ObservedTime
from dice_ros.events.parquet_file import write_parquet
from dice_ros.events.summary_text import summary_text
from dice_ros.events.touch_list import TouchList, stamp_text
from dice_ros.events.touch_statistics import summarise_touches
from dice_ros.types import HandSide


@pytest.fixture(scope="module")
def events():
    """Two persons; one with both hands, one hand sliding."""
    stage = Stage()
    for time in range(0, 4000, 25):
        right = touching("right_cheek" if time < 2000 else "mouth")
        hands = {
            HandSide.RIGHT: right if 500 < time < 3000 else HOVERING,
            HandSide.LEFT: touching("chin", part="palm") if 1000 < time < 1500 else HOVERING,
        }
        other = {HandSide.LEFT: touching("nose_tip") if time > 3500 else HOVERING}
        stage.frame(time, person(START_NS, hands), person(START_NS, other, person_id=2))
    return stage.finish().events


@pytest.fixture(scope="module")
def touches(events):
    return TouchList.of("walk.mcap", START_NS, START_NS + 3_975_000_000, events)


def test_the_csv_file_has_a_row_for_each_touch(touches):
    rows = list(csv.DictReader(io.StringIO(touch_table.csv_text(touches))))
    assert [row["touch_id"] for row in rows] == ["1", "2", "3"]
    slide = rows[0]
    assert slide["path"] == "index_tip>right_cheek@0.525;index_tip>mouth@2.000"
    assert float(slide["start_s"]) == 0.525
    assert float(slide["end_s"]) == 2.975
    assert float(slide["duration_s"]) == 2.45
    assert slide["start_time"] == "2023-11-14T22:13:20.525Z"
    assert slide["recording_start"] == "2023-11-14T22:13:20.000Z"
    assert [row["hand"] for row in rows] == ["right", "left", "left"]
    assert rows[2]["person_id"] == "2"
    assert rows[2]["end_reason"] == "end_of_input"


def test_the_elan_file_has_a_tier_for_each_hand_without_overlaps(touches):
    lines = [line.split("\t") for line in elan_text.elan_text(touches).splitlines()]
    assert lines[0][0] == "Tier"
    assert {len(line) for line in lines} == {5}
    tiers = defaultdict(list)
    for tier, _, begin, end, text in lines[1:]:
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d\d\d", begin)
        tiers[tier].append((begin, end, text))
    assert set(tiers) == {
        "recording",
        *("person 1 right hand", "person 1 right hand, places"),
        *("person 1 left hand", "person 1 left hand, places"),
        *("person 2 left hand", "person 2 left hand, places"),
    }
    assert tiers["recording"][0][2] == "walk.mcap; 0 is 2023-11-14T22:13:20.000Z"
    assert tiers["person 1 right hand, places"] == [
        ("00:00:00.525", "00:00:02.000", "index_tip > right_cheek"),
        ("00:00:02.000", "00:00:02.975", "index_tip > mouth"),
    ]
    for annotations in tiers.values():
        for begin, end, _ in annotations:
            assert begin < end
        for (_, end, _), (begin, _, _) in itertools.pairwise(annotations):
            assert end <= begin


def test_a_touch_without_extent_is_visible_in_elan():
    stage = Stage(touch_min_s=0.0)
    stage.right(100, touching())
    single = TouchList.of("x", START_NS, START_NS, stage.finish().events)
    assert "00:00:00.100\t00:00:00.101" in elan_text.elan_text(single)


def test_the_boris_table_has_a_state_for_each_place(touches):
    rows = list(csv.DictReader(io.StringIO(boris_table.boris_text(touches)), delimiter="\t"))
    assert list(rows[0]) == list(boris_table.COLUMNS)
    assert {row["Behavior type"] for row in rows} == {"STATE"}
    right = [row for row in rows if row["Subject"] == "person 1 right hand"]
    assert [
        (row["Behavior"], row["Modifier #1"], row["Start (s)"], row["Stop (s)"]) for row in right
    ] == [
        ("touch right_cheek", "index_tip", "0.525", "2.0"),
        ("touch mouth", "index_tip", "2.0", "2.975"),
    ]
    assert {row["Comment start"] for row in right} == {"touch 1"}
    assert {row["Observation date"] for row in rows} == {"2023-11-14T22:13:20.000Z"}


def test_a_recording_without_touches_is_exported_too():
    empty = TouchList.of("x", START_NS, START_NS, [])
    assert touch_table.csv_text(empty).count("\n") == 1
    assert boris_table.boris_text(empty).count("\n") == 1
    assert elan_text.elan_text(empty).count("\n") == 2


def test_parquet_keeps_the_types_of_columns(touches, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="optional: pip install pyarrow")
    write_parquet(tmp_path / "t.parquet", touches)
    rows = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert rows == touch_table.touch_rows(touches)
    write_parquet(tmp_path / "none.parquet", TouchList.of("x", START_NS, START_NS, []))
    assert parquet.read_table(tmp_path / "none.parquet").num_rows == 0


def test_parquet_without_its_package_says_what_to_install(touches, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(AssetError, match=r"pip install pyarrow.*csv"):
        write_parquet(tmp_path / "t.parquet", touches)


def test_stamps_of_a_video_are_no_dates():
    assert stamp_text(1_500_000_000) == "stamp 1.500 s"
    assert stamp_text(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123Z"


def test_the_summary_reads_as_sentences(touches, events):
    observed = ObservedTime(touches.start_ns, touches.end_ns, 2 * 3_975_000_000)
    text = summary_text(touches, summarise_touches(events, observed))
    assert "3 touches of 2 persons" in text
    assert "right_cheek > mouth" in text
    nothing = TouchList.of("x", START_NS, START_NS, [])
    assert "no touch" in summary_text(nothing, summarise_touches([], ObservedTime()))
