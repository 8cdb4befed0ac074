"""A small data set in Decaf's layout, made from stand-in bodies: true formats, invented content.

For trying and testing what reads Decaf, without a file of it. A person holds a hand before or at
the face; where they touch, contacts and deformations are labelled. The same arguments give the same
labels; the bytes of videos depend on the codec.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import cKDTree

from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.licensed_bodies import read_flame_arrays, read_mano_arrays
from dice_ros.body.licensed_files import FLAME_LANDMARKS, FLAME_MODEL, MANO_MODEL, NECK, find_file
from dice_ros.body.mesh_mirror import mirror_permutation
from dice_ros.body.posing import BodyPoser, PosedBodies
from dice_ros.body.posing_parameters import BodyParameters
from dice_ros.body.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from dice_ros.body.vertex_normals import vertex_normals
from dice_ros.datasets.data_file import read_dictionary
from dice_ros.datasets.decaf_layout import HEIGHT, WIDTH, DecafLayout, Split, Video, videos
from dice_ros.errors import AssetError
from dice_ros.render.rasterizer import Rasterizer
from dice_ros.render.shading import interpolate
from dice_ros.types import BoolArray, Float64Array, UInt8Array

NOTE_NAME = "SYNTHETIC.txt"
_NOTE = """\
A synthetic data set in the layout of Decaf, made by dice_ros from CC0 stand-in bodies. No file of
it is Decaf's; figures measured on it mean nothing.
"""
_FOCAL_PX = 1296.3163
_CENTRE_PX = (966.6542, 540.5983)
_CONTACT_M = 5e-3
_PRESS_M = 8e-3
_PRESS_RADIUS_M = 12e-3
_SKIN, _HAND = np.array([208.0, 168.0, 148.0]), np.array([190.0, 140.0, 120.0])
_FPS = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """One subject: parameters, meshes and labels of all frames, world frame."""

    parameters: BodyParameters
    meshes: PosedBodies
    head_turn: Float64Array
    deforms: Float64Array
    head_contact: BoolArray
    hand_contact: BoolArray

    @property
    def deformed(self) -> Float64Array:
        """(n, 5023, 3) what the pictures show."""
        return np.asarray(self.meshes.head - self.deforms @ self.head_turn.transpose(0, 2, 1))


def write_decaf_set(
    root: Path,
    licensed: Path,
    *,
    split: Split = Split.TEST,
    frames: int = 4,
    seed: int = 0,
    cameras: Sequence[str] = ("108",),
) -> tuple[Path, ...]:
    """Write one split.

    Args:
        root: folder of the data set, made if missing.
        licensed: folder of FLAME's and MANO's files, or of stand-ins for them.
        split: which part.
        frames: of each subject.
        seed: of poses and noise.
        cameras: which of the split's cameras to film with.

    Returns:
        The videos.

    Raises:
        AssetError: a model is missing in ``licensed``.
    """
    layout = DecafLayout(root, split)
    _copy_models(layout, licensed)
    flame = read_flame_arrays(layout.flame, layout.landmarks, layout.contact_neck)
    poser = BodyPoser(flame, read_mano_arrays(layout.mano))
    np.save(layout.deformation_neck, flame.neck.astype(np.int64))
    np.save(
        layout.assets / "left_right_face_corresps.npy",
        mirror_permutation(flame.template, flame.triangles).astype(np.int64),
    )
    mano_triangles = read_mano_arrays(layout.mano).triangles
    (root / NOTE_NAME).write_text(_NOTE)
    rng = np.random.default_rng(seed)
    scenes: dict[str, _Scene] = {}
    written = []
    for video in videos(split):
        if video.camera not in cameras:
            continue
        if video.subject not in scenes:
            scenes[video.subject] = _stage(poser, flame, frames, rng)
            _write_labels(layout, video.subject, scenes[video.subject], flame)
        _film(layout, video, scenes[video.subject], (flame.triangles, mano_triangles), rng)
        written.append(layout.video(video))
    return tuple(written)


def _copy_models(layout: DecafLayout, licensed: Path) -> None:
    for item, path in (
        *((FLAME_MODEL, layout.flame), (FLAME_LANDMARKS, layout.landmarks)),
        *((MANO_MODEL, layout.mano), (NECK, layout.contact_neck)),
    ):
        source = find_file(licensed, item)
        if source is None:
            raise AssetError(f"{item.name} not found in {licensed}: run `dice-ros stand-ins`")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)


def _stage(poser: BodyPoser, flame: FlameArrays, n: int, rng: np.random.Generator) -> _Scene:
    """Invent n frames of one subject; every third hand hovers, the others touch."""
    upright = matrix_from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    turns = np.stack([matrix_from_axis_angle(rng.normal(0.0, 0.15, 3)) @ upright for _ in range(n)])
    betas = np.repeat(rng.normal(0.0, 0.5, (1, 100)), n, axis=0)
    parameters = BodyParameters(
        head_betas=betas,
        head_expression=rng.normal(0.0, 0.3, (n, 50)),
        head_pose=np.column_stack([np.zeros((n, 3)), rng.uniform(0.0, 0.1, n), np.zeros((n, 2))]),
        head_rotation=np.stack([axis_angle_from_matrix(turn) for turn in turns]),
        head_transl=rng.normal(0.0, 0.02, (n, 3)),
        hand_betas=np.repeat(rng.normal(0.0, 0.5, (1, 10)), n, axis=0),
        hand_rotation=rng.normal(0.0, 0.8, (n, 3)),
        hand_pose=rng.normal(0.0, 0.1, (n, 45)),
        hand_transl=np.zeros((n, 3)),
    )
    meshes = poser.pose(parameters)
    targets, normals = _cheek_points(meshes, flame, rng)
    gaps = np.where(np.arange(n) % 3 == 2, 0.04, -0.002)
    tips = _foremost(meshes.hand, -normals)
    moves = targets + gaps[:, None] * normals - tips
    parameters = _replaced(parameters, hand_transl=moves)
    meshes = poser.pose(parameters)
    heads, hands = meshes.head.astype(np.float64), meshes.hand.astype(np.float64)
    pressed = np.where(gaps < 0.0, _PRESS_M, 0.0)
    away_m = np.linalg.norm(heads - targets[:, None], axis=2)
    depth = pressed[:, None] * np.exp(-0.5 * (away_m / _PRESS_RADIUS_M) ** 2)
    depth[depth < 1e-4] = 0.0
    skins = np.stack([vertex_normals(head, flame.triangles) for head in heads])
    deforms = (depth[..., None] * skins) @ turns  # world -> canonical
    head_contact, hand_contact = [], []
    for frame in range(n):
        deformed = heads[frame] - deforms[frame] @ turns[frame].T
        to_hand = np.asarray(cKDTree(hands[frame]).query(deformed)[0])
        to_head = np.asarray(cKDTree(deformed).query(hands[frame])[0])
        touching = gaps[frame] < 0.0
        head_contact.append(touching & (to_hand < _CONTACT_M))
        hand_contact.append(touching & (to_head < _CONTACT_M))
    return _Scene(
        parameters, meshes, turns, deforms, np.stack(head_contact), np.stack(hand_contact)
    )


def _replaced(parameters: BodyParameters, **changes: Float64Array) -> BodyParameters:
    values = {item.name: getattr(parameters, item.name) for item in fields(BodyParameters)}
    return BodyParameters(**(values | changes))


def _cheek_points(
    meshes: PosedBodies, flame: FlameArrays, rng: np.random.Generator
) -> tuple[Float64Array, Float64Array]:
    """A point of the face and its outward normal for each frame: beside nose or mouth."""
    points, normals = [], []
    for head, landmarks in zip(meshes.head, meshes.landmarks, strict=True):
        aim = landmarks[[2, 30]].mean(axis=0) + rng.normal(0.0, 0.01, 3)
        vertex = int(np.asarray(cKDTree(head).query(aim)[1]))
        points.append(head[vertex])
        normals.append(vertex_normals(head, flame.triangles)[vertex])
    return np.array(points, dtype=np.float64), np.array(normals, dtype=np.float64)


def _foremost(hands: np.ndarray, directions: Float64Array) -> Float64Array:
    """(n, 3) the vertex of each hand that lies farthest along a direction."""
    along = np.einsum("nvx,nx->nv", hands, directions)
    return np.asarray(hands[np.arange(len(hands)), along.argmax(axis=1)], dtype=np.float64)


def _write_labels(layout: DecafLayout, subject: str, scene: _Scene, flame: FlameArrays) -> None:
    n = len(scene.deforms)
    mirror = mirror_permutation(flame.template, flame.triangles)
    transforms = np.tile(np.eye(4), (n, 1, 1))
    transforms[:, :3, :3] = scene.head_turn
    transforms[:, :3, 3] = scene.parameters.head_transl
    contacts = layout.head_contacts(subject).parent
    shapes = layout.assets / "accurate_shapes" / f"{subject}.pkl"
    cuts = layout.root / layout.split.value / "cutIDs" / f"{subject}.pkl"
    for path, array in (
        (layout.head_transforms(subject), transforms),
        (layout.deformations(subject), scene.deforms.astype(np.float32)),
        (layout.head_contacts(subject), scene.head_contact.astype(np.float64)),
        (contacts / "contacts_head_flipped.npy", scene.head_contact[:, mirror].astype(np.float64)),
        (layout.hand_contacts(subject), scene.hand_contact.astype(np.float64)),
        (contacts / "contacts_lh.npy", scene.hand_contact.astype(np.float64)),
    ):
        _save(path, array)
    p = scene.parameters
    by_frame = {
        f"{frame:05d}": {
            "head": {
                "transl": p.head_transl[frame],
                "global_orient": p.head_rotation[frame],
                "shape_params": p.head_betas[frame],
                "pose_params": p.head_pose[frame],
                "expression_params": p.head_expression[frame],
            },
            "right_hand": {
                "betas": p.hand_betas[frame],
                "global_orient": p.hand_rotation[frame],
                "hand_pose": p.hand_pose[frame],
                "transl": p.hand_transl[frame],
            },
        }
        for frame in range(n)
    }
    _pickle(layout.parameters(subject), by_frame)
    _pickle(
        shapes,
        {
            "head": {"shape_params": p.head_betas[:1]},
            "right_hand": {"betas": p.hand_betas[:1]},
        },
    )
    _pickle(cuts, [])


def _film(
    layout: DecafLayout,
    video: Video,
    scene: _Scene,
    triangles: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> None:
    """Pictures, masks, boxes, keypoints and calibration of one camera."""
    K = np.array([[_FOCAL_PX, 0.0, _CENTRE_PX[0]], [0.0, _FOCAL_PX, _CENTRE_PX[1]], [0, 0, 1.0]])
    pose = np.eye(4)
    pose[:3, :3] = matrix_from_axis_angle(rng.normal(0.0, 0.1, 3))
    pose[:3, 3] = (0.010, -0.027, 0.940)
    _add_camera(layout.cameras(video.subject), video.camera, K, pose)
    # An even grey-green wall with a little texture.
    wall = 100.0 + 20.0 * rng.random((HEIGHT // 8, WIDTH // 8, 3)) + (0.0, 10.0, 0.0)
    backdrop = np.asarray(
        cv2.resize(wall, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), dtype=np.float64
    )
    rows: dict[str, list[np.ndarray]] = {"head": [], "hand": [], "face_px": [], "hand_px": []}
    pictures = _writer(layout.video(video))
    masks = _writer(
        layout.root / layout.split.value / "segmentations" / video.subject / f"{video.camera}.mp4"
    )
    drawer = Rasterizer(WIDTH, HEIGHT, cull_back_faces=True)
    for frame, head in enumerate(scene.deformed):
        seen = [
            points @ pose[:3, :3].T + pose[:3, 3]
            for points in (
                *(head, scene.meshes.hand[frame]),
                *(scene.meshes.landmarks[frame], scene.meshes.joints[frame]),
            )
        ]
        picture, mask = _draw(drawer, (seen[0], seen[1]), triangles, K, backdrop)
        pictures.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        masks.write(np.repeat(mask[..., None], 3, axis=2))
        pixels = [(points[:, :2] / points[:, 2:]) @ K[:2, :2].T + K[:2, 2] for points in seen]
        for name, points in zip(("head", "hand"), pixels[:2], strict=True):
            box = np.concatenate([points.min(axis=0), points.max(axis=0)])
            rows[name].append(np.clip(box, 0.0, (WIDTH, HEIGHT, WIDTH, HEIGHT)))
        for name, points in zip(("face_px", "hand_px"), pixels[2:], strict=True):
            rows[name].append(np.column_stack([points, np.ones(len(points))]))
    pictures.release()
    masks.release()
    keys = layout.root / layout.split.value
    for path, name in (
        (layout.head_boxes(video), "head"),
        (layout.hand_boxes(video), "hand"),
        (keys / "head_keys" / video.subject / f"{video.camera}.npy", "face_px"),
        (keys / "right_hand_keys" / video.subject / f"{video.camera}.npy", "hand_px"),
    ):
        _save(path, np.array(rows[name]))


def _draw(
    drawer: Rasterizer,
    meshes: tuple[Float64Array, Float64Array],
    triangles: tuple[np.ndarray, np.ndarray],
    K: Float64Array,
    backdrop: Float64Array,
) -> tuple[UInt8Array, UInt8Array]:
    """(H, W, 3) uint8 RGB picture and (H, W) uint8 mask, 0 or 255."""
    head, hand = meshes
    faces = np.concatenate([triangles[0], triangles[1] + len(head)]).astype(np.int32)
    points = np.concatenate([head, hand])
    fragments = drawer.draw(points, faces, K)
    normals = np.concatenate(
        [vertex_normals(head, triangles[0]), vertex_normals(hand, triangles[1])]
    )
    light = np.clip(-normals @ (0.3, 0.5, 0.8), 0.0, 1.0) * 0.7 + 0.3
    colours = np.concatenate([np.tile(_SKIN, (len(head), 1)), np.tile(_HAND, (len(hand), 1))])
    picture = backdrop.copy()
    picture[fragments.covered] = interpolate(colours * light[:, None], faces, fragments)
    mask = np.where(fragments.covered, 255, 0).astype(np.uint8)
    return np.clip(picture, 0.0, 255.0).astype(np.uint8), mask


def _add_camera(path: Path, name: str, K: Float64Array, pose: Float64Array) -> None:
    known = read_dictionary(path, "calibrations") if path.exists() else {}
    known[name] = {
        "intrinsic": K.tolist(),
        "extrinsic": pose.tolist(),
        "distortion": [0.0, 0.0, 0.0, 0.0, 0.0],
    }
    _pickle(path, known)


def _writer(path: Path) -> cv2.VideoWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), code, _FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise AssetError(f"{path} cannot be written: OpenCV has no MPEG-4 encoder here")
    return writer


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def _pickle(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))
