"""Proof that an engine says what the plain network says, on fixed inputs.

An engine is compared with the plain float32 graph on images that are the same everywhere. What
counts is what users read: where vertices are, in space and in the picture, and which touch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dice_ros.engine.in_batches import in_batches
from dice_ros.engine.protocol import DiceEngine, EngineDescription, EngineError, Precision
from dice_ros.networks.dice_graph import DiceReading
from dice_ros.networks.seeded_weights import seeded_generator
from dice_ros.whole_file import write_whole

CONTACT_THRESHOLD = 0.5
_IMAGES = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine may be off by.

    Attributes:
        vertex_p99_mm: 99th percentile of the distance between vertices, millimetres.
        contact_flip_rate: share of vertices that touch in one and not in the other.
        image_p99_px: 99th percentile of the distance between projected vertices, crop pixels.
        probability: difference of the probabilities of contact (99th percentile) and of hand and
            face touching at all. Tells engines apart also where nothing touches.
    """

    vertex_p99_mm: float
    contact_flip_rate: float
    image_p99_px: float
    probability: float


LIMITS = {
    Precision.FLOAT32: Limits(0.02, 0.0005, 0.02, 0.001),
    Precision.FLOAT16: Limits(0.1, 0.001, 0.1, 0.01),
    # Three bits less than float16. Half a millimetre is a tenth of what the network itself errs by.
    Precision.BFLOAT16: Limits(0.5, 0.005, 0.5, 0.05),
    # Asked for where nothing else is fast enough; still far below the network's own error.
    Precision.INT8: Limits(1.0, 0.01, 1.0, 0.1),
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Errors of one engine against plain float32.

    Attributes:
        engine: which engine, as text.
        precision: of its core.
        vertex_p99_mm, vertex_max_mm: distance of head, hand and deformed vertices, landmarks and
            joints, millimetres.
        contact_flip_rate: share of vertices whose contact differs at one half.
        contact_p99: difference of vertices' contact probabilities.
        image_p99_px: distance of projected head vertices, crop pixels: what the camera errs by.
        presence_max: largest difference of the presence probability.
        limit_p99_mm, limit_flip_rate, limit_image_px, limit_probability: what was allowed.
        images: how many were compared.
    """

    engine: str
    precision: str
    vertex_p99_mm: float
    vertex_max_mm: float
    contact_flip_rate: float
    contact_p99: float
    image_p99_px: float
    presence_max: float
    limit_p99_mm: float
    limit_flip_rate: float
    limit_image_px: float
    limit_probability: float
    images: int

    @property
    def passed(self) -> bool:
        """Within limits; not if anything is not a number."""
        return (
            self.vertex_p99_mm <= self.limit_p99_mm
            and self.contact_flip_rate <= self.limit_flip_rate
            and self.image_p99_px <= self.limit_image_px
            and self.contact_p99 <= self.limit_probability
            and self.presence_max <= self.limit_probability
        )

    def __str__(self) -> str:
        return (
            f"vertices p99 {self.vertex_p99_mm:.4f} mm (limit {self.limit_p99_mm:g}), contact "
            f"flips {100 * self.contact_flip_rate:.3f} % (limit {100 * self.limit_flip_rate:g} "
            f"%), in the picture p99 {self.image_p99_px:.3f} px (limit {self.limit_image_px:g}), "
            f"probability of contact p99 {self.contact_p99:.4f}, of any {self.presence_max:.4f} "
            f"(limit {self.limit_probability:g})"
        )

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        write_whole(path, json.dumps(asdict(self), indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> Certificate:
        """Read what :meth:`save` wrote.

        Raises:
            EngineError: missing or damaged.
        """
        try:
            read = Certificate(**json.loads(path.read_text()))
            if not all(isinstance(value, (str, int, float)) for value in asdict(read).values()):
                raise ValueError("a value is missing")
            return read
        except (OSError, ValueError, TypeError) as error:
            raise EngineError(f"the certificate {path} is missing or damaged: {error}") from error


def certificate_images(count: int = _IMAGES) -> Tensor:
    """(count, 3, 224, 224) float32 inputs, the same on every machine: blobs with fine grain."""
    pictures = []
    for number in range(count):
        generator = seeded_generator("certificate", f"/image/{number}")
        coarse = generator.standard_normal((3, 14, 14)).repeat(16, 1).repeat(16, 2)
        fine = generator.standard_normal((3, 224, 224))
        pictures.append((coarse + 0.25 * fine) * (0.5 + 0.25 * number))
    return torch.from_numpy(np.stack(pictures).astype(np.float32))


def reference_readings(engine: DiceEngine, images: Tensor) -> DiceReading:
    """What an engine says about images, one by one, on the CPU."""
    return one_by_one(lambda image: engine.run(image.to(engine.device)), images)


def one_by_one(compute: Callable[[Tensor], DiceReading], images: Tensor) -> DiceReading:
    """The reading of (N, 3, 224, 224) images, computed each alone, on the CPU."""
    return DiceReading(*(tensor.cpu() for tensor in in_batches(compute, images, limit=1)))


def certify(
    description: EngineDescription, found: DiceReading, reference: DiceReading
) -> Certificate:
    """Compare two readings of the same images.

    Args:
        description: of the engine under test.
        found: what it said.
        reference: what plain float32 said.
    """
    limits = LIMITS[description.precision]
    distances = torch.cat(
        [
            _distances_mm(found.head, reference.head),
            _distances_mm(found.hand, reference.hand),
            _distances_mm(found.deformation, reference.deformation),
            _distances_mm(found.landmarks, reference.landmarks),
            _distances_mm(found.joints, reference.joints),
        ]
    )
    flips = torch.cat(
        [
            _flips(found.face_contact, reference.face_contact),
            _flips(found.hand_contact, reference.hand_contact),
        ]
    )
    uncertain = torch.cat(
        [
            (found.face_contact - reference.face_contact).abs().flatten(),
            (found.hand_contact - reference.hand_contact).abs().flatten(),
        ]
    )
    apart_px = torch.linalg.vector_norm(_projected(found) - _projected(reference), dim=-1)
    finite = bool(all(torch.isfinite(tensor).all() for tensor in found))
    return Certificate(
        engine=str(description),
        precision=description.precision.value,
        vertex_p99_mm=_p99(distances) if finite else float("inf"),
        vertex_max_mm=float(distances.max()) if finite else float("inf"),
        contact_flip_rate=float(flips.float().mean()) if finite else 1.0,
        contact_p99=_p99(uncertain) if finite else 1.0,
        image_p99_px=_p99(apart_px.flatten()) if finite else float("inf"),
        presence_max=float((found.presence - reference.presence).abs().max()),
        limit_p99_mm=limits.vertex_p99_mm,
        limit_flip_rate=limits.contact_flip_rate,
        limit_image_px=limits.image_p99_px,
        limit_probability=limits.probability,
        images=len(reference.head),
    )


def _distances_mm(found: Tensor, reference: Tensor) -> Tensor:
    millimetres: Tensor = 1e3 * torch.linalg.vector_norm(found - reference, dim=-1)
    return millimetres.flatten()


def _projected(reading: DiceReading) -> Tensor:
    """(B, 5023, 2) crop pixels."""
    pixels: Tensor = reading.head[..., :2] * reading.scale[:, None, None] + reading.shift[:, None]
    return pixels


def _p99(values: Tensor) -> float:
    # Not torch.quantile, which takes 16 million values at most.
    return float(np.quantile(values.numpy(), 0.99))


def _flips(found: Tensor, reference: Tensor) -> Tensor:
    return ((found > CONTACT_THRESHOLD) != (reference > CONTACT_THRESHOLD)).flatten()
