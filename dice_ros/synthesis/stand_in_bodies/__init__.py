"""Stand-ins for the licensed body models: CC0, made from the open head and hand."""

from dice_ros.synthesis.stand_in_bodies.files import (
    write_stand_ins,
)
from dice_ros.synthesis.stand_in_bodies.flame import FlameArrays, make_stand_in_flame
from dice_ros.synthesis.stand_in_bodies.mano import ManoArrays, make_stand_in_mano, mirror_hand
from dice_ros.synthesis.stand_in_bodies.whole_folder import filling

__all__ = [
    "FlameArrays",
    "ManoArrays",
    "filling",
    "make_stand_in_flame",
    "make_stand_in_mano",
    "mirror_hand",
    "write_stand_ins",
]
