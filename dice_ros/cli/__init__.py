"""The command line: ``dice-ros``."""
