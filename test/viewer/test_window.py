"""The real window on a virtual screen: what it shows, and that it obeys keys and mouse."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from dice_ros.replay.results_reader import read_frames, result_cameras
from dice_ros.replay.results_writer import ImageBagWriter
from dice_ros.types import HandSide

pytest.importorskip(
    "open3d", reason="Open3D is not installed: pip install -r requirements/view.txt"
)
pytest.importorskip(
    "Xlib", reason="python-xlib is not installed: pip install -r requirements/view.txt"
)
if shutil.which("Xvfb") is None:
    pytest.skip("there is no virtual screen: apt install xvfb", allow_module_level=True)

import virtual_screen
from virtual_screen import PATIENCE_S, VirtualScreen

CLIP_FRAMES = (18, 30, 36, 44, 48, 52, 56, 60)
PERIOD_S = 2
VIEW = (sys.executable, "-m", "dice_ros.cli.main", "view")
CONTROLS_TOP = 715  # of the window, with some room for rounding
PLAY_BUTTON = (35, 745)
SLIDER_LEFT, SLIDER_MIDDLE, SLIDER_RIGHT = (75, 738), (580, 738), (1085, 738)


@pytest.fixture(scope="module")
def results(tmp_path_factory, demo_clip):
    """A person whom both hands come to touch: each picture is one half of a render, twice."""
    folder = tmp_path_factory.mktemp("both")
    with ImageBagWriter(folder / "clip.mcap") as writer:
        for number in CLIP_FRAMES:
            frame, truth = demo_clip.frame(number)
            seen = truth.vertices @ frame.camera.K.T
            middle = round(float((seen[:, 0] / seen[:, 2]).mean()))
            half = frame.image[:, : min(middle, frame.image.shape[1] // 2)]
            whole = np.concatenate([half, half[:, ::-1]], axis=1)
            missing = frame.image.shape[1] - whole.shape[1]
            image = cv2.copyMakeBorder(whole, 0, 0, 0, missing, cv2.BORDER_REPLICATE)
            # Slow, so that a slow renderer can show every frame.
            stamp_ns = (1 + CLIP_FRAMES.index(number)) * PERIOD_S * 1_000_000_000
            writer.write_frame(replace(frame, image=image, stamp_ns=stamp_ns))
    arguments = ["run", str(folder / "clip.mcap"), "--out", str(folder / "out")]
    subprocess.run(
        [sys.executable, "-m", "dice_ros.cli.main", *arguments], capture_output=True, check=True
    )
    return folder / "out" / "results.mcap"


@pytest.fixture
def screen():
    made = VirtualScreen()
    yield made
    made.stop()


@pytest.fixture
def opened(results, screen):
    """The window at its first frame, and the head in it."""
    process = subprocess.Popen(
        [*VIEW, str(results)],
        env=os.environ | {"DISPLAY": screen.name},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    screen.wait_for(lambda picture: head_pixels(picture).sum() > 20_000, "the head")
    yield process
    process.kill()
    process.communicate()


def scene(picture):
    return picture[:CONTROLS_TOP].astype(int)


def same(picture, other):
    """Whether both show the same frame; the head's motion alone changes thousands of pixels."""
    return virtual_screen.same(scene(picture), scene(other))


def button(picture):
    """How bright the button is."""
    (x, y) = PLAY_BUTTON
    return picture[y - 10 : y + 10, x - 15 : x + 15].mean()


def head_pixels(picture):
    red, _, blue = np.moveaxis(scene(picture), -1, 0)
    return (blue > red) & (blue > 110)


def left_dent(frame):
    """How far the skin is displaced, at most, on the person's left half of the face; metres."""
    face = frame.interactions[0].face
    across = face.vertices[:, 0]
    return np.linalg.norm(face.deformation, axis=1)[across > across.mean()].max()


def test_a_screenshot_shows_head_both_hands_contact_and_deformation(results, screen, tmp_path):
    frames = list(read_frames(results, result_cameras(results)[0]))
    number = max(range(len(frames)), key=lambda number: left_dent(frames[number]))
    assert left_dent(frames[number]) > 1e-3
    assert {contact.side for contact in frames[number].interactions[0].contacts} == set(HandSide)
    path = tmp_path / "window.png"
    done = subprocess.run(
        [*VIEW, str(results), "--frame", str(number), "--screenshot", str(path)],
        env=os.environ | {"DISPLAY": screen.name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(path))[..., ::-1]
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    right_hand = (red > blue + 40) & (green > blue + 20) & (red > green + 10)
    left_hand = (green > red + 20) & (green > blue + 20)
    contact = (red > 150) & (green < 0.62 * red) & (blue < 0.62 * red)
    displaced = (red > 170) & (green > 0.55 * red) & (blue < 0.5 * red)
    assert head_pixels(picture).sum() > 20_000
    assert right_hand.sum() > 5_000
    assert left_hand.sum() > 5_000
    halves = np.arange(picture.shape[1]) < picture.shape[1] // 2
    for half in (halves, ~halves):
        assert contact[:, half].sum() > 30
    # The right hand has almost the colour of displaced skin, but is in the other half.
    assert displaced[:, ~halves].sum() > 200


def test_it_steps_scrubs_and_closes(opened, screen):
    first = screen.settled()
    screen.press("Right")
    screen.wait_for(lambda seen: not same(seen, first), "the second frame")
    screen.press("Left")
    screen.wait_for(lambda seen: same(seen, first), "the first frame again")
    screen.press("End")
    screen.wait_for(lambda seen: not same(seen, first), "the last frame")
    last = screen.settled()
    screen.press("Home")
    screen.wait_for(lambda seen: same(seen, first), "the first frame after Home")
    screen.move(SLIDER_LEFT)
    screen.hold()
    screen.move(SLIDER_RIGHT)
    screen.wait_for(
        lambda seen: same(seen, last), "the last frame, by the slider", trembling_at=SLIDER_RIGHT
    )
    screen.move(SLIDER_MIDDLE)
    screen.wait_for(
        lambda seen: not same(seen, last), "a frame from the middle", trembling_at=SLIDER_MIDDLE
    )
    screen.release()
    assert not same(screen.settled(), first)
    screen.press("Home")
    screen.wait_for(lambda seen: same(seen, first), "the first frame, by a key after the slider")
    screen.press("Escape")
    assert_ended(opened)


def test_it_plays_pauses_plays_to_the_end_and_quits(opened, screen):
    first = screen.settled()
    screen.move(PLAY_BUTTON)
    idle = button(screen.settled())
    screen.hold()
    # Open3D sees a button pressed only in a picture, which takes long without a graphics card.
    screen.wait_for(lambda seen: abs(button(seen) - idle) > 2, "the pressed button")
    screen.release()
    second = screen.wait_for(lambda seen: not same(seen, first), "the second frame")
    screen.wait_for(lambda seen: not same(seen, first) and not same(seen, second), "a third one")
    screen.press("space")
    paused = screen.settled(2.5 * PERIOD_S)
    screen.press("space")
    screen.wait_for(lambda seen: not same(seen, paused), "playing on")
    last = screen.settled(2.5 * PERIOD_S)
    screen.press("End")
    assert same(screen.settled(), last)
    screen.press("q")
    assert_ended(opened)


def test_the_close_button_closes_it(opened, screen):
    screen.settled()
    screen.close_window()
    assert_ended(opened)


def assert_ended(process):
    _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "Traceback" in said) == (0, False), said
