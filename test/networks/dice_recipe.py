"""Inputs that the golden numbers of DICE were made with, drawn again from their seeds."""

import json
from pathlib import Path

import numpy as np
import torch

from dice_ros.body.flame import FlameParameters
from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.body.mano import ManoParameters
from dice_ros.body.mano_arrays import ManoArrays
from dice_ros.networks.dice import DiceConfig, DiceTemplate
from dice_ros.networks.dice_config import empty_network
from dice_ros.networks.dice_names import names_by_published
from dice_ros.networks.seeded_weights import seeded_generator, seeded_normal, seeded_tensor

DATA = Path(__file__).parents[1] / "data" / "dice"
TOLERANCE = 1e-4


def golden(name):
    """Arrays and the description of one file."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    return arrays, json.loads(bytes(arrays.pop("meta")))


def relative_error(found, expected):
    """max |a - b| / max |b|."""
    found = np.asarray(found, dtype=np.float64)
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def template(seed):
    hand, head = (0.01, 0.02, 0.03), (-0.02, 0.03, 0.05)

    def points(tag, count, scale, offset):
        drawn = np.array(offset) + scale * seeded_normal(seed, tag, (1, count, 3))[0]
        return torch.from_numpy(drawn.astype(np.float32))

    return DiceTemplate(
        points("/rh_ref_kps", 21, 0.05, hand),
        points("/head_ref_kps", 68, 0.10, head),
        points("/rh_ref_vs_sub", 195, 0.05, hand),
        points("/head_ref_vs_sub2", 559, 0.10, head),
    )


def image(seed, number, amplitude):
    """(3, 224, 224) float32 network input."""
    generator = seeded_generator(seed, f"/image/{number}")
    coarse = generator.standard_normal((3, 14, 14)).repeat(16, 1).repeat(16, 2)
    fine = generator.standard_normal((3, 224, 224))
    return torch.from_numpy((amplitude * (coarse + 0.25 * fine)).astype(np.float32))


def weight(meta, name, shape):
    """One published tensor with the file's overrides."""
    values = seeded_tensor(meta["seed"], name, tuple(shape))
    if name in meta["overrides"]:
        values = np.full_like(values, meta["overrides"][name])
    return torch.from_numpy(np.asarray(values))


def seeded_network(meta):
    """The published network with the recipe's weights."""
    points = template(meta["seed"])
    network = empty_network(DiceConfig(), points)
    shapes = dict(meta["tensors"])
    state = {
        name: weight(meta, published, shapes[published])
        for published, name in names_by_published(network.state_dict()).items()
    }
    network.load_state_dict(state, strict=True, assign=True)
    network.template = points.centred()
    return network.eval()


def _shares(x):
    return x / x.sum(-1, keepdims=True)


def _uniform(seed, tag, shape):
    return seeded_generator(seed, tag).random(shape)


def flame_arrays(seed):
    def n(tag, shape):
        return seeded_normal(seed, tag, shape)

    regressor = np.zeros((5, 5023))
    shares = _shares(np.abs(n("/flame/J_regressor", (5, 20))))
    for joint in range(5):
        regressor[joint, 1000 * joint : 1000 * joint + 20] = shares[joint]
    shapes = 0.002 * n("/flame/shapedirs", (5023, 3, 400))
    return FlameArrays(
        template=np.float32(0.08 * n("/flame/v_template", (5023, 3))),
        shape_directions=np.float32(np.concatenate([shapes[..., :100], shapes[..., 300:350]], -1)),
        pose_directions=np.float32(0.002 * n("/flame/posedirs", (5023, 3, 36))),
        joint_regressor=np.float32(regressor),
        weights=np.float32(_shares(np.abs(n("/flame/weights", (5023, 5))) ** 4)),
        parents=np.array([-1, 0, 1, 1, 1], dtype=np.int32),
        triangles=np.int32(_uniform(seed, "/flame/f", (9976, 3)) * 5023),
        landmark_triangles=np.int32(_uniform(seed, "/lmk/full_i", (1, 68)) * 9976)[0],
        landmark_weights=np.float32(_shares(np.abs(n("/lmk/full_b", (1, 68, 3)))))[0],
        neck=np.unique(np.int32(_uniform(seed, "/neck_idx", (200,)) * 5023)),
    )


def mano_arrays(seed):
    def n(tag, shape):
        return seeded_normal(seed, tag, shape)

    regressor = np.zeros((16, 778))
    shares = _shares(np.abs(n("/mano/J_regressor", (16, 12))))
    for joint in range(16):
        regressor[joint, 45 * joint : 45 * joint + 12] = shares[joint]
    return ManoArrays(
        template=np.float32(0.05 * n("/mano/v_template", (778, 3))),
        shape_directions=np.float32(0.005 * n("/mano/shapedirs", (778, 3, 10))),
        pose_directions=np.float32(0.002 * n("/mano/posedirs", (778, 3, 135))),
        joint_regressor=np.float32(regressor),
        weights=np.float32(_shares(np.abs(n("/mano/weights", (778, 16))) ** 4)),
        parents=np.array([-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14], dtype=np.int32),
        triangles=np.int32(_uniform(seed, "/mano/f", (1538, 3)) * 778),
    )


def parameters(seed, name, size, scale=1.0, offset=0.0):
    drawn = np.array(offset) + scale * seeded_normal(seed, f"/p/{name}", (2, size))
    return torch.from_numpy(drawn.astype(np.float32))


def mano_parameters(seed):
    return ManoParameters(
        betas=parameters(seed, "rh_betas", 10),
        transl=parameters(seed, "rh_transl", 3, 0.1, (0.1, -0.05, 0.1)),
        global_orient=parameters(seed, "rh_rot", 3, 0.8),
        hand_pose=parameters(seed, "rh_pose", 45, 0.4),
    )


def flame_parameters(seed):
    return FlameParameters(
        betas=parameters(seed, "face_shape", 100),
        expression=parameters(seed, "face_exp", 50),
        pose=parameters(seed, "face_pose", 6, 0.3),
        rotation=parameters(seed, "face_rot", 3, 0.8),
        transl=parameters(seed, "face_transl", 3, 0.1),
    )
