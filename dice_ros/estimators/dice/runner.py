"""Runs DICE on crops: the one module of this estimator that knows PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dice_ros.body.dice_bodies import DiceBodies
from dice_ros.errors import EstimationError
from dice_ros.estimators.dice.crop_meshes import CropMeshes
from dice_ros.networks.dice import DiceNetwork, DiceOutput
from dice_ros.networks.dice_postprocess import DiceMeshes, DicePostprocess
from dice_ros.networks.dice_preprocess import normalise_bgr, resize_square
from dice_ros.types import Float32Array


class DiceRunner:
    """Network and bodies on one device; use from one thread.

    Args:
        network: with its weights, in evaluation mode.
        bodies: body models.
        device: e.g. ``cpu`` or ``cuda:0``.
        parametric: FLAME and MANO meshes; False for the network's free vertices.
        neck_deforms: leave the deformation of the neck as the network gives it.
    """

    def __init__(
        self,
        network: DiceNetwork,
        bodies: DiceBodies,
        device: torch.device,
        *,
        parametric: bool,
        neck_deforms: bool = False,
    ) -> None:
        self._device = device
        self._network = network.to(device).eval()
        self._postprocess = DicePostprocess(
            bodies.flame, bodies.mano, parametric=parametric, neck_deforms=neck_deforms
        ).to(device)

    def close(self) -> None:
        """Free the network's memory; the runner cannot be used afterwards."""
        del self._network, self._postprocess
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def run(self, cuts: Sequence[NDArray[np.uint8]]) -> list[CropMeshes]:
        """Meshes of some crops, computed as one batch.

        Args:
            cuts: (N, N, 3) uint8 RGB each; left hands mirrored.

        Raises:
            EstimationError: a number of the result is NaN or infinite.
        """
        if not cuts:
            return []
        resized = torch.stack([resize_square(cut, self._device) for cut in cuts])
        output = self._network(normalise_bgr(resized))
        found = _split(output, self._postprocess(output))
        for meshes in found:
            if not meshes.is_finite():
                raise EstimationError(
                    "non_finite_output",
                    "the network's output holds NaN or infinity: the weights are damaged, or the "
                    "precision is too low for them; check them with `dice-ros doctor`",
                )
        return found


def _split(output: DiceOutput, meshes: DiceMeshes) -> list[CropMeshes]:
    """One result a crop, on the CPU."""
    scale, origin = _array(meshes.camera.scale), _array(meshes.camera.shift)
    presence = _array(output.presence)
    head, deformation = _array(meshes.head), _array(meshes.deformation)
    landmarks, hand, joints = _array(meshes.landmarks), _array(meshes.hand), _array(meshes.joints)
    face_contact, hand_contact = _array(output.head.contact), _array(output.hand.contact)
    face, mano = output.head.parameters, output.hand.parameters
    betas, expression = _array(face.betas), _array(face.expression)
    orient, pose, shape = _array(mano.global_orient), _array(mano.hand_pose), _array(mano.betas)
    return [
        CropMeshes(
            pixels_per_metre=float(scale[i]),
            origin=origin[i],
            presence=float(presence[i, 0]),
            head=head[i],
            deformation=deformation[i],
            face_contact=face_contact[i, :, 0],
            landmarks=landmarks[i],
            hand=hand[i],
            joints=joints[i],
            hand_contact=hand_contact[i, :, 0],
            face_betas=betas[i],
            face_expression=expression[i],
            global_orient=orient[i],
            hand_pose=pose[i],
            hand_betas=shape[i],
        )
        for i in range(len(scale))
    ]


def _array(tensor: Tensor) -> Float32Array:
    return tensor.float().cpu().numpy()
