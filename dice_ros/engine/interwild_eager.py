"""The plain engine of InterWild: PyTorch as it is, batch norms folded into the convolutions."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor

from dice_ros.engine.protocol import EngineDescription, EngineError, EngineKind, Precision
from dice_ros.networks.batch_norm_folding import fold_batch_norms
from dice_ros.networks.interwild.network import GivenBoxes, InterWildNetwork, InterWildOutput
from dice_ros.networks.interwild.spaces import CANVAS_HEIGHT, CANVAS_WIDTH
from dice_ros.networks.memory_layout import use_channels_last


class InterWildRequest(NamedTuple):
    """What the engine is asked.

    Attributes:
        canvas: (N, 3, 512, 384) float32, RGB 0..1, one person each.
        given: where hands are; None looks for both.
    """

    canvas: Tensor
    given: GivenBoxes | None = None


class InterWildEngine:
    """Runs the network itself: ``Engine[InterWildRequest, InterWildOutput]``.

    Args:
        network: with its weights, in evaluation mode; copied, not changed.
        device: where to.
        simplified: fold batch norms, and use the separable first layer of TransNet; False runs the
            network as published, for comparison.
    """

    def __init__(
        self, network: InterWildNetwork, device: torch.device, *, simplified: bool = True
    ) -> None:
        self._network: InterWildNetwork | None = copy.deepcopy(network)
        self._device = device
        self._simplified = simplified
        self._network.translation_net.separable = simplified
        if simplified:
            fold_batch_norms(self._network)

    @property
    def device(self) -> torch.device:
        """Where canvases and boxes are wanted."""
        return self._device

    def load(self) -> None:
        """Move the network to its device.

        Raises:
            EngineError: it does not fit, or the engine was closed.
        """
        network = self._open()
        try:
            network.to(self._device)
        except RuntimeError as error:
            raise EngineError(f"the network does not fit on {self._device}: {error}") from error
        if self._simplified:
            use_channels_last(network)

    def warm_up(self, batches: tuple[int, ...] = (1,)) -> None:
        """Run once with every number of pictures."""
        for count in batches:
            canvas = torch.zeros(count, 3, CANVAS_HEIGHT, CANVAS_WIDTH, device=self._device)
            self.run(InterWildRequest(canvas))

    @torch.inference_mode()
    def run(self, request: InterWildRequest, /) -> InterWildOutput:
        """Compute a batch.

        Raises:
            EngineError: the computation failed (memory, device lost).
        """
        network = self._open()
        canvas = request.canvas
        if self._simplified:
            canvas = canvas.contiguous(memory_format=torch.channels_last)
        try:
            output: InterWildOutput = network(canvas, request.given)
        except RuntimeError as error:
            raise EngineError(f"the network could not be run on {self._device}: {error}") from error
        return output

    def close(self) -> None:
        """Free the network."""
        self._network = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def describe(self) -> EngineDescription:
        """Which engine this is."""
        how = "folded, separable" if self._simplified else "as published"
        return EngineDescription(
            EngineKind.EAGER,
            Precision.FLOAT32,
            str(self._device),
            f"PyTorch {torch.__version__}, {how}, {torch.get_num_threads()} threads",
        )

    def _open(self) -> InterWildNetwork:
        if self._network is None:
            raise EngineError("the engine was closed")
        return self._network
