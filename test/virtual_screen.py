"""A screen in memory, with somebody who looks at it, presses keys and drags the mouse."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

import numpy as np
from Xlib import XK, X, display
from Xlib.ext import xtest
from Xlib.protocol import event

WIDTH, HEIGHT = 1100, 800
PATIENCE_S = 180.0


def same(picture: np.ndarray, other: np.ndarray) -> bool:
    """Whether two pictures differ by no more than a renderer's noise: some pixels at edges."""
    apart = np.abs(picture.astype(int) - other).max(axis=-1)
    return bool((apart > 24).sum() < 200)


class VirtualScreen:
    """An X server without a monitor; one window is expected, at its upper left corner."""

    def __init__(self) -> None:
        read, write = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as number:
            self.name = f":{number.readline().strip()}"
        self._display = display.Display(self.name)
        self._root = self._display.screen().root

    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: what a monitor would show."""
        seen = self._root.get_image(0, 0, WIDTH, HEIGHT, X.ZPixmap, 0xFFFFFFFF)
        pixels = np.frombuffer(seen.data, np.uint8).reshape(HEIGHT, WIDTH, 4)
        return np.ascontiguousarray(pixels[..., 2::-1])

    def wait_for(
        self,
        condition: Callable[[np.ndarray], bool],
        what: str,
        trembling_at: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """The first picture of which something is true.

        Args:
            condition: what is to be true.
            what: the same in words.
            trembling_at: where a hand holds the mouse meanwhile, never quite still.
        """
        deadline = time.monotonic() + PATIENCE_S
        looks = 0
        while not condition(seen := self.picture()):
            assert time.monotonic() < deadline, f"never seen: {what}"
            time.sleep(0.05)
            looks += 1
            if trembling_at is not None and looks % 10 == 0:
                x, y = trembling_at
                self._move_at_once(x + looks // 10 % 2, y)
        return seen

    def settled(self, rest_s: float = 1.5) -> np.ndarray:
        """The picture once it has stayed the same for so long."""
        before, since = self.picture(), time.monotonic()
        deadline = since + PATIENCE_S
        while time.monotonic() - since < rest_s:
            assert time.monotonic() < deadline, "the picture never comes to rest"
            time.sleep(0.05)
            seen = self.picture()
            if not same(seen, before):
                before, since = seen, time.monotonic()
        return before

    def press(self, key: str) -> None:
        """Press and release a key, by its X name."""
        code = self._display.keysym_to_keycode(XK.string_to_keysym(key))
        xtest.fake_input(self._display, X.KeyPress, code)
        self._display.sync()
        time.sleep(0.1)
        xtest.fake_input(self._display, X.KeyRelease, code)
        self._display.sync()

    def move(self, place: tuple[int, int]) -> None:
        """Move the mouse there in a few steps, as a hand does."""
        there = self._root.query_pointer()
        start = np.array([there.root_x, there.root_y])
        for share in np.linspace(0.2, 1.0, 5):
            x, y = np.round((1.0 - share) * start + share * np.array(place)).astype(int)
            self._move_at_once(int(x), int(y))
            time.sleep(0.1)

    def _move_at_once(self, x: int, y: int) -> None:
        xtest.fake_input(self._display, X.MotionNotify, x=x, y=y)
        self._display.sync()

    def hold(self) -> None:
        """Press the left button of the mouse."""
        xtest.fake_input(self._display, X.ButtonPress, 1)
        self._display.sync()

    def release(self) -> None:
        """Let the left button of the mouse go."""
        xtest.fake_input(self._display, X.ButtonRelease, 1)
        self._display.sync()

    def close_window(self) -> None:
        """Do what a window manager does when its close button is clicked."""
        protocols = self._display.intern_atom("WM_PROTOCOLS")
        delete = self._display.intern_atom("WM_DELETE_WINDOW")
        (window,) = (
            child
            for child in self._root.query_tree().children
            if (offered := child.get_wm_protocols()) and delete in list(offered)
        )
        message = event.ClientMessage(
            window=window, client_type=protocols, data=(32, [delete, X.CurrentTime, 0, 0, 0])
        )
        window.send_event(message)
        self._display.sync()

    def stop(self) -> None:
        """Take the screen away."""
        self._display.close()
        self._server.terminate()
        self._server.wait()
