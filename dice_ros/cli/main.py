"""The command line ``dice-ros``: one file per subcommand.

Exit codes: 0 done, 1 something failed (the message says what), 2 wrong usage, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys

from dice_ros import __version__
from dice_ros.cli import (
    assets,
    build,
    convert,
    demo,
    doctor,
    evaluate,
    events,
    replay,
    run,
    stand_ins,
)
from dice_ros.errors import DiceRosError

INTERRUPTED = 130
_KEPT = {"run": "what was written so far is kept", "demo": "what was written so far is kept"}

_EPILOG = """\
examples:
  dice-ros demo                          watch it work, from nothing
  dice-ros run photo.png --out results   meshes and contacts of one picture
  dice-ros run clip.mp4 --json           one JSON line a frame
  dice-ros run bag.mcap --topic /camera/image_raw --out results
  dice-ros replay bag --out results.mcap every image, reproducibly
  dice-ros events results.mcap           who touched where, how often, how long
  dice-ros events results.mcap --format csv --out touches.csv
  dice-ros run camera:0 --limit 100 --out results
  dice-ros convert dice model.bin        the published weights, once
  dice-ros run photo.png --estimator dice --out results
  dice-ros eval --dataset decaf ROOT --estimator dice --out scores

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    level = logging.DEBUG if options.debug else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s", stream=sys.stderr)
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        kept = _KEPT.get(options.subcommand, "nothing half-written is left behind")
        sys.stderr.write(f"\ninterrupted; {kept}\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing more to say, and no traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except DiceRosError as error:
        if options.debug:
            raise
        sys.stderr.write(f"dice-ros: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dice-ros",
        description="Hand-face interaction in 3D: which part of which hand touches which part of "
        "the face, and how the skin gives way.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dice-ros {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks and debug messages")
    commands = parser.add_subparsers(
        dest="subcommand", title="commands", metavar="COMMAND", required=True
    )
    for module in (demo, run, replay, events, convert, build, evaluate, stand_ins, assets, doctor):
        module.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
