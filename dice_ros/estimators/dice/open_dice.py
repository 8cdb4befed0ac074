"""Opening the estimator ``dice``: bodies, weights, device."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from dice_ros.body.dice_bodies import FILE_NAME as BODIES_NAME
from dice_ros.body.dice_bodies import load_bodies
from dice_ros.body.open_head import OpenHead
from dice_ros.engine.choose import DiceModel, open_engine
from dice_ros.engine.engine_cache import EngineCache, engine_folder
from dice_ros.errors import AssetError
from dice_ros.estimators.dice.estimator import DiceEstimator
from dice_ros.estimators.dice.runner import DiceRunner
from dice_ros.estimators.dice.topologies import dice_topologies
from dice_ros.networks.dice_weights import FILE_NAME as WEIGHTS_NAME
from dice_ros.networks.dice_weights import load_dice
from dice_ros.settings import Settings

_HELP = 'see the README\'s section "Use DICE", or run `dice-ros doctor`'


def open_dice(settings: Settings, folder: Path, open_head: OpenHead) -> DiceEstimator:
    """Load everything and move it to its device.

    Args:
        settings: validated settings.
        folder: of the converted files.
        open_head: its named regions are carried over.

    Raises:
        AssetError: a file is missing or damaged, or there is no such device.
    """
    missing = [name for name in (WEIGHTS_NAME, BODIES_NAME) if not (folder / name).is_file()]
    if missing:
        raise AssetError(f"{' and '.join(missing)} not found in {folder}: {_HELP}")
    bodies = load_bodies(folder / BODIES_NAME)
    weights = load_dice(folder / WEIGHTS_NAME, bodies.template)
    synthetic = bodies.synthetic or weights.synthetic
    if synthetic:
        logging.getLogger(__name__).warning(
            "%s holds stand-ins, not the published models: results mean nothing and are marked "
            "'synthetic'",
            folder,
        )
    device = choose_device(settings.device)
    set_numerics(settings, device)
    model = DiceModel(
        network=weights.network,
        bodies=bodies,
        parametric=settings.dice_meshes == "parametric",
        weights_path=folder / WEIGHTS_NAME,
        bodies_path=folder / BODIES_NAME,
    )
    engine = open_engine(
        model,
        device,
        EngineCache(engine_folder()),
        engine=settings.engine,
        precision=settings.precision,
        background=settings.engine_in_background,
    )
    runner = DiceRunner(engine)
    topologies = dice_topologies(bodies, open_head)
    return DiceEstimator(runner, bodies, topologies, settings, synthetic=synthetic)


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
