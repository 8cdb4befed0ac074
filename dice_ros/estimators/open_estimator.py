"""Choosing and opening the estimator that the settings name."""

from __future__ import annotations

from pathlib import Path

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.errors import AssetError
from dice_ros.estimators.landmark_fit.landmark_fit import LandmarkFitEstimator
from dice_ros.estimators.protocol import Estimator
from dice_ros.model_folder import model_folder
from dice_ros.optional_packages import importing
from dice_ros.settings import Settings


def open_estimator(settings: Settings, asset_dir: Path) -> Estimator:
    """The estimator with its models loaded.

    Args:
        settings: validated settings.
        asset_dir: folder of the open assets.

    Raises:
        AssetError: a model is missing or damaged, or a package that it needs is not installed.
    """
    head = OpenHead.load(asset_dir / "head.npz")
    hand = OpenHand.load(asset_dir / "hand.npz")
    if settings.estimator == "landmark_fit":
        return LandmarkFitEstimator(head, hand, settings)
    folder = model_folder(settings.model_dir)
    with importing(f"the estimator {settings.estimator!r}"):
        # PyTorch takes seconds to import, and landmark_fit runs without it.
        from dice_ros.estimators.dice.open_dice import open_dice  # noqa: PLC0415
        from dice_ros.estimators.dice_interwild.estimator import (  # noqa: PLC0415
            DiceInterWildEstimator,
        )
        from dice_ros.estimators.interwild.open_interwild import (  # noqa: PLC0415
            open_interwild,
        )
    if settings.estimator == "interwild":
        return open_interwild(settings, folder)
    dice = open_dice(settings, folder, head)
    if settings.estimator == "dice":
        return dice
    try:
        return DiceInterWildEstimator(dice, open_interwild(settings, folder))
    except AssetError:
        dice.close()
        raise
