"""Runs InterWild on a canvas: the one module of this estimator that handles tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from dice_ros.engine.interwild_eager import InterWildRequest
from dice_ros.engine.protocol import Engine, EngineError
from dice_ros.errors import EstimationError
from dice_ros.estimators.interwild.seen_hands import SeenHand, SeenHands
from dice_ros.networks.interwild.box_net import LEFT, RIGHT
from dice_ros.networks.interwild.canvas import Canvas
from dice_ros.networks.interwild.network import GivenBoxes, HandOutput, InterWildOutput
from dice_ros.networks.interwild.spaces import CROP_SIDE, VIRTUAL_FOCAL
from dice_ros.types import Float32Array, Float64Array, HandSide, UInt8Array

_PLACES = {HandSide.RIGHT: RIGHT, HandSide.LEFT: LEFT}


class InterWildRunner:
    """Canvas in, arrays out; use from one thread.

    Args:
        engine: loaded.
    """

    def __init__(self, engine: Engine[InterWildRequest, InterWildOutput]) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine[InterWildRequest, InterWildOutput]:
        """The engine, for diagnostics."""
        return self._engine

    def close(self) -> None:
        """Free the engine; the runner cannot be used afterwards."""
        self._engine.close()

    @torch.inference_mode()
    def run(
        self,
        image: UInt8Array,
        canvas: Canvas,
        boxes: Mapping[HandSide, Float64Array] | None,
    ) -> SeenHands:
        """Read the hands of one person.

        Args:
            image: (H, W, 3) uint8 RGB.
            canvas: where to look.
            boxes: (4,) x1, y1, x2, y2 of the hands that are wanted, image pixels; None looks for
                both.

        Raises:
            EstimationError: a number of the result is NaN or infinite, or the engine failed.
        """
        device = self._engine.device
        pixels = torch.from_numpy(canvas.cut(image)).to(device)
        picture = pixels.permute(2, 0, 1)[None].contiguous() / 255.0
        given = None
        if boxes is not None:
            given = GivenBoxes(
                *(
                    None if side not in boxes else _box_tensor(canvas, boxes[side], device)
                    for side in (HandSide.RIGHT, HandSide.LEFT)
                )
            )
        try:
            output = self._engine.run(InterWildRequest(picture, given))
        except EngineError as error:
            raise EstimationError("engine_failed", str(error)) from error
        seen = _seen(output, canvas, boxes)
        numbers = [seen.relative] if seen.relative is not None else []
        finite = all(np.isfinite(array).all() for array in numbers)
        if not (finite and all(hand.is_finite() for hand in seen.hands.values())):
            raise EstimationError(
                "non_finite_output",
                "the network's output holds NaN or infinity: the weights are damaged; check them "
                "with `dice-ros doctor`",
            )
        return seen


def _seen(
    output: InterWildOutput, canvas: Canvas, boxes: Mapping[HandSide, Float64Array] | None
) -> SeenHands:
    hands = {}
    for side, hand in ((HandSide.RIGHT, output.right), (HandSide.LEFT, output.left)):
        if hand is None:
            continue
        place, confidence = _PLACES[side], None
        if boxes is not None:
            box = boxes[side]
        else:
            assert output.boxes is not None
            tight = _exact(output.boxes.tight()[0, place]).reshape(2, 2)
            box = canvas.points_in_image(tight).ravel()
            confidence = float(output.boxes.confidence[0, place])
        hands[side] = _hand(side, hand, canvas, box=box, confidence=confidence)
    relative = centre = None
    if output.pair is not None:
        relative = _exact(output.pair.relative[0])
        centre = canvas.points_in_image(_exact(output.pair.square.centre))[0]
    return SeenHands(hands, relative, centre)


def _hand(
    side: HandSide,
    hand: HandOutput,
    canvas: Canvas,
    *,
    box: Float64Array,
    confidence: float | None,
) -> SeenHand:
    to_canvas = _exact(hand.frame.to_canvas[0])
    middle = to_canvas[:, :2] @ np.full(2, CROP_SIDE / 2) + to_canvas[:, 2]
    image_pixels_per_crop_pixel = to_canvas[0, 0] / canvas.pixels_per_image_pixel
    depth = float(hand.wrist[0, 2])
    return SeenHand(
        side=side,
        confidence=confidence,
        box=box,
        crop_centre=canvas.points_in_image(middle[None])[0],
        pixels_per_metre=float(VIRTUAL_FOCAL * image_pixels_per_crop_pixel / max(depth, 1e-6)),
        vertices=_array(hand.vertices[0]),
        joints=_array(hand.joints[0]),
        pixels=canvas.points_in_image(_exact(hand.projected_canvas[0])),
        root_pose=_array(hand.root_pose[0]),
        finger_pose=_array(hand.finger_pose[0]),
        shape=_array(hand.shape[0]),
    )


def _box_tensor(canvas: Canvas, box: Float64Array, device: torch.device) -> Tensor:
    corners = canvas.points_on_canvas(box.reshape(2, 2)).reshape(1, 4)
    return torch.from_numpy(corners.astype(np.float32)).to(device)


def _array(tensor: Tensor) -> Float32Array:
    return tensor.float().cpu().numpy()


def _exact(tensor: Tensor) -> Float64Array:
    return tensor.double().cpu().numpy()
