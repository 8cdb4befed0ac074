"""Running a tflite network with LiteRT: the only module that imports it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dice_ros.errors import AssetError
from dice_ros.types import Float32Array

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:  # pragma: no cover - depends on the installation
    Interpreter = None


class LiteRtNetwork:
    """A network with one float32 input.

    Args:
        path: the ``.tflite`` file.
        threads: threads it may use.

    Raises:
        AssetError: LiteRT is not installed, or the file is missing or damaged.
    """

    def __init__(self, path: Path, threads: int) -> None:
        if Interpreter is None:
            raise AssetError("LiteRT is not installed: run `pip install ai-edge-litert==2.3.0`")
        if not path.is_file():
            raise AssetError(f"the network {path} is missing: run `dice-ros assets`")
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise AssetError(
                f"the network {path} is damaged ({error}): run `dice-ros assets`"
            ) from error
        inputs = self._interpreter.get_input_details()[0]
        self._input = int(inputs["index"])
        self.input_shape = tuple(int(size) for size in inputs["shape"])
        self._outputs = {
            str(output["name"]): int(output["index"])
            for output in self._interpreter.get_output_details()
        }

    def run(self, values: Float32Array) -> dict[str, Float32Array]:
        """Run once.

        Args:
            values: float32 of ``input_shape``.

        Returns:
            A copy of every output by its name.
        """
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return {
            name: np.asarray(self._interpreter.get_tensor(index), dtype=np.float32)
            for name, index in self._outputs.items()
        }

    def close(self) -> None:
        """Free the network; it cannot be run afterwards."""
        self._interpreter = None


def sigmoid(logits: Float32Array) -> Float32Array:
    """Logistic function without overflow."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0))), dtype=np.float32)
