#!/usr/bin/env python3
"""Draw the charts of face regions and hand parts in ``docs/images`` from the open models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dice_ros.assets.store import ensure_assets
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.render.mesh_portrait import VIEWS
from dice_ros.render.region_chart import ChartMesh, draw_region_chart
from dice_ros.render.region_palette import HAND_FAMILIES, region_colours

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "images"
INDEX, MIDDLE, PINKY = 5, 9, 17
"""Joints: the knuckles of three fingers; 0 is the wrist."""


def head_chart(head: OpenHead) -> np.ndarray:
    """The head from its right, its front and its left."""
    drawn = head.exterior | (head.materials > 2)
    triangles = head.triangles[drawn[head.triangles].all(axis=1)]
    names = head.region_names
    mesh = ChartMesh(head.template, triangles, head.region_labels, names, region_colours(names))
    return draw_region_chart(mesh, VIEWS, (560, 500), 0.33)


def hand_chart(hand: OpenHand) -> np.ndarray:
    """The right hand's palm and back, fingers up."""
    joints = hand.joints.astype(np.float64)
    up = joints[MIDDLE] - joints[0]
    up /= np.linalg.norm(up)
    palm = np.cross(joints[INDEX] - joints[0], joints[PINKY] - joints[0])
    palm -= (palm @ up) * up
    palm /= np.linalg.norm(palm)
    views = {
        "right hand, palm": np.stack([np.cross(up, palm), -up, -palm]),
        "right hand, back": np.stack([-np.cross(up, palm), -up, palm]),
    }
    names = hand.region_names
    colours = region_colours(names, HAND_FAMILIES)
    mesh = ChartMesh(hand.template, hand.triangles, hand.region_labels, names, colours)
    return draw_region_chart(mesh, views, (520, 520), 0.25)


def main() -> int:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURES)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    assets = ensure_assets()
    head, hand = OpenHead.load(assets / "head.npz"), OpenHand.load(assets / "hand.npz")
    for name, picture in (("face_regions", head_chart(head)), ("hand_parts", hand_chart(hand))):
        path = folder / f"{name}.png"
        best = [cv2.IMWRITE_PNG_COMPRESSION, 9]
        cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), best)
        sys.stdout.write(f"{path}: {path.stat().st_size // 1000} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
