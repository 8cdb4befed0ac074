"""Reproducible random weights of InterWild: for parity tests, tryouts and stand-ins.

Drawn like DICE's, by name. Gains and offsets keep boxes inside the canvas, joints spread, hands at
five to six metres of virtual depth and wrists a decimetre apart. This is the recipe that the golden
numbers in ``test/data`` were made with.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dice_ros.checkpoints.synthetic_mark import SYNTHETIC_MARK
from dice_ros.networks.interwild.config import InterWildConfig
from dice_ros.networks.interwild.weights import published_shapes
from dice_ros.networks.seeded_weights import seeded_normal

_GAINS = {
    "body_box_net.deconv.0.weight": 4.0,
    "body_box_net.deconv.3.weight": 4.0,
    "body_box_net.deconv.6.weight": 4.0,
    "hand_position_net.conv.0.weight": 12.0,
    "hand_rotation_net.pose_out.0.weight": 2.0,
    "hand_rotation_net.cam_out.0.weight": 0.2,
    "hand_trans_net.fc.0.weight": 0.03,
}
_OFFSETS: dict[str, tuple[float, ...]] = {
    "body_box_net.rhand_size.2.bias": (11.0, 13.0),
    "body_box_net.lhand_size.2.bias": (13.0, 11.0),
    "hand_rotation_net.pose_out.0.bias": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
}
"""Repeated over the tensor."""
_RELATIVE = "hand_trans_net.fc.0"
_TONED_DOWN = 0.03
_WRIST_TO_WRIST_M = (0.12, 0.01, -0.02)


def seeded_tensor(seed: str, name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
    """One tensor.

    Args:
        seed: any text.
        name: published name; decides the distribution.
        shape: its shape.

    Returns:
        float32, or int64 for the counters of batch norms.
    """
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, dtype=np.int64)
    x = seeded_normal(seed, name, shape)
    if name.endswith(("running_mean", "bias")):
        x = 0.01 * x
    elif name.endswith("running_var"):
        x = 1.0 + 0.02 * np.abs(x)
    elif len(shape) < 2:
        x = 1.0 + 0.02 * x
    else:
        x = x / math.sqrt(math.prod(shape[1:]))
    x = x * _GAINS.get(name, 1.0)
    if name in _OFFSETS:
        x = x + np.resize(_OFFSETS[name], shape)
    return np.asarray(x, dtype=np.float32)


def seeded_weights(
    config: InterWildConfig, seed: str = "stand-in"
) -> dict[str, NDArray[np.generic]]:
    """Every tensor by its published name."""
    return {
        name: seeded_tensor(seed, name, shape) for name, shape in published_shapes(config).items()
    }


def write_stand_in_snapshot(path: Path, config: InterWildConfig) -> None:
    """Write a checkpoint as the published training does, with the mark of stand-ins.

    The left hand always stands a little to the right in the picture of the right one, as of a
    person who looks into the camera.
    """
    tensors = seeded_weights(config)
    tensors[f"{_RELATIVE}.weight"] = np.float32(_TONED_DOWN) * tensors[f"{_RELATIVE}.weight"]
    tensors[f"{_RELATIVE}.bias"] = np.array(_WRIST_TO_WRIST_M, dtype=np.float32)
    network = {
        f"module.{name}": torch.from_numpy(np.array(array)) for name, array in tensors.items()
    }
    network[SYNTHETIC_MARK] = torch.ones((), dtype=torch.uint8)
    torch.save({"epoch": 6, "network": network, "optimizer": {"state": {}}}, path)
