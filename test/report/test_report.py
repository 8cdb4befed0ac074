"""The page in a real browser: it renders, complains of nothing, and says what the CSV says."""

import base64
import csv
import io
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from html.parser import HTMLParser
from itertools import pairwise

import cv2
import pytest

from dice_ros.report.dwell_map import SCALE_COLOURS, DwellCollector
from dice_ros.report.page import report_page, summary_of
from dice_ros.report.recording import read_recordings
from dice_ros.settings import Settings

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NEEDS_BROWSER = pytest.mark.skipif(
    CHROMIUM is None, reason="no browser is installed: apt install chromium"
)
COMMAND = [sys.executable, "-m", "dice_ros.cli.main", "report"]


def report(*arguments):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture(scope="module")
def page(short_results, tmp_path_factory):
    """The report of one recording given twice."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    done = report(short_results, short_results, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def browse(path, *arguments):
    """Standard output of the browser; fails on any message of the page's console."""
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--enable-logging=stderr", "--disable-dev-shm-usage", "--window-size=1200,2400"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=2000"),
            *(*arguments, path.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


class Tables(HTMLParser):
    """Rows of every table by its id, texts of elements with an id, attributes of touches."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.texts, self.touches, self.widths = defaultdict(list), {}, [], []
        self.csv, self._table, self._cell, self._id = "", None, None, None
        self.ready = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        if tag == "html":
            self.ready = known.get("data-ready") == "yes"
        if tag == "table":
            self._table = known.get("id")
        if tag == "tr" and self._table:
            self.rows[self._table].append([])
        if tag in ("td", "th") and self._table:
            self.rows[self._table][-1].append("")
            self._cell = True
        if tag == "a" and known.get("id") == "csv":
            self.csv = known["href"]
        if known.get("class") == "touch":
            self.touches.append(known)
        if known.get("class") == "track":
            self.widths.append(known.get("style", ""))
        self._id = known.get("id")

    def handle_endtag(self, tag):
        if tag == "table":
            self._table = None
        if tag in ("td", "th"):
            self._cell = None
        self._id = None

    def handle_data(self, data):
        if self._cell and self._table:
            self.rows[self._table][-1][-1] += data
        if self._id:
            self.texts[self._id] = self.texts.get(self._id, "") + data

    def csv_rows(self):
        return list(csv.DictReader(io.StringIO(base64.b64decode(self.csv.split(",")[1]).decode())))


@pytest.fixture(scope="module")
def shown(page):
    """The document after the browser has run it."""
    return Tables(browse(page, "--dump-dom"))


@NEEDS_BROWSER
def test_the_page_runs_without_a_message_in_the_console(shown):
    assert shown.ready


@NEEDS_BROWSER
def test_the_numbers_are_those_of_the_csv(shown):
    touches = shown.csv_rows()
    assert len(touches) >= 2
    assert int(shown.texts["figure-touches"]) == len(touches)
    seconds = sum(float(row["duration_s"]) for row in touches)
    assert float(shown.texts["figure-dwell"].removesuffix(" s")) == pytest.approx(seconds, abs=0.06)
    per_region = defaultdict(lambda: [0, 0.0])
    for row in touches:
        places = [place.split("@") for place in row["path"].split(";")]
        starts = [float(start) for _, start in places] + [float(row["end_s"])]
        regions = [place.split(">")[1] for place, _ in places]
        for name in set(regions):
            per_region[name.replace("_", " ")][0] += 1
        for name, start, end in zip(regions, starts, starts[1:], strict=False):
            per_region[name.replace("_", " ")][1] += end - start
    for name, count, _, dwell, _ in shown.rows["by-region"][1:]:
        assert int(count) == per_region[name][0]
        assert float(dwell) == pytest.approx(per_region[name][1], abs=0.06)
    assert len(shown.rows["by-region"]) - 1 == len(per_region)
    sides = [int(number) for number in shown.texts["figure-sides"].split(":")]
    assert sides == [sum(row["hand"] == side for row in touches) for side in ("left", "right")]
    assert len(shown.rows["touches"]) - 1 == len(touches)
    for cells, row in zip(shown.rows["touches"][1:], touches, strict=True):
        assert float(cells[1]) == pytest.approx(float(row["start_s"]), abs=0.006)
        assert float(cells[2]) == pytest.approx(float(row["duration_s"]), abs=0.006)
        assert cells[5] == row["face_region"].replace("_", " ")
    assert len(shown.touches) == len(touches)


@NEEDS_BROWSER
def test_parts_hands_pauses_and_transitions_are_those_of_the_csv(shown):
    touches = shown.csv_rows()
    per_part, per_hour = defaultdict(lambda: [0, 0.0]), set()
    moves = pauses = len(touches) - 2  # from each touch to the next, in two recordings
    for row in touches:
        places = [place.split("@") for place in row["path"].split(";")]
        starts = [float(start) for _, start in places] + [float(row["end_s"])]
        parts = [place.split(">")[0].replace("_", " ") for place, _ in places]
        regions = [place.split(">")[1] for place, _ in places]
        for name in set(parts):
            per_part[name][0] += 1
        for name, start, end in zip(parts, starts, starts[1:], strict=False):
            per_part[name][1] += end - start
        moves += sum(a != b for a, b in pairwise(regions))
    assert {row[0] for row in shown.rows["by-part"][1:]} == set(per_part)
    for name, count, an_hour, dwell, _ in shown.rows["by-part"][1:]:
        assert int(count) == per_part[name][0]
        assert float(dwell) == pytest.approx(per_part[name][1], abs=0.06)
        per_hour.add(round(int(an_hour) / int(count), -1))
    assert len(per_hour) == 1  # the same observed time for all
    for name, count, _, dwell, _ in shown.rows["by-side"][1:]:
        of_hand = [row for row in touches if row["hand"] == name]
        assert int(count) == len(of_hand)
        seconds = sum(float(row["duration_s"]) for row in of_hand)
        assert float(dwell) == pytest.approx(seconds, abs=0.06)
    assert sum(int(row[1]) for row in shown.rows["intervals"][1:]) == pauses
    cells = [cell.strip() for row in shown.rows["transitions"][1:] for cell in row[1:]]
    assert sum(int(cell) for cell in cells if cell.isdigit()) == moves


@NEEDS_BROWSER
def test_zoom_widens_the_timeline_and_focus_tells_details(page, tmp_path):
    script = (
        "<script>document.querySelector('[data-zoom=in]').click();"
        "document.querySelector('[data-zoom=in]').click();"
        "document.querySelector('.touch').dispatchEvent(new Event('focus'));</script>"
    )
    copy = tmp_path / "touched.html"
    copy.write_text(page.read_text().replace("</body>", script + "</body>"))
    text = browse(copy, "--dump-dom")
    assert "400%" in Tables(text).widths[0]
    tip = re.search(r'<div id="tip".*?</div>', text, re.DOTALL).group()
    assert "confidence" in tip
    assert "data:image/jpeg" in tip


@NEEDS_BROWSER
def test_the_picture_of_the_page_shows_text_and_the_heat_map(page, tmp_path):
    path = tmp_path / "page.png"
    browse(page, f"--screenshot={path}")
    picture = cv2.imread(str(path))
    assert picture.shape[:2] == (2400, 1200)
    assert picture.std() > 20
    hot = tuple(int(SCALE_COLOURS[2][at : at + 2], 16) for at in (5, 3, 1))
    assert (abs(picture.astype(int) - hot).max(axis=2) < 30).sum() > 20


def test_the_page_needs_no_network(page):
    text = page.read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert "http" not in re.sub(r'base64,[^"]*', "", text)


def test_names_cannot_break_out_of_the_page(short_results, tmp_path):
    evil = tmp_path / "<img src=x onerror=alert(1)>.mcap"
    evil.write_bytes(short_results.read_bytes())
    settings = Settings()
    dwell = DwellCollector(settings.contact_probability_min, settings.touch_lost_s)
    text = report_page(read_recordings(evil, settings, dwell), dwell.result())
    assert "<img src=x" not in text


def test_people_of_two_recordings_are_different_people(short_results):
    settings = Settings()
    dwell = DwellCollector(settings.contact_probability_min, settings.touch_lost_s)
    recordings = [*read_recordings(short_results, settings, dwell)] * 2
    single, both = summary_of(recordings[:1]), summary_of(recordings)
    assert both.persons == 2 * single.persons
    assert both.touches == 2 * single.touches
    assert both.touches_per_hour == pytest.approx(single.touches_per_hour)
    assert both.intervals_s == 2 * single.intervals_s


def test_touched_seconds_are_those_between_frames(short_results):
    settings = Settings()
    dwell = DwellCollector(0.5, 10.0)
    (recording,) = read_recordings(short_results, settings, dwell)
    found = dwell.result()
    span_s = 1e-9 * (recording.stamps_ns[-1] - recording.stamps_ns[0])
    assert found.vertices.shape == (len(found.dwell_s), 3)
    assert 0.3 < found.dwell_s.max() <= span_s
    regions = found.topology.region_labels[found.dwell_s > 0]
    assert {"right_cheek"} <= {found.topology.region_names[label] for label in regions}


def test_existing_pages_are_kept_and_wrong_files_refused(page, short_results, tmp_path):
    done = report(short_results, "--out", page)
    assert done.returncode == 1
    assert "--overwrite" in done.stderr
    done = report(tmp_path / "none.mcap", "--out", tmp_path / "out.html")
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert not (tmp_path / "out.html").exists()
