"""Opening the estimator ``dice``: bodies, weights, device."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from dice_ros.body.dice_bodies import FILE_NAME as BODIES_NAME
from dice_ros.body.dice_bodies import DiceBodies, load_bodies
from dice_ros.body.open_head import OpenHead
from dice_ros.engine.choose import DiceModel, open_engine
from dice_ros.engine.device import choose_device, set_numerics
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
    opened = open_runner(settings, folder)
    topologies = dice_topologies(opened.bodies, open_head)
    return DiceEstimator(
        opened.runner, opened.bodies, topologies, settings, synthetic=opened.synthetic
    )


@dataclass(frozen=True, slots=True, eq=False)
class OpenedDice:
    """Network and bodies, ready to run.

    Attributes:
        runner: on its device.
        bodies: body models.
        synthetic: weights or bodies are stand-ins.
    """

    runner: DiceRunner
    bodies: DiceBodies
    synthetic: bool


def open_runner(settings: Settings, folder: Path, *, neck_deforms: bool = False) -> OpenedDice:
    """The network alone, for crops that are at hand.

    Args:
        settings: validated settings.
        folder: of the converted files.
        neck_deforms: leave the deformation of the neck as the network gives it.

    Raises:
        AssetError: as :func:`open_dice`.
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
        neck_deforms=neck_deforms,
    )
    engine = open_engine(
        model,
        device,
        EngineCache(engine_folder()),
        engine=settings.engine,
        precision=settings.precision,
        background=settings.engine_in_background,
    )
    return OpenedDice(DiceRunner(engine), bodies, synthetic)
