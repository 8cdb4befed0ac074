"""The published names of DICE's tensors and ours, one to one.

The published checkpoint names tensors after the classes of its time (``trans_encoder.layer1.bert.
encoder.layer.0.attention.self.query``); ours are named after what they do. Converted files keep
the published names, so that they can be compared with the original; this is the one place that
knows both.
"""

from __future__ import annotations

from collections.abc import Iterable

_BLOCK = {
    "embedding": "bert.img_embedding",
    "positions": "bert.position_embeddings",
    "head": "cls_head",
    "shortcut": "residual",
}
_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "expand": "intermediate.dense",
    "contract": "output.dense",
    "output_norm": "output.LayerNorm",
}
_NETS = {"mesh_net": "trans_encoder", "interaction_net": "deform_encoder"}
_IK = {"hand_ik": "hand_param_regressor", "face_ik": "face_param_regressor"}
_IK_UNIT = {"first": 0, "first_norm": 1, "second": 3, "second_norm": 4}
_PLAIN = {
    "token_mixer": "conv_learn_tokens",
    "interaction_entry": "feat_downsampler",
    "hand_upsampling": "hand_upsampling",
    "head_upsampling.middle": "head_upsampling1",
    "head_upsampling.full": "head_upsampling2",
    "deformation_upsampling.middle": "head_deform_upsampling1",
    "deformation_upsampling.full": "head_deform_upsampling2",
    "hand_contact_upsampling": "hand_contact_upsampling",
    "head_contact_upsampling.middle": "head_contact_upsampling1",
    "head_contact_upsampling.full": "head_contact_upsampling2",
    "camera_head.point": "cam_param_fc",
    "camera_head.mix": "cam_param_fc2",
    "camera_head.out": "cam_param_fc3",
    "presence_head.position.0": "contact_feat_extractor.0",
    "presence_head.position.2": "contact_feat_extractor.2",
    "presence_head.position.4": "contact_feat_extractor.4",
    "presence_head.pool": "contact_classifier.0",
}


def published_name(name: str) -> str:
    """The published name of one of our tensors.

    Raises:
        KeyError: it is none of DICE's.
    """
    module, _, leaf = name.rpartition(".")
    if module.startswith("backbone."):
        return name
    return f"{_published_module(module)}.{leaf}"


def names_by_published(names: Iterable[str]) -> dict[str, str]:
    """Our names keyed by the published ones, e.g. of all entries of a ``state_dict``."""
    return {published_name(name): name for name in names}


def _published_module(module: str) -> str:
    if module in _PLAIN:
        return _PLAIN[module]
    first, _, rest = module.partition(".")
    if first in _NETS:
        number, _, part = rest.partition(".")
        return f"{_NETS[first]}.layer{int(number) + 1}.{_in_block(part)}"
    if first in _IK:
        return f"{_IK[first]}.regressor.{_in_ik_net(rest)}"
    raise KeyError(module)


def _in_block(part: str) -> str:
    if part in _BLOCK:
        return _BLOCK[part]
    _, number, name = part.split(".")
    return f"bert.encoder.layer.{number}.{_LAYER[name]}"


def _in_ik_net(part: str) -> str:
    if part in ("entry", "entry_norm"):
        return f"0.fc_block.{int(part == 'entry_norm')}"
    if part == "out":
        return "3"
    _, number, name = part.split(".")
    return f"{int(number) + 1}.fc_block.{_IK_UNIT[name]}"
