"""A window that plays results: mesh, contacts, deformation; keys and a slider. Needs Open3D."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dice_ros.errors import AssetError, InputError, OutputError
from dice_ros.replay.results_reader import ResultFrame
from dice_ros.types import Contact, MeshTopology
from dice_ros.viewer.frame_mesh import FrameMesh, frame_mesh
from dice_ros.viewer.playback import Playback
from dice_ros.viewer.vulkan import vulkan_problem
from dice_ros.whole_file import write_whole

INSTALL = "pip install open3d"
_SIZE = (1100, 800)
_FIELD_OF_VIEW_DEG, _EYE_DISTANCE_M = 40.0, 0.62
_FROM_CAM = np.array([1.0, -1.0, -1.0])
_LIGHT_DIRECTION = [0.4, -0.6, -1.0]
_SUN, _SKY = 45_000.0, 14_000.0
_BACKGROUND = [0.10, 0.11, 0.12, 1.0]
_DRAWN_BEFORE_SCREENSHOT = 8
_SAMPLES = 4
_REDRAWN_AFTER_SCRUBBING = 3
_REDRAWN_IN_USE_S, _REDRAWN_AT_REST_S, _AT_REST_AFTER_S = 0.5, 2.0, 20.0
_MOST_CONTACTS = 3
_NAME = "people"


def show(
    frames: Sequence[ResultFrame],
    topologies: Mapping[str, MeshTopology],
    *,
    title: str,
    at: int = 0,
    screenshot: Path | None = None,
) -> None:
    """Open the window and return when it is closed.

    Args:
        frames: at least one.
        topologies: by id.
        title: of the window.
        at: number of the first frame to show.
        screenshot: save a picture of that frame there as PNG, and close.

    Raises:
        AssetError: Open3D, a library it needs, or a screen is missing; the message says which.
        InputError: nobody is in any frame.
        OutputError: the screenshot cannot be written.
    """
    o3d = _open3d()
    if not any(frame.interactions for frame in frames):
        raise InputError(f"nobody is in any of {len(frames)} frames: there is nothing to show")
    _Window(o3d, frames, topologies, title, at).run(screenshot)


def _open3d() -> Any:
    try:
        import open3d  # noqa: PLC0415 - optional, and takes seconds
    except ModuleNotFoundError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise AssetError(
            f"`dice-ros view` needs Open3D ({error.name} is not installed): run `{INSTALL}` "
            f"(Open3D 0.20 is made for Python 3.10 to 3.13, this is {version}). `--export` does not"
        ) from None
    except ImportError as error:
        raise AssetError(
            f"Open3D cannot be loaded: {error}. On Debian or Ubuntu: `apt install libusb-1.0-0 "
            "libgl1 libegl1 libgomp1`. `--export` needs nothing"
        ) from error
    linux = sys.platform.startswith("linux")
    if linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise AssetError(
            "there is no screen to open a window on: use `--export`, or run under `xvfb-run -a`"
        )
    if linux and (problem := vulkan_problem()):
        raise AssetError(
            f"Open3D draws by Vulkan, and {problem}. On Debian or Ubuntu: `apt install libvulkan1 "
            "mesa-vulkan-drivers`, or your graphics card's driver. `--export` needs nothing"
        )
    return open3d


class _Window:
    """Everything in the window; one at a time."""

    def __init__(
        self,
        o3d: Any,
        frames: Sequence[ResultFrame],
        topologies: Mapping[str, MeshTopology],
        title: str,
        at: int,
    ) -> None:
        self._o3d, self._frames, self._topologies = o3d, frames, topologies
        self._playback = Playback([frame.stamp_ns for frame in frames], at)
        gui, rendering = o3d.visualization.gui, o3d.visualization.rendering
        self._app = gui.Application.instance
        self._app.initialize()
        try:
            self._window = self._app.create_window(f"dice-ros view: {title}", *_SIZE)
        except RuntimeError as error:
            raise AssetError(
                f"Open3D cannot open a window: {error}. `--export` needs none"
            ) from error
        self._scene = gui.SceneWidget()
        self._scene.scene = rendering.Open3DScene(self._window.renderer)
        self._scene.scene.set_background(_BACKGROUND)
        self._scene.scene.set_lighting(
            rendering.Open3DScene.LightingProfile.SOFT_SHADOWS, _LIGHT_DIRECTION
        )
        # Several samples a pixel look better than Open3D's own anti-aliasing (FXAA).
        self._scene.scene.view.set_antialiasing(False)
        self._scene.scene.view.set_sample_count(_SAMPLES)
        lamps = self._scene.scene.scene
        lamps.set_sun_light(_LIGHT_DIRECTION, [1.0, 1.0, 1.0], _SUN)
        lamps.enable_sun_light(True)
        lamps.set_indirect_light_intensity(_SKY)
        self._material = rendering.MaterialRecord()
        self._material.shader = "defaultLit"
        self._material.base_roughness = 0.9
        self._play = gui.Button("Play")
        self._play.set_on_clicked(self._toggle)
        self._slider = gui.Slider(gui.Slider.INT)
        self._slider.set_limits(0, max(1, len(frames) - 1))
        self._slider.set_on_value_changed(self._scrub)
        self._text = gui.Label("")
        self._panel = gui.Vert(6, gui.Margins(12, 8, 12, 8))
        row = gui.Horiz(10)
        row.add_child(self._play)
        row.add_child(self._slider)
        self._panel.add_child(row)
        self._panel.add_child(self._text)
        for widget in (self._scene, self._panel):
            self._window.add_child(widget)
        self._window.set_on_layout(self._layout)
        self._window.set_on_tick_event(self._tick)
        self._window.set_on_key(self._key)
        self._scene.set_on_mouse(self._mouse)
        self._before_s = time.monotonic()
        self._ticks = 0
        self._redraws = 0
        self._drawn_s = self._used_s = self._before_s
        self._screenshot: Path | None = None
        self._failure: Exception | None = None
        self._look_at(self._first_mesh())
        self._draw()

    def run(self, screenshot: Path | None) -> None:
        """Handle the window's events until it is closed."""
        self._screenshot = screenshot
        self._app.run()
        if self._failure is not None:
            raise self._failure

    def _first_mesh(self) -> FrameMesh:
        shown = self._frames[self._playback.at]
        seen = shown if shown.interactions else next(x for x in self._frames if x.interactions)
        return frame_mesh(seen.interactions, self._topologies)

    def _look_at(self, mesh: FrameMesh) -> None:
        places = mesh.vertices * _FROM_CAM
        bounds = self._o3d.geometry.AxisAlignedBoundingBox(places.min(axis=0), places.max(axis=0))
        middle = 0.5 * (places.min(axis=0) + places.max(axis=0))
        self._scene.setup_camera(_FIELD_OF_VIEW_DEG, bounds, middle)
        eye = middle + np.array([0.0, 0.0, _EYE_DISTANCE_M])
        self._scene.look_at(middle, eye, np.array([0.0, 1.0, 0.0]))

    def _draw(self) -> None:
        frame = self._frames[self._playback.at]
        mesh = frame_mesh(frame.interactions, self._topologies)
        scene = self._scene.scene
        if scene.has_geometry(_NAME):
            scene.remove_geometry(_NAME)
        if len(mesh.triangles):
            scene.add_geometry(_NAME, self._shape(mesh), self._material)
        contacts = [contact for item in frame.interactions for contact in item.contacts]
        self._text.text = _caption(self._playback, contacts)
        self._slider.int_value = self._playback.at
        self._play.text = "Pause" if self._playback.is_playing else "Play"
        self._window.post_redraw()

    def _shape(self, mesh: FrameMesh) -> Any:
        # Open3D's other kind of mesh (not of tensors) leaves the texture coordinates of coloured
        # vertices to chance, and Mesa's llvmpipe samples for minutes where they are far apart.
        tensor = self._o3d.core.Tensor.from_numpy
        shape = self._o3d.t.geometry.TriangleMesh(
            tensor((mesh.vertices * _FROM_CAM).astype(np.float32)),
            tensor(mesh.triangles.astype(np.int32)),
        )
        # The scene's colours are linear; ours are as a screen shows them.
        shape.vertex.colors = tensor(mesh.colours.astype(np.float32) ** np.float32(2.2))
        shape.compute_vertex_normals()
        return shape

    def _mouse(self, _: Any) -> Any:
        self._used_s = time.monotonic()
        return self._o3d.visualization.gui.Widget.EventCallbackResult.IGNORED

    def _toggle(self) -> None:
        self._used_s = time.monotonic()
        self._playback.toggle()
        self._draw()

    def _scrub(self, value: float) -> None:
        self._used_s = time.monotonic()
        self._playback.seek(round(value))
        self._draw()
        # Sliders change while the window is being drawn, and it is not drawn again for that: the
        # picture, and the mouse with the slider, would stay one event behind.
        self._redraws = _REDRAWN_AFTER_SCRUBBING

    def _key(self, event: Any) -> bool:
        names = self._o3d.visualization.gui.KeyName
        if event.type != self._o3d.visualization.gui.KeyEvent.Type.DOWN:
            return False
        self._used_s = time.monotonic()
        playback = self._playback
        actions: dict[Any, Callable[[], None]] = {
            names.SPACE: playback.toggle,
            names.LEFT: lambda: playback.step(-1),
            names.RIGHT: lambda: playback.step(1),
            names.HOME: lambda: playback.seek(0),
            names.END: lambda: playback.seek(playback.count - 1),
        }
        if event.key in {names.ESCAPE, names.Q}:
            self._window.close()
            return True
        action = actions.get(event.key)
        if action is None:
            return False
        action()
        self._draw()
        return True

    def _tick(self) -> bool:
        now_s = time.monotonic()
        elapsed_s, self._before_s = now_s - self._before_s, now_s
        self._ticks += 1
        if self._screenshot is not None and self._ticks == _DRAWN_BEFORE_SCREENSHOT:
            self._scene.scene.scene.render_to_image(self._save)
            return True
        if self._screenshot is not None:
            return True
        was_playing = self._playback.is_playing
        if self._playback.advance(elapsed_s) or was_playing != self._playback.is_playing:
            self._draw()
            return True
        self._redraws -= 1
        # Open3D hands one change of the mouse a drawing to its sliders and buttons: where drawing
        # is slow the last ones wait for a drawing that nothing else would cause. Seldom once nobody
        # uses the window: with Mesa's llvmpipe each drawing costs memory for good.
        at_rest = now_s - self._used_s > _AT_REST_AFTER_S
        every_s = _REDRAWN_AT_REST_S if at_rest else _REDRAWN_IN_USE_S
        if self._redraws < 0 and now_s - self._drawn_s < every_s:
            return False
        self._drawn_s = now_s
        return True

    def _save(self, image: Any) -> None:
        path = self._screenshot
        encoded, data = cv2.imencode(".png", np.asarray(image)[..., ::-1])
        try:
            if path is not None and encoded:
                write_whole(path, data.tobytes())
        except OutputError as error:
            self._failure = error
        logging.getLogger(__name__).debug("screenshot of frame %d", self._playback.at)
        self._app.quit()

    def _layout(self, context: Any) -> None:
        gui = self._o3d.visualization.gui
        area = self._window.content_rect
        height = self._panel.calc_preferred_size(context, gui.Widget.Constraints()).height
        self._scene.frame = gui.Rect(area.x, area.y, area.width, area.height - height)
        self._panel.frame = gui.Rect(area.x, area.get_bottom() - height, area.width, height)


def _caption(playback: Playback, contacts: Sequence[Contact]) -> str:
    place = f"frame {playback.at} of {playback.count}, {playback.time_s:.2f} s"
    touches = [
        f"{item.side.value} {item.hand_part} on {item.face_region}".replace("_", " ")
        for item in contacts[:_MOST_CONTACTS]
    ]
    return place + ": " + (", ".join(touches) or "no contact")
