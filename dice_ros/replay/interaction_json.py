"""One JSON object per frame: the results without the meshes. The schema is in docs/cli.md."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from dice_ros.types import Box, Contact, Face, FrameResult, Hand, Interaction


def frame_json(result: FrameResult) -> str:
    """One line of JSON; numbers that are not finite become null."""
    height, width = result.frame.image.shape[:2]
    people = result.interactions
    value = {
        "input": result.frame.source,
        "index": result.frame.index,
        "stamp": result.frame.stamp_ns,
        "width": width,
        "height": height,
        "faces": [_face(item, item.face) for item in people if item.face is not None],
        "hands": [_hand(item, hand) for item in people for hand in item.hands],
        "contacts": [_contact(item, contact) for item in people for contact in item.contacts],
        "sources": [_sources(item) for item in people],
        "ms": {timing.stage: timing.duration_ms for timing in result.timings},
    }
    return json.dumps(_rounded(value), allow_nan=False)


def _face(item: Interaction, face: Face) -> dict[str, Any]:
    return {
        "person": item.person_id,
        "confidence": face.confidence,
        "box": _box(face.box),
        "position_m": face.pose.translation.tolist(),
        "rms_px": face.fit_rms_px,
        "contact_vertices": int((face.contact >= 0.5).sum()),
        "deformation_max_mm": 1e3 * float(np.linalg.norm(face.deformation, axis=1).max(initial=0)),
    }


def _hand(item: Interaction, hand: Hand) -> dict[str, Any]:
    return {
        "person": item.person_id,
        "side": hand.side.value,
        "confidence": hand.confidence,
        "box": _box(hand.box),
        "position_m": hand.transl.tolist(),
        "rms_px": hand.fit_rms_px,
        "touch": hand.touch.value,
        "contact_presence": hand.contact_presence,
        "contact_vertices": int((hand.contact >= 0.5).sum()),
        "depth_ratio": hand.depth_ratio,
        "scale": hand.scale,
    }


def _contact(item: Interaction, contact: Contact) -> dict[str, Any]:
    return {
        "person": item.person_id,
        "side": contact.side.value,
        "part": contact.hand_part,
        "region": contact.face_region,
        "confidence": contact.probability,
        "area_mm2": contact.area_mm2,
        "depth_mm": contact.depth_mm,
        "face_vertices": contact.face_vertex_count,
        "hand_vertices": contact.hand_vertex_count,
    }


def _sources(item: Interaction) -> dict[str, Any]:
    return {
        "person": item.person_id,
        "estimator": item.source,
        "scale": item.scale_source.value,
        "contact": item.contact_source.value,
        "deformation": item.deformation_source.value,
        "intrinsics_assumed": item.camera.assumed,
    }


def _box(box: Box) -> list[float]:
    return [box.x, box.y, box.width, box.height]


def _rounded(value: Any) -> Any:
    """Floats to six significant digits; NaN and infinity to None."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
