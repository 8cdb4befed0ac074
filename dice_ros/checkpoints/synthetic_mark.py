"""How stand-ins made by this project are told from licensed files."""

SYNTHETIC_MARK = "dice_ros_synthetic"
"""Key in every dictionary of a stand-in; licensed files do not have it."""

NOTE_NAME = "SYNTHETIC.txt"
"""Lies beside stand-ins; speaks for those of them that are no dictionary."""
