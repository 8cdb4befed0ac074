"""Random DICE weights that look alive: for tests, tryouts and engines without the published file.

The last layers are toned down and biased, so that a head lies in the middle of the crop at the
size it has in training, with a hand beside it. The result means nothing and is marked synthetic.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dice_ros.checkpoints.synthetic_mark import SYNTHETIC_MARK
from dice_ros.networks.dice import DiceConfig
from dice_ros.networks.dice_config import published_shapes
from dice_ros.networks.seeded_weights import seeded_tensor

_TONED_DOWN = {
    "cam_param_fc3.weight": 0.02,
    "hand_param_regressor.regressor.3.weight": 0.02,
    "face_param_regressor.regressor.3.weight": 0.02,
    "head_deform_upsampling2.weight": 0.002,
    "head_deform_upsampling2.bias": 0.0,
    "contact_classifier.0.weight": 0.1,
}
_CAMERA = (35.0, 112.0, 100.0)
"""350 crop pixels a metre: a head of 24 cm takes a third of the crop."""
_HAND_PLACE = (0.03, 0.03, -0.09)
_UPSIDE_DOWN = (math.pi, 0.0, 0.0)
"""From the models' axes (y up) to the crop's (y down)."""
_PRESENCE = 0.8
_CONTACT = -1.5


def stand_in_weights(config: DiceConfig, seed: str = "stand-in") -> dict[str, NDArray[np.generic]]:
    """Every live tensor by its published name."""
    tensors = {
        name: seeded_tensor(seed, name, shape) for name, shape in published_shapes(config).items()
    }
    for name, factor in _TONED_DOWN.items():
        tensors[name] = (tensors[name] * np.float32(factor)).astype(np.float32)
    _set(tensors, "cam_param_fc3.bias", 0, _CAMERA)
    _set(tensors, "hand_param_regressor.regressor.3.bias", 10, (*_HAND_PLACE, *_UPSIDE_DOWN))
    _set(tensors, "face_param_regressor.regressor.3.bias", 156, _UPSIDE_DOWN)
    _set(tensors, "contact_classifier.0.bias", 0, (_PRESENCE,))
    for name in ("hand_contact_upsampling.bias", "head_contact_upsampling2.bias"):
        tensors[name] = np.full_like(tensors[name], _CONTACT)
    return tensors


def write_stand_in_checkpoint(path: Path, config: DiceConfig) -> None:
    """Write a ``state_dict`` as ``torch.save`` does, with the mark of stand-ins."""
    state = {
        name: torch.from_numpy(np.array(array)) for name, array in stand_in_weights(config).items()
    }
    state[SYNTHETIC_MARK] = torch.ones((), dtype=torch.uint8)
    torch.save(state, path)


def _set(
    tensors: dict[str, NDArray[np.generic]], name: str, first: int, values: tuple[float, ...]
) -> None:
    changed = tensors[name].astype(np.float32)
    changed[first : first + len(values)] = values
    tensors[name] = changed
