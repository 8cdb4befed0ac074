"""A network with random weights and stand-in bodies, for benches that need no licensed file."""

from __future__ import annotations

from pathlib import Path

from dice_ros.assets.store import require_assets
from dice_ros.body.dice_bodies import load_bodies, save_bodies
from dice_ros.body.licensed_bodies import read_licensed_bodies
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.engine.choose import DiceModel
from dice_ros.networks.dice import DiceConfig
from dice_ros.networks.dice_weights import convert_dice, load_dice
from dice_ros.networks.stand_in_weights import write_stand_in_checkpoint
from dice_ros.synthesis.calibration_crops import write_calibration_crops
from dice_ros.synthesis.stand_in_bodies import write_stand_ins


def stand_in_model(folder: Path, config: DiceConfig, *, calibrated: bool = False) -> DiceModel:
    """Make the files of a model in ``folder`` and load them; with pictures for int8 on request."""
    assets = require_assets()
    head, hand = OpenHead.load(assets / "head.npz"), OpenHand.load(assets / "hand.npz")
    write_stand_ins(folder, head, hand)
    save_bodies(folder / "bodies.npz", read_licensed_bodies(folder))
    write_stand_in_checkpoint(folder / "model.bin", config)
    convert_dice(folder / "model.bin", folder / "dice.safetensors")
    model = load_model(folder)
    if calibrated:
        write_calibration_crops(model.calibration_path, head, hand)
    return model


def load_model(folder: Path) -> DiceModel:
    """What :func:`stand_in_model` made in ``folder`` before."""
    bodies = load_bodies(folder / "bodies.npz")
    network = load_dice(folder / "dice.safetensors", bodies.template).network
    return DiceModel(network, bodies, True, folder / "dice.safetensors", folder / "bodies.npz")
