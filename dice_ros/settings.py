"""Every setting, declared once: type, default, unit, range, description.

The node's parameters, ``config/dice.yaml``, the command line's options and the table in the
README are all made from :func:`schema`. Unknown names are errors, and a change is validated as a
whole before any of it takes effect.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeAlias

from dice_ros.errors import SettingsError

SettingValue: TypeAlias = bool | int | float | str


class Scope(Enum):
    """Who reads a setting: the core (node and command line alike) or only the ROS node."""

    CORE = "core"
    NODE = "node"


class Effect(Enum):
    """When a change at run time takes effect."""

    LIVE = "live"
    REBUILD = "rebuild"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """The declaration of one setting.

    Attributes:
        name: parameter name.
        kind: ``bool``, ``int``, ``float`` or ``str``.
        default: value if nothing is said.
        description: one sentence for people.
        unit: ``""`` if it has none.
        minimum, maximum: inclusive range of numbers; None where open.
        choices: allowed strings; empty if free.
        scope: who reads it.
        effect: live, once the estimator was rebuilt (meanwhile the old one answers), or only when
            the node is started.
    """

    name: str
    kind: type
    default: SettingValue
    description: str
    unit: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    scope: Scope
    effect: Effect

    def check(self, value: object) -> SettingValue:
        """Return ``value`` as this setting's type, or raise :class:`SettingsError`."""
        checked = self._convert(value)
        if self.choices and checked not in self.choices:
            raise SettingsError(
                f"setting {self.name!r} is {value!r}, expected one of {', '.join(self.choices)}"
            )
        if isinstance(checked, (str, bool)):
            return checked
        if not math.isfinite(checked):
            raise SettingsError(f"setting {self.name!r} is {value!r}, expected a finite number")
        too_low = self.minimum is not None and checked < self.minimum
        too_high = self.maximum is not None and checked > self.maximum
        if too_low or too_high:
            raise SettingsError(f"setting {self.name!r} is {value!r}, expected {self.range_text()}")
        return checked

    def range_text(self) -> str:
        """The allowed range in words, e.g. ``0 to 1``; empty if anything goes."""
        if self.choices:
            return " | ".join(self.choices)
        if self.minimum is None and self.maximum is None:
            return ""
        if self.maximum is None:
            return f">= {self.minimum:g}"
        if self.minimum is None:
            return f"<= {self.maximum:g}"
        return f"{self.minimum:g} to {self.maximum:g}"

    def _convert(self, value: object) -> SettingValue:
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value) is self.kind and isinstance(value, (bool, int, float, str)):
            return value
        raise SettingsError(
            f"setting {self.name!r} is {value!r} of type {type(value).__name__}, "
            f"expected {self.kind.__name__}"
        )


def _setting(
    default: SettingValue,
    description: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    scope: Scope = Scope.CORE,
    effect: Effect = Effect.LIVE,
) -> Any:
    spec = SettingSpec(
        "", type(default), default, description, unit, minimum, maximum, choices, scope, effect
    )
    return field(default=default, metadata={"spec": spec})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings with their values; see :func:`schema` for their meaning."""

    estimator: str = _setting(
        "landmark_fit",
        "How meshes, contacts and deformation are estimated: landmark_fit needs nothing, the "
        "others need published weights and body models. dice knows head and hand, interwild two "
        "hands.",
        choices=("landmark_fit", "dice", "interwild", "dice+interwild"),
        effect=Effect.REBUILD,
    )
    model_dir: str = _setting(
        "",
        "Folder of converted models (dice.safetensors, dice_bodies.npz, interwild.safetensors, "
        "mano_hands.npz); empty for "
        "$DICE_ROS_MODELS, or dice_ros/models in the user's data folder.",
        effect=Effect.REBUILD,
    )
    device: str = _setting(
        "auto",
        "Where networks of dice and interwild run; auto takes a GPU if there is one.",
        choices=("auto", "cpu", "cuda"),
        effect=Effect.REBUILD,
    )
    engine: str = _setting(
        "auto",
        "How the network of the estimator dice is run; auto takes the fastest that is installed "
        "and proved right on this machine.",
        choices=("auto", "eager", "compile", "openvino", "torch_tensorrt", "tensorrt_rtx"),
        effect=Effect.REBUILD,
    )
    precision: str = _setting(
        "auto",
        "What the core of the network computes in; auto tries the fastest first, and every engine "
        "must pass its certificate.",
        choices=("auto", "float32", "float16", "bfloat16", "int8"),
        effect=Effect.REBUILD,
    )
    engine_in_background: bool = _setting(
        True,
        "Answer with the plain engine while a faster one is built; false waits for it at start-up.",
        scope=Scope.NODE,
        effect=Effect.REBUILD,
    )
    dice_meshes: str = _setting(
        "parametric",
        "Meshes of the estimator dice: FLAME and MANO, or the network's free vertices.",
        choices=("parametric", "free"),
        effect=Effect.REBUILD,
    )
    interwild_boxes: str = _setting(
        "detector",
        "Where the estimator interwild gets the hands' boxes from: perception's hand detector, or "
        "its own network, which tells right from left itself and takes longer.",
        choices=("detector", "network"),
    )
    interwild_confidence_min: float = _setting(
        0.01,
        "Hands that the network of interwild found with a lower peak are left out (uncalibrated; a "
        "flat map has 0.0003).",
        minimum=0.0,
        maximum=1.0,
    )
    max_persons: int = _setting(
        1, "Persons followed at once, largest faces first.", minimum=1, maximum=8
    )
    network_threads: int = _setting(
        2,
        "CPU threads each network may use.",
        minimum=1,
        maximum=64,
        effect=Effect.REBUILD,
    )
    face_score_min: float = _setting(
        0.5, "Faces scored lower are not reported.", minimum=0.0, maximum=1.0
    )
    hand_presence_min: float = _setting(
        0.5, "Hands scored lower are not reported.", minimum=0.0, maximum=1.0
    )
    detect_interval_s: float = _setting(
        0.3,
        "Time between searches for missing faces and hands while others are tracked.",
        unit="s",
        minimum=0.0,
        maximum=60.0,
    )
    assumed_focal_ratio: float = _setting(
        1.2,
        "Focal length over the longer image side, used when no calibration is received.",
        minimum=0.2,
        maximum=10.0,
    )
    smoothing: bool = _setting(True, "Smooth poses over time with a One-Euro filter.")
    smoothing_min_cutoff_hz: float = _setting(
        1.5, "One-Euro cut-off at rest; lower is smoother.", unit="Hz", minimum=0.01, maximum=100.0
    )
    smoothing_beta: float = _setting(
        20.0,
        "One-Euro speed coefficient; higher lags less. Positions are in metres, angles in radians.",
        unit="Hz s/m",
        minimum=0.0,
        maximum=10000.0,
    )
    contact_probability_min: float = _setting(
        0.5,
        "Vertices at least this probable count as touched in contact summaries.",
        minimum=0.01,
        maximum=1.0,
    )
    indentation_mm: float = _setting(
        3.0,
        "Nominal depth a touching hand presses into the skin before the skin gives way.",
        unit="mm",
        minimum=0.0,
        maximum=15.0,
    )
    touch_on_probability: float = _setting(
        0.5,
        "A touch starts when the probability that a hand touches the face reaches this.",
        minimum=0.01,
        maximum=1.0,
    )
    touch_off_probability: float = _setting(
        0.35,
        "A touch goes on while the probability stays at or above this; at most "
        "touch_on_probability.",
        minimum=0.0,
        maximum=1.0,
    )
    touch_release_drop: float = _setting(
        0.12,
        "Where contact is inferred from sizes, a touch pauses, too, when the log odds of the "
        "probability fall so far below the level they kept; 0 for never.",
        minimum=0.0,
        maximum=30.0,
    )
    touch_min_s: float = _setting(
        0.1, "Shorter touches are not told.", unit="s", minimum=0.0, maximum=60.0
    )
    touch_release_s: float = _setting(
        0.2,
        "A hand seen off the face for so long has left it; shorter pauses are bridged.",
        unit="s",
        minimum=0.0,
        maximum=60.0,
    )
    touch_lost_s: float = _setting(
        0.5,
        "A touch outlives the loss of hand, face or images for so long.",
        unit="s",
        minimum=0.0,
        maximum=60.0,
    )
    touch_place_min_s: float = _setting(
        0.15,
        "Shorter stays of a touch at a place are not part of its path.",
        unit="s",
        minimum=0.0,
        maximum=60.0,
    )
    touch_update_hz: float = _setting(
        5.0,
        "Updates while a touch lasts; 0 for none.",
        unit="Hz",
        minimum=0.0,
        maximum=120.0,
    )
    max_image_pixels: int = _setting(
        33_177_600,
        "Images with more pixels are refused (8K is 33 177 600).",
        unit="px",
        minimum=4096,
        maximum=1_000_000_000,
    )
    autostart: bool = _setting(
        True,
        "Configure and activate without a lifecycle manager; a node that cannot do so ends.",
        scope=Scope.NODE,
        effect=Effect.RESTART,
    )
    image_transport: str = _setting(
        "raw",
        "Subscribe to raw images (topic image) or JPEG/PNG (topic image/compressed).",
        choices=("raw", "compressed"),
        scope=Scope.NODE,
    )
    image_reliability: str = _setting(
        "best_effort",
        "Reliability asked of the image topic; best_effort matches every publisher.",
        choices=("best_effort", "reliable"),
        scope=Scope.NODE,
    )
    camera_info_wait_s: float = _setting(
        1.0,
        "How long the first image waits for a CameraInfo before a focal length is assumed.",
        unit="s",
        minimum=0.0,
        maximum=60.0,
        scope=Scope.NODE,
    )
    publish_tf: bool = _setting(
        True, "Publish head and hand frames on /tf (needs tf2_msgs).", scope=Scope.NODE
    )
    marker_rate_hz: float = _setting(
        10.0,
        "Highest rate of RViz markers, published only while somebody listens.",
        unit="Hz",
        minimum=0.1,
        maximum=120.0,
        scope=Scope.NODE,
    )
    overlay_rate_hz: float = _setting(
        5.0,
        "Highest rate of overlay pictures, drawn only while somebody listens.",
        unit="Hz",
        minimum=0.1,
        maximum=120.0,
        scope=Scope.NODE,
    )
    touch_summary_period_s: float = _setting(
        5.0,
        "Time between summaries of all touches so far.",
        unit="s",
        minimum=0.1,
        maximum=3600.0,
        scope=Scope.NODE,
    )
    input_timeout_s: float = _setting(
        5.0,
        "An active node that receives no image for longer says so, with what may be the cause.",
        unit="s",
        minimum=0.1,
        maximum=3600.0,
        scope=Scope.NODE,
    )
    stall_timeout_s: float = _setting(
        10.0,
        "A stage that takes longer for one image is reported as stalled.",
        unit="s",
        minimum=0.1,
        maximum=3600.0,
        scope=Scope.NODE,
    )
    late_frame_s: float = _setting(
        1.0,
        "Images that are older when they are taken count as late; they are answered all the same.",
        unit="s",
        minimum=0.001,
        maximum=60.0,
        scope=Scope.NODE,
    )
    diagnostics_period_s: float = _setting(
        1.0,
        "Time between diagnostic reports.",
        unit="s",
        minimum=0.1,
        maximum=60.0,
        scope=Scope.NODE,
    )

    @staticmethod
    def from_mapping(values: Mapping[str, object]) -> Settings:
        """Build settings from names and values; the rest keep their defaults.

        Raises:
            SettingsError: unknown name (with the nearest known one), wrong type, out of range, or
                values that contradict each other.
        """
        return Settings().updated(values)

    def for_recordings(self) -> Settings:
        """The same, for recordings: results must not depend on when a faster engine is ready."""
        return dataclasses.replace(self, engine_in_background=False)

    def updated(self, values: Mapping[str, object]) -> Settings:
        """A copy with some values changed, all of them validated first."""
        specs = schema()
        unknown = [name for name in values if name not in specs]
        if unknown:
            raise SettingsError(_unknown_text(unknown[0], list(specs)))
        checked: dict[str, Any] = {name: specs[name].check(value) for name, value in values.items()}
        changed = dataclasses.replace(self, **checked)
        changed._check_levels()
        return changed

    def _check_levels(self) -> None:
        on, off = self.touch_on_probability, self.touch_off_probability
        if off > on:
            raise SettingsError(
                f"setting 'touch_off_probability' is {off:g}, expected at most "
                f"touch_on_probability ({on:g}): set both"
            )


def schema() -> dict[str, SettingSpec]:
    """All declarations by name, in the order of the documentation."""
    return {
        item.name: dataclasses.replace(item.metadata["spec"], name=item.name)
        for item in dataclasses.fields(Settings)
    }


def _unknown_text(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
    return f"unknown setting {name!r}{hint}"
