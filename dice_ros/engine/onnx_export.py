"""The graph as an ONNX file, for engines that are built from one."""

from __future__ import annotations

from pathlib import Path

import torch

from dice_ros.engine.protocol import EngineError
from dice_ros.engine.quiet_export import quiet_export
from dice_ros.networks.dice_graph import DiceGraph, DiceReading

INPUT_NAME = "image"
OUTPUT_NAMES = tuple(f"out_{name}" for name in DiceReading._fields)


def export_onnx(graph: DiceGraph, path: Path, max_batch: int = 2) -> None:
    """Write the graph with its weights beside it (``<path>.data``).

    Types are those of the graph: a core in half precision becomes half precision in the file, so
    that a strongly typed builder follows it to the letter.

    Args:
        graph: on the CPU.
        path: the ``.onnx`` file; its folder is made.
        max_batch: batch sizes 1 to this stay free.

    Raises:
        EngineError: the packages that write ONNX are not installed.
    """
    batch = torch.export.Dim("batch", min=1, max=max(max_batch, 2))
    example = torch.zeros(2, 3, 224, 224)
    try:
        with quiet_export():
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                optimize=True,
                verbose=False,
                input_names=[INPUT_NAME],
                output_names=list(OUTPUT_NAMES),
                dynamic_shapes=({0: batch},),
            )
    except ModuleNotFoundError as error:
        raise EngineError(
            f"writing ONNX needs the package {error.name!r}: run "
            "`pip install onnx onnxscript tensorrt-rtx`"
        ) from error
    assert program is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(str(path), external_data=True)
