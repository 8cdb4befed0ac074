"""The values that travel between the rooms of the package: frozen dataclasses, no behaviour.

Lengths in metres, angles in radians, times in integer nanoseconds, pixels of the camera image
unless a name says otherwise. ``cam`` is the camera optical frame (x right, y down, z forward,
REP-103). Dimensions: V vertices, F triangles, L landmarks, J joints.

Arrays inside these values are never modified after construction.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dice_ros.camera import Camera

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
UInt8Array: TypeAlias = NDArray[np.uint8]
BoolArray: TypeAlias = NDArray[np.bool_]


class HandSide(enum.Enum):
    """Anatomical side of a hand (the person's own left or right)."""

    LEFT = "left"
    RIGHT = "right"


class TouchDecision(enum.Enum):
    """What an estimator concluded about one hand and the face."""

    NO_OVERLAP = "no_overlap"
    NO_CONTACT = "no_contact"
    UNCERTAIN = "uncertain"
    CONTACT = "contact"


class ContactSource(enum.Enum):
    """Where contact probabilities come from."""

    NONE = "none"
    PROXIMITY_PRIOR = "proximity_prior"
    NETWORK = "network"


class DeformationSource(enum.Enum):
    """Where the face deformation comes from."""

    NONE = "none"
    INDENTATION_PRIOR = "indentation_prior"
    NETWORK = "network"


class ScaleSource(enum.Enum):
    """What fixes metric size: the mean of people, this person's own running average, ..."""

    POPULATION_MEAN = "population_mean"
    PERSON_AVERAGE = "person_average"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned box, image pixels; ``x``, ``y`` is the top-left corner. May leave the image."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One camera image.

    Attributes:
        image: (H, W, 3) uint8, RGB, C-contiguous.
        stamp_ns: time of capture in nanoseconds.
        frame_id: name of the camera optical frame.
        source: where it came from, for people: a topic or a path.
        index: running number within its source, from 0.
        camera: calibration that came with the image; None if there was none.
    """

    image: UInt8Array
    stamp_ns: int
    frame_id: str = "camera_optical_frame"
    source: str = ""
    index: int = 0
    camera: Camera | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MeshTopology:
    """What is constant about a mesh: published once, latched.

    Attributes:
        id: stable name that ends in the vertex count, e.g. ``mh-head-4439``.
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        region_labels: (V,) uint8, index into ``region_names``; 0 is ``none``.
        region_names: names of face regions or hand parts.
        mesh_hash: sha256 hex digest of the little-endian int32 triangles and the labels.
        licence: one line about the origin of the mesh.
    """

    id: str
    triangles: Int32Array
    region_labels: UInt8Array
    region_names: tuple[str, ...]
    mesh_hash: str
    licence: str

    @property
    def vertex_count(self) -> int:
        """Number of vertices V."""
        return int(self.region_labels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A rigid transform model -> cam.

    Attributes:
        rotation: (3, 3) float64.
        translation: (3,) float64, metres.
    """

    rotation: Float64Array
    translation: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class FaceLandmarks:
    """Output of the face landmark and blendshape networks for one face.

    Attributes:
        points: (478, 3) float32, image pixels; the third column is a relative depth in pixels.
        score: face presence, 0..1.
        blendshapes: (52,) float32, 0..1, in the network's order (``_neutral`` first).
        box: bounding box of the landmarks.
    """

    points: Float32Array
    score: float
    blendshapes: Float32Array
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class HandLandmarks:
    """Output of the hand landmark network for one hand.

    Attributes:
        points: (21, 3) float32, image pixels; the third column is a relative depth in pixels.
        world: (21, 3) float32, metres, axes of the image (x right, y down, z away), centred by
            the network near the palm.
        presence: hand presence, 0..1.
        right_probability: probability that this is an anatomical right hand.
        side: the side after tracking has settled it.
        box: bounding box of the landmarks.
        track_id: number of the hand's track, new after a loss.
    """

    points: Float32Array
    world: Float32Array
    presence: float
    right_probability: float
    side: HandSide
    box: Box
    track_id: int


@dataclass(frozen=True, slots=True, eq=False)
class PersonObservation:
    """What perception saw of one person in one frame: the input of every estimator.

    Attributes:
        frame: the image it was seen in.
        camera: calibration to use (the frame's own, or an assumed one).
        person_id: stable while the person is tracked.
        is_new: True in the first frame of the track (estimators forget what they knew).
        face: None if only hands were seen.
        hands: at most one left and one right hand.
    """

    frame: Frame
    camera: Camera
    person_id: int
    is_new: bool
    face: FaceLandmarks | None
    hands: tuple[HandLandmarks, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A reconstructed head.

    Attributes:
        confidence: detection confidence, 0..1.
        box: image box.
        pose: head model -> cam; origin between the eyes.
        topology: id of the mesh topology.
        vertices: (V, 3) float32, metres, cam, deformed.
        deformation: (V, 3) float32, metres, cam axes: deformed minus undeformed position.
        contact: (V,) float32, contact probability 0..1; zero if no hand touches.
        landmarks: (L, 3) float32, metres, cam, on the undeformed surface.
        landmarks_image: (L, 2) float32, measured image pixels.
        betas: (B,) float32, identity coefficients of the topology's model.
        expression: (E,) float32, expression coefficients.
        fit_rms_px: root mean square reprojection error in pixels; NaN if not fitted.
    """

    confidence: float
    box: Box
    pose: Pose
    topology: str
    vertices: Float32Array
    deformation: Float32Array
    contact: Float32Array
    landmarks: Float32Array
    landmarks_image: Float32Array
    betas: Float32Array
    expression: Float32Array
    fit_rms_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """A reconstructed hand.

    Attributes:
        side: anatomical side.
        confidence: presence confidence, 0..1.
        box: image box.
        topology: id of the mesh topology (left and right have their own).
        vertices: (V, 3) float32, metres, cam.
        joints: (21, 3) float32, metres, cam; order wrist, thumb 1-4, index 1-4, ... pinky 1-4.
        contact: (V,) float32, contact probability 0..1; zero if ``touch`` is ``NO_CONTACT``.
        contact_presence: probability that this hand touches the face at all, 0..1.
        touch: the decision made from it.
        global_orient: (3,) float32, axis-angle, hand model -> cam.
        transl: (3,) float32, metres, position of the wrist in cam.
        hand_pose: (P,) float32, joint angles of the topology's model.
        betas: (B,) float32, shape coefficients of the topology's model.
        scale: size relative to the model's mean hand.
        depth_ratio: factor by which the hand was slid along its viewing rays (1 = not moved).
        fit_rms_px: root mean square reprojection error in pixels; NaN if not fitted.
    """

    side: HandSide
    confidence: float
    box: Box
    topology: str
    vertices: Float32Array
    joints: Float32Array
    contact: Float32Array
    contact_presence: float
    touch: TouchDecision
    global_orient: Float32Array
    transl: Float32Array
    hand_pose: Float32Array
    betas: Float32Array
    scale: float
    depth_ratio: float
    fit_rms_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Contact:
    """One part of one hand on one region of the face.

    Attributes:
        side: which hand.
        hand_part: name from the hand topology's regions.
        face_region: name from the face topology's regions.
        probability: 0..1.
        area_mm2: touched skin area of the face, mm^2.
        depth_mm: largest indentation of the skin, mm, >= 0.
        centre: (3,) float32, metres, cam, centre of the touched area.
        normal: (3,) float32, unit, outward face normal there, cam.
        face_vertex_count: face vertices in contact.
        hand_vertex_count: hand vertices in contact.
    """

    side: HandSide
    hand_part: str
    face_region: str
    probability: float
    area_mm2: float
    depth_mm: float
    centre: Float32Array
    normal: Float32Array
    face_vertex_count: int
    hand_vertex_count: int


@dataclass(frozen=True, slots=True)
class StageTiming:
    """Wall-clock time of one stage of one frame, milliseconds."""

    stage: str
    duration_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Interaction:
    """One person in one frame: the package's result, the same from every estimator.

    Attributes:
        stamp_ns: stamp of the image.
        frame_id: camera optical frame all geometry is given in.
        person_id: stable while the person is tracked.
        source: name of the estimator.
        face: None if no face was found.
        hands: at most one left and one right hand.
        contacts: part x region summaries, most probable first.
        camera: calibration used; ``camera.assumed`` tells whether it was guessed.
        scale_source, contact_source, deformation_source: how inferred quantities came about.
        timings: stages of this person's estimation.
    """

    stamp_ns: int
    frame_id: str
    person_id: int
    source: str
    face: Face | None
    hands: tuple[Hand, ...]
    contacts: tuple[Contact, ...]
    camera: Camera
    scale_source: ScaleSource
    contact_source: ContactSource
    deformation_source: DeformationSource
    timings: tuple[StageTiming, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """Everything found in one frame; ``interactions`` is empty when nobody was seen.

    Attributes:
        frame: the input.
        interactions: one per person, largest face first.
        timings: stages of the whole frame (perception, estimators summed over persons, total).
        failures: why persons who were seen are not among ``interactions``, one reason each.
    """

    frame: Frame
    interactions: tuple[Interaction, ...]
    timings: tuple[StageTiming, ...]
    failures: tuple[str, ...] = ()
