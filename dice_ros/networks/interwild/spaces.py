"""Sizes of InterWild's pictures and maps, and the plain factors between them.

Every space is a plain multiple of the others, without half-pixel terms: cell i of a heatmap stands
for pixel i x 32 of a crop. ``canvas``: the portrait picture of one person. ``body``: the canvas
halved. ``crop``: one hand, cut from the canvas; a left hand's is mirrored for the network, and its
matrices are those of the cut before mirroring. ``cell``: of a hand's 8 x 8 x 8 heatmap.
"""

from __future__ import annotations

CANVAS_HEIGHT, CANVAS_WIDTH = 512, 384
CANVAS_OVER_BODY = 2.0
BOX_MAP_HEIGHT, BOX_MAP_WIDTH = 64, 48
BODY_OVER_BOX_CELL = 4.0
CANVAS_OVER_BOX_CELL = CANVAS_OVER_BODY * BODY_OVER_BOX_CELL
CROP_SIDE = 256
HAND_CELLS = 8
CROP_OVER_CELL = float(CROP_SIDE // HAND_CELLS)
HAND_JOINTS, HAND_VERTICES = 21, 778
DEPTH_RANGE_M = 0.3
"""Depth that the eight cells of a hand's heatmap span, the wrist being in the middle."""
VIRTUAL_FOCAL, VIRTUAL_CENTRE = 5000.0, CROP_SIDE / 2
"""Camera that the network imagines in front of every crop, crop pixels."""
