"""The published names of InterWild's tensors and ours, one to one.

Converted files keep the published names, so that they can be compared with the original; this is
the one place that knows both.
"""

from __future__ import annotations

from collections.abc import Iterable

_PREFIXES = {
    "body_backbone.": "body_backbone.",
    "box_net.upsampling.": "body_box_net.deconv.",
    "box_net.centre.": "body_box_net.bbox_center.0.",
    "box_net.right_size.": "body_box_net.rhand_size.",
    "box_net.left_size.": "body_box_net.lhand_size.",
    "hand_net.backbone.": "hand_roi_net.backbone.",
    "hand_net.position.conv.": "hand_position_net.conv.0.",
    "hand_net.rotation.features.": "hand_rotation_net.conv.",
    "hand_net.rotation.root.": "hand_rotation_net.root_pose_out.0.",
    "hand_net.rotation.fingers.": "hand_rotation_net.pose_out.0.",
    "hand_net.rotation.shape.": "hand_rotation_net.shape_out.0.",
    "hand_net.rotation.camera.": "hand_rotation_net.cam_out.0.",
    "translation_net.entry.": "hand_trans_net.conv.",
    "translation_net.backbone.": "hand_trans_net.backbone.",
    "translation_net.out.": "hand_trans_net.fc.0.",
}
"""Ours to theirs; no prefix begins another."""


def published_name(name: str) -> str:
    """The published name of one of our tensors.

    Raises:
        KeyError: it is none of InterWild's.
    """
    for ours, theirs in _PREFIXES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise KeyError(name)


def names_by_published(names: Iterable[str]) -> dict[str, str]:
    """Our names keyed by the published ones, e.g. of all entries of a ``state_dict``."""
    return {published_name(name): name for name in names}
