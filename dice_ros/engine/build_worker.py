"""The process that builds an engine: ``python -m dice_ros.engine.build_worker ORDER FOLDER``."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import torch

from dice_ros.body.dice_bodies import load_bodies
from dice_ros.engine.build_apart import BuildFailure, BuildOrder
from dice_ros.engine.calibration import load_calibration
from dice_ros.engine.choose import DiceModel, build_rtx_engine, gpu_capability
from dice_ros.engine.openvino_cpu import OpenVinoEngine
from dice_ros.engine.protocol import (
    MAX_BATCH,
    EngineError,
    EngineKind,
    EngineNotKeptError,
    Precision,
)
from dice_ros.engine.tensorrt_rtx import gpu_by_name
from dice_ros.engine.torch_tensorrt_gpu import TorchTensorRtEngine
from dice_ros.errors import DiceRosError
from dice_ros.networks.dice_weights import load_dice

_POLITENESS = 10
"""Images are answered first."""


def main(arguments: list[str]) -> int:
    """Build what was ordered; 1 with a :class:`BuildFailure` on standard output if that fails."""
    os.nice(_POLITENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    order, folder = BuildOrder.from_json(arguments[0]), Path(arguments[1])
    try:
        build(order, folder)
    except (DiceRosError, OSError) as error:
        failure = BuildFailure(str(error), kept=not isinstance(error, EngineNotKeptError))
        sys.stdout.write("\n" + json.dumps(asdict(failure)) + "\n")
        return 1
    return 0


def _end_with_parent() -> None:
    """Nobody waits for the engine any more when the other end of the pipe is closed."""
    # Not through sys.stdin: its lock would be held when the interpreter ends.
    while os.read(0, 1):
        pass
    if os.getpgrp() == os.getpid():  # compilers that were started here go, too
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def build(order: BuildOrder, folder: Path) -> None:
    """Build into a folder.

    Raises:
        EngineError: it cannot be built.
        AssetError: weights or bodies cannot be read.
    """
    bodies = load_bodies(Path(order.bodies_path))
    model = DiceModel(
        network=load_dice(Path(order.weights_path), bodies.template).network,
        bodies=bodies,
        parametric=order.parametric,
        weights_path=Path(order.weights_path),
        bodies_path=Path(order.bodies_path),
        neck_deforms=order.neck_deforms,
    )
    kind, precision = EngineKind(order.kind), Precision(order.precision)
    device = torch.device(order.device)
    if kind is EngineKind.OPENVINO:
        pictures = None
        if precision is Precision.INT8:
            pictures = load_calibration(model.calibration_path).seen
        engine = OpenVinoEngine(
            model.graph(precision), precision, folder=folder, calibration=pictures
        )
        _load_once(engine, ())
    elif kind is EngineKind.TENSORRT_RTX:
        build_rtx_engine(model, folder, gpu_by_name(gpu_capability(device)), precision)
    elif kind is EngineKind.TORCH_TENSORRT:
        _load_once(
            TorchTensorRtEngine(model.graph(precision), precision, device, folder=folder),
            (1, MAX_BATCH),
        )
        _read_once(TorchTensorRtEngine(None, precision, device, folder=folder))
    else:
        raise EngineError(f"engines of the kind {kind.value} are not kept")


def _load_once(engine: OpenVinoEngine | TorchTensorRtEngine, batches: tuple[int, ...]) -> None:
    engine.load()
    engine.warm_up(batches)
    engine.close()


def _read_once(engine: TorchTensorRtEngine) -> None:
    """What was written must be readable, or it is as good as not kept."""
    try:
        _load_once(engine, (1, MAX_BATCH))
    except EngineError as error:
        raise EngineNotKeptError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
