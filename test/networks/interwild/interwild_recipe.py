"""Inputs that the golden numbers of InterWild were made with, drawn again from their seed."""

import json
from pathlib import Path

import numpy as np
import torch

from dice_ros.body.mano_arrays import ManoArrays
from dice_ros.body.mano_pair import ManoPair, ManoWithMean
from dice_ros.networks.interwild.seeded_weights import seeded_tensor
from dice_ros.networks.seeded_weights import seeded_normal

DATA = Path(__file__).parents[2] / "data" / "interwild" / "interwild-public-1.npz"
TOLERANCE = 1e-4
SEED = "public-1"
REST_M = np.array(
    [
        *((0.000, 0.000, 0.000), (-0.088, 0.005, 0.020), (-0.120, 0.006, 0.022)),
        *((-0.142, 0.005, 0.023), (-0.094, 0.001, -0.003), (-0.125, 0.002, -0.004)),
        *((-0.148, 0.001, -0.004), (-0.069, -0.010, -0.044), (-0.088, -0.010, -0.053)),
        *((-0.106, -0.010, -0.060), (-0.082, -0.004, -0.026), (-0.110, -0.004, -0.029)),
        *((-0.133, -0.005, -0.031), (-0.024, -0.015, 0.026), (-0.046, -0.016, 0.051)),
        (-0.066, -0.015, 0.070),
    ]
)
PARENTS = np.array([-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14], dtype=np.int32)
TIPS = {745: 15, 317: 3, 445: 6, 556: 12, 673: 9}
"""Vertices at the tips and the last joint of the same finger."""
MIRROR = np.array([-1.0, 1.0, 1.0])


def golden():
    """Arrays, and the shape of every published tensor by name."""
    with np.load(DATA, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    state = {name: tuple(shape) for name, shape in json.loads(str(arrays["meta/state"]))}
    return arrays, state


def relative_error(found, expected):
    """max |a - b| / max |b|."""
    found = np.asarray(found, dtype=np.float64)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def load_seeded(network, state, names):
    """Fill a network with the recipe's weights."""
    network.load_state_dict(
        {
            names[name]: torch.from_numpy(np.asarray(seeded_tensor(SEED, name, shape)))
            for name, shape in state.items()
        },
        strict=True,
    )
    return network.eval()


def normal(name, *shape):
    return seeded_normal(SEED, name, shape)


def mano_pair():
    """Both hands as a user's files hold them: the left one's shape directions not mirrored."""

    def n(name, *shape):
        return normal(f"mano.{name}", *shape)

    owner = np.arange(778) % 16
    template = REST_M[owner] + 0.008 * n("v_template", 778, 3)
    regressor = np.abs(n("J_regressor", 16, 778)) * (owner == np.arange(16)[:, None])
    weights = 0.1 * np.abs(n("weights", 778, 16))
    weights[np.arange(778), owner] += 2.0
    for tip, last in TIPS.items():
        template[tip] = REST_M[last] + 0.8 * (REST_M[last] - REST_M[PARENTS[last]])
        weights[tip] = np.eye(16)[last]
    first = np.arange(1538) % 776
    right = ManoArrays(
        template=np.float32(template),
        shape_directions=np.float32(0.002 * n("shapedirs", 778, 3, 10)),
        pose_directions=np.float32(0.0005 * n("posedirs", 778, 3, 135)),
        joint_regressor=np.float32(regressor / regressor.sum(1, keepdims=True)),
        weights=np.float32(weights / weights.sum(1, keepdims=True)),
        parents=PARENTS,
        triangles=np.stack([first, first + 1, first + 2], axis=1).astype(np.int32),
    )
    mean = 0.15 * n("hands_mean", 45)
    entries = np.tile(np.outer(MIRROR, MIRROR).ravel(), 15)
    left = ManoArrays(
        template=np.float32(template * MIRROR),
        shape_directions=right.shape_directions,
        pose_directions=np.float32(0.0005 * n("posedirs", 778, 3, 135) * MIRROR[:, None] * entries),
        joint_regressor=right.joint_regressor,
        weights=right.weights,
        parents=PARENTS,
        triangles=np.ascontiguousarray(right.triangles[:, ::-1]),
    )
    return ManoPair(
        ManoWithMean(right, np.float32(mean)),
        ManoWithMean(left, np.float32(mean * np.tile([1.0, -1.0, -1.0], 15))),
        synthetic=True,
    )
