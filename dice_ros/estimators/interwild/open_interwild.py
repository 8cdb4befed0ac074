"""Opening the estimator ``interwild``: hands, weights, device."""

from __future__ import annotations

import logging
from pathlib import Path

from dice_ros.body.mano_pair import FILE_NAME as HANDS_NAME
from dice_ros.body.mano_pair import load_hands
from dice_ros.engine.device import choose_device, set_numerics
from dice_ros.engine.interwild_eager import InterWildEngine
from dice_ros.errors import AssetError
from dice_ros.estimators.interwild.estimator import InterWildEstimator
from dice_ros.estimators.interwild.runner import InterWildRunner
from dice_ros.networks.interwild.weights import FILE_NAME as WEIGHTS_NAME
from dice_ros.networks.interwild.weights import load_interwild
from dice_ros.settings import Settings

_HELP = "see docs/interwild.md, or run `dice-ros doctor --estimator interwild`"


def open_interwild(settings: Settings, folder: Path) -> InterWildEstimator:
    """Load everything and move it to its device.

    Args:
        settings: validated settings.
        folder: of the converted files.

    Raises:
        AssetError: a file is missing or damaged, or there is no such device.
    """
    missing = [name for name in (WEIGHTS_NAME, HANDS_NAME) if not (folder / name).is_file()]
    if missing:
        raise AssetError(f"{' and '.join(missing)} not found in {folder}: {_HELP}")
    hands = load_hands(folder / HANDS_NAME)
    weights = load_interwild(folder / WEIGHTS_NAME, hands)
    synthetic = hands.synthetic or weights.synthetic
    if synthetic:
        logging.getLogger(__name__).warning(
            "%s holds stand-ins, not the published models: results mean nothing and are marked "
            "'synthetic'",
            folder,
        )
    device = choose_device(settings.device)
    set_numerics(settings, device)
    engine = InterWildEngine(weights.network, device)
    engine.load()
    engine.warm_up()
    return InterWildEstimator(InterWildRunner(engine), hands, settings, synthetic=synthetic)
