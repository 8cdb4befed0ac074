"""Writing the stand-ins as the files a user of the licensed models would bring.

File names, array names, shapes and types are the official ones, so that everything that reads
licensed files can be tried without them. Every dictionary carries the extra entry
``dice_ros_synthetic``, and ``SYNTHETIC.txt`` beside the files says what they are.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.checkpoints.synthetic_mark import NOTE_NAME, SYNTHETIC_MARK
from dice_ros.errors import OutputError
from dice_ros.synthesis.stand_in_bodies.flame import FlameArrays, make_stand_in_flame
from dice_ros.synthesis.stand_in_bodies.mano import ManoArrays, make_stand_in_mano, mirror_hand
from dice_ros.synthesis.stand_in_bodies.mesh_levels import mesh_levels
from dice_ros.synthesis.stand_in_bodies.model_pickle import (
    ChumpyArray,
    ChumpySelection,
    write_model_pickle,
)
from dice_ros.synthesis.stand_in_bodies.torch_files import (
    write_array,
    write_landmark_embedding,
    write_mesh_transforms,
)

HEAD_LEVELS, HAND_LEVELS = (1675, 559), (195,)

_NOTE = """\
These files are synthetic stand-ins made by dice_ros.

They have the format of the FLAME, MANO and DICE files of the same names and none of their content:
head and hand are CC0, made from the MakeHuman base mesh. Use them to try and test software. They
give no meaningful result with published network weights.
"""
FILE_NAMES = (
    *(NOTE_NAME, "generic_model.pkl", "landmark_embedding.npy", "MANO_RIGHT.pkl"),
    *("MANO_LEFT.pkl", "head_mesh_transforms.pt", "hand_mesh_transforms.pt"),
    *("head_ref_vs.pt", "rh_ref_vs.pt", "neck_idx.npy", "stiffness_final.npy"),
)
_APART = ("landmarks", "neck_vertices", "stiffness")


def write_stand_ins(
    folder: Path, open_head: OpenHead, open_hand: OpenHand, *, chumpy: bool = False
) -> tuple[Path, ...]:
    """Write all stand-ins; the same bytes every time.

    Args:
        folder: made if it does not exist; must hold none of the files.
        open_head, open_hand: what to make them from.
        chumpy: wrap the arrays of the models that the official files hold as chumpy objects; such
            files need chumpy, or a reader that knows its classes.

    Returns:
        The files written.

    Raises:
        AssetError: PyTorch is not installed.
        OutputError: one of the files exists already: it may be the licensed one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    existing = [name for name in FILE_NAMES if (folder / name).exists()]
    if existing:
        raise OutputError(
            f"{folder} holds {', '.join(existing)} already: name an empty folder, so that no "
            "licensed file is overwritten"
        )
    head, hand = make_stand_in_flame(open_head), make_stand_in_mano(open_hand)
    mark = {SYNTHETIC_MARK: True}
    written = [folder / name for name in FILE_NAMES]
    (note, flame, embedding, right, left, head_maps, hand_maps, *rest) = written
    head_rest, hand_rest, neck, stiffness = rest
    note.write_text(_NOTE)
    write_model(flame, head, chumpy=chumpy)
    write_landmark_embedding(embedding, head.landmarks, mark)
    write_model(right, hand, chumpy=chumpy)
    write_model(left, mirror_hand(hand), chumpy=chumpy)
    _write_levels(head_maps, head, HEAD_LEVELS)
    _write_levels(hand_maps, hand, HAND_LEVELS)
    write_array(head_rest, head.v_template.astype(np.float32))
    write_array(hand_rest, hand.v_template.astype(np.float32))
    np.save(neck, head.neck_vertices)
    np.save(stiffness, head.stiffness)
    return tuple(written)


def _write_levels(path: Path, model: FlameArrays | ManoArrays, counts: tuple[int, ...]) -> None:
    write_mesh_transforms(
        path,
        mesh_levels(model.v_template, model.f.astype(np.int32), counts),
        {SYNTHETIC_MARK: True},
    )


def write_model(path: Path, model: FlameArrays | ManoArrays, *, chumpy: bool = False) -> None:
    """Write the pickled dictionary of arrays that both models come as."""
    entries: dict[str, object] = {
        item.name: getattr(model, item.name) for item in fields(model) if item.name not in _APART
    }
    entries = {
        name: np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value
        for name, value in entries.items()
    }
    entries["J"] = np.asarray(model.J_regressor @ model.v_template)
    entries |= {"bs_style": "lbs", "bs_type": "lrotmin", SYNTHETIC_MARK: True}
    if chumpy:
        selected = isinstance(model, ManoArrays)
        entries |= {name: ChumpyArray(getattr(model, name)) for name in ("v_template", "posedirs")}
        shapes = np.ascontiguousarray(model.shapedirs)
        entries["shapedirs"] = ChumpySelection(shapes) if selected else ChumpyArray(shapes)
    write_model_pickle(path, entries)
