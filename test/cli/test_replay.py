import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from mcap.reader import make_reader
from replay.recordings import Shot, film, payloads, storage_file, write_bag2

from dice_ros.replay.recorded_bag import RecordedBag

COMMAND = [sys.executable, "-m", "dice_ros.cli.main", "replay"]
TOPIC = "/dice/interaction"


def start(*arguments, **options):
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments), "--network-threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background hands down an ignored SIGINT.
        preexec_fn=options.pop("limit", None)  # noqa: PLW1509
        or (lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)),
        **options,
    )


def replay(*arguments, **options):
    process = start(*arguments, **options)
    _, errors = process.communicate(timeout=600)
    return process.returncode, errors


def results(path):
    return [item for item in payloads(path) if item[0] == TOPIC]


def chunks_within(path, size):
    """How many chunks, each with the results of one image, end in the first bytes of a file."""
    with path.open("rb") as file:
        indexes = make_reader(file).get_summary().chunk_indexes
    return sum(item.chunk_start_offset + item.chunk_length <= size for item in indexes)


def wait_for(path, size, process):
    """Until the file has grown to a size; at once if the process that writes it has ended."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if path.exists() and path.stat().st_size >= size:
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    raise AssertionError(f"{path} did not reach {size} bytes")


@pytest.fixture(scope="module")
def bag(moving_pictures, tmp_path_factory):
    """90 images: long enough to be interrupted on the way."""
    there_and_back = [*moving_pictures, *moving_pictures[:2:-1]][:90]
    shots = [Shot(400.0, "/cam/camera_info"), *film(there_and_back)]
    return write_bag2(tmp_path_factory.mktemp("recording") / "bag", shots)


@pytest.fixture(scope="module")
def reference(bag, tmp_path_factory):
    """The results of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("reference") / "out.mcap"
    code, errors = replay(bag, "--out", out, "--workers", "1")
    assert code == 0, errors
    assert "read 90 = processed 90" in errors
    assert "frame/s" in errors
    return out


def test_the_summary_is_written_beside_the_results(reference):
    value = json.loads((reference.parent / "out.mcap.summary.json").read_text())
    (camera,) = value["cameras"]
    assert camera["read"] == camera["processed"] == camera["announced"] == 90
    assert value["problems"] == []
    assert value["stages_ms"]["total"]["p50"] > 0
    assert not (reference.parent / "out.mcap.resume").exists()


def test_killing_it_at_any_moment_loses_nothing_that_was_written(bag, reference, tmp_path):
    out, partial = tmp_path / "out.mcap", tmp_path / "out.mcap.partial"
    whole, whole_bytes = results(reference), reference.read_bytes()
    size = 0
    for share in (0.1, 0.5, 0.8):
        process = start(bag, "--out", out, "--resume")
        wait_for(partial, max(size + 1, int(share * len(whole_bytes))), process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not out.exists()
        written = partial.read_bytes()
        assert whole_bytes.startswith(written)
        left = tmp_path / "left.mcap"
        left.write_bytes(written)
        with RecordedBag(str(left)) as unfinished:
            found = [
                (TOPIC, message.log_time_ns, hashlib.sha256(message.data).hexdigest())
                for message in unfinished.messages({TOPIC})
            ]
        assert found == [(topic, log, digest) for topic, log, _, digest in whole[: len(found)]]
        assert len(found) >= chunks_within(reference, len(written))
        size = len(written) if share > 0.4 else 0
    code, errors = replay(bag, "--out", out, "--resume", "--workers", "2")
    assert code == 0, errors
    assert "going on after" in errors
    assert "read 90 = processed 90" in errors
    assert out.read_bytes() == reference.read_bytes()
    assert not partial.exists()
    code, errors = replay(bag, "--out", out, "--resume")
    assert code == 0
    assert "complete already" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_closes_the_file_and_resuming_completes_it(bag, reference, tmp_path, number):
    out, partial = tmp_path / "out.mcap", tmp_path / "out.mcap.partial"
    process = start(bag, "--out", out)
    wait_for(partial, reference.stat().st_size // 2, process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "--resume" in errors
    kept = results(partial)
    assert kept == results(reference)[: len(kept)]
    assert f"processed {len(kept)}" in errors
    assert "could not be read" not in errors
    code, errors = replay(bag, "--out", out)
    assert code == 1
    assert "--resume or --overwrite" in errors
    code, errors = replay(bag, "--out", out, "--resume")
    assert code == 0, errors
    assert out.read_bytes() == reference.read_bytes()


def test_a_full_disk_is_told_and_what_was_written_can_be_completed(bag, reference, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        os.getuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={reference.stat().st_size // 2}", "tmpfs", disk],
            check=False,
            capture_output=True,
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small disk needs root")
    try:
        out = disk / "out.mcap"
        code, errors = replay(bag, "--out", out)
        assert code == 1
        assert "the disk is full" in errors
        assert "Traceback" not in errors
        assert not out.exists()
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        code, errors = replay(bag, "--out", out, "--resume")
        assert code == 0, errors
        assert "going on after" in errors
        assert out.read_bytes() == reference.read_bytes()
    finally:
        subprocess.run(["umount", disk], check=False)


def test_a_file_that_may_not_grow_is_told_like_a_full_disk(bag, reference, tmp_path):
    limit = reference.stat().st_size // 2
    out, partial = tmp_path / "out.mcap", tmp_path / "out.mcap.partial"
    code, errors = replay(
        bag,
        *("--out", out),
        limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert code == 1
    assert "free some space" in errors
    assert "Traceback" not in errors
    assert partial.stat().st_size <= limit
    code, errors = replay(bag, "--out", out, "--resume")
    assert code == 0, errors
    assert out.read_bytes() == reference.read_bytes()


def test_a_cut_bag_is_replayed_as_far_as_it_goes_and_the_exit_code_tells(bag, tmp_path):
    cut = tmp_path / "cut.mcap"
    data = storage_file(bag).read_bytes()
    cut.write_bytes(data[: len(data) // 12])
    code, errors = replay(cut, "--out", tmp_path / "out.mcap")
    assert code == 1
    assert "cut off at byte" in errors
    assert "not everything could be read" in errors
    assert len(results(tmp_path / "out.mcap")) >= 6


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["missing.mcap", "--out", "{out}/a.mcap"], 1, "there is no bag"),
        (["{bag}", "--out", "{out}/a.bag"], 1, "must end in .mcap"),
        (["{bag}", "--out", "/proc/none/a.mcap"], 1, "cannot write"),
        (["{bag}", "--out", "{out}/a.mcap", "--topics", "/nose"], 1, "there are: /cam/camera_info"),
        (["{bag}", "--out", "{out}/a.mcap", "--every", "0"], 2, "less than 1"),
        (["{bag}", "--out", "{out}/a.mcap", "--start", "noon"], 2, "expected seconds"),
        (["{bag}"], 2, "--out"),
        (["{bag}", "--out", "{out}/a.mcap", "--start", "1000"], 1, "no image could be processed"),
    ],
)
def test_errors_say_what_to_do(bag, tmp_path, arguments, code, text):
    found, errors = replay(*(item.format(bag=bag, out=tmp_path) for item in arguments))
    assert found == code
    assert text in errors
    assert "Traceback" not in errors


def test_a_part_is_chosen_in_seconds(bag, tmp_path):
    options = ("--start", "0.5", "--end", "@1700000001.5", "--every", "2", "--keep", "--markers")
    code, errors = replay(bag, "--out", tmp_path / "a.mcap", *options)
    assert code == 0, errors
    assert "read 10 = processed 5 + 5 skipped_by_every" in errors
    topics = {item[0] for item in payloads(tmp_path / "a.mcap")}
    assert topics == {TOPIC, "/dice/topology", "/dice/markers", "/cam/image_raw"}
