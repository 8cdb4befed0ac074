"""Where networks run, and what float32 means there."""

from __future__ import annotations

import torch

from dice_ros.errors import AssetError
from dice_ros.settings import Settings


def set_numerics(settings: Settings, device: torch.device) -> None:
    """Threads on a CPU; true float32 on a GPU."""
    if device.type == "cuda":
        # TF32 keeps ten bits of a mantissa: float32 must mean float32, it is the reference.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    else:
        torch.set_num_threads(settings.network_threads)


def choose_device(name: str) -> torch.device:
    """The device behind the setting ``device``.

    Raises:
        AssetError: a GPU is asked for and there is none that PyTorch can use.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise AssetError(
            "setting 'device' is 'cuda', but PyTorch "
            f"{torch.__version__} sees no GPU: install its CUDA build and the driver, or use "
            "device 'auto' or 'cpu'"
        )
    return torch.device(name)
