"""``dice-ros build``: build and prove engines ahead of time."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dice_ros.assets.store import require_assets
from dice_ros.body.dice_bodies import FILE_NAME as BODIES_NAME
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.open_head import OpenHead
from dice_ros.cli.phase_clock import PhaseClock
from dice_ros.errors import AssetError, OutputError
from dice_ros.model_folder import model_folder
from dice_ros.optional_packages import importing
from dice_ros.settings import Settings, schema

if TYPE_CHECKING:
    from dice_ros.engine.choose import DiceModel

_EPILOG = """\
examples:
  dice-ros build                          the fastest engine for this machine, proved
  dice-ros build --precision int8         the fastest on a CPU without bfloat16 (pip install nncf)
  dice-ros build --gpu rtx4090 --out DIR  an engine for another machine's GPU; no GPU needed here
  dice-ros build --gpu rtx4090 --synthetic --out DIR   the same from random weights, as a trial
  dice-ros build --coverage               which operators Torch-TensorRT takes on this GPU
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "build",
        help="build engines for the network ahead of time",
        description="Without --gpu: build the engine that the estimator dice would use here, "
        "compare it with the plain network, and keep both. With --gpu: build a TensorRT-RTX "
        "engine for a named GPU on any machine; put the result beside dice.safetensors there.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gpu", metavar="NAME", help="rtx4090, rtx3090, ..., or 8.9")
    specs = schema()
    for name in ("engine", "precision", "device"):
        parser.add_argument(
            f"--{name}", choices=specs[name].choices, default="auto", help=specs[name].description
        )
    parser.add_argument("--model-dir", default="", metavar="DIR", help="converted models")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the --gpu engine goes")
    parser.add_argument(
        "--synthetic", action="store_true", help="use seeded random weights and stand-in bodies"
    )
    parser.add_argument(
        "--small", action="store_true", help="with --synthetic: a narrow network, built in seconds"
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="build nothing: print which operators Torch-TensorRT takes, and how it splits the "
        "network",
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    with importing("build"):
        import dice_ros.engine.choose  # noqa: F401, PLC0415 - fails here if torch is missing

    started_s = time.monotonic()
    with ExitStack() as stack:
        model = _model(options, stack)
        if options.coverage:
            _report_coverage(options, model)
        elif options.gpu is not None:
            _build_for_gpu(options, model)
        else:
            _build_here(options, model)
    sys.stderr.write(f"done in {time.monotonic() - started_s:.1f} s\n")
    return 0


def _model(options: argparse.Namespace, stack: ExitStack) -> DiceModel:
    from dice_ros.body.dice_bodies import load_bodies  # noqa: PLC0415
    from dice_ros.engine.choose import DiceModel  # noqa: PLC0415
    from dice_ros.networks.dice_weights import FILE_NAME, load_dice  # noqa: PLC0415

    if options.synthetic:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="dice_ros_synthetic"))
        folder = Path(scratch)
        _make_synthetic(folder, small=options.small)
    else:
        folder = model_folder(options.model_dir)
    missing = [name for name in (FILE_NAME, BODIES_NAME) if not (folder / name).is_file()]
    if missing:
        raise AssetError(
            f"{' and '.join(missing)} not found in {folder}: see `dice-ros doctor`, or try "
            "--synthetic"
        )
    bodies = load_bodies(folder / BODIES_NAME)
    weights = load_dice(folder / FILE_NAME, bodies.template)
    return DiceModel(weights.network, bodies, True, folder / FILE_NAME, folder / BODIES_NAME)


def _make_synthetic(folder: Path, *, small: bool) -> None:
    from dice_ros.body.dice_bodies import save_bodies  # noqa: PLC0415
    from dice_ros.body.licensed_bodies import read_licensed_bodies  # noqa: PLC0415
    from dice_ros.networks.dice import DiceConfig  # noqa: PLC0415
    from dice_ros.networks.dice_config import small_config  # noqa: PLC0415
    from dice_ros.networks.dice_weights import FILE_NAME, convert_dice  # noqa: PLC0415
    from dice_ros.networks.stand_in_weights import write_stand_in_checkpoint  # noqa: PLC0415
    from dice_ros.synthesis.stand_in_bodies import write_stand_ins  # noqa: PLC0415

    sys.stderr.write("making random weights and stand-in bodies ...\n")
    assets = require_assets()
    licensed = folder / "licensed"
    head, hand = OpenHead.load(assets / "head.npz"), OpenHand.load(assets / "hand.npz")
    write_stand_ins(licensed, head, hand)
    save_bodies(folder / BODIES_NAME, read_licensed_bodies(licensed))
    checkpoint = folder / "model.bin"
    write_stand_in_checkpoint(checkpoint, small_config() if small else DiceConfig())
    convert_dice(checkpoint, folder / FILE_NAME)
    checkpoint.unlink()


def _build_for_gpu(options: argparse.Namespace, model: DiceModel) -> None:
    from dice_ros.engine.choose import build_rtx_engine, rtx_folder_name  # noqa: PLC0415
    from dice_ros.engine.protocol import Precision  # noqa: PLC0415
    from dice_ros.engine.tensorrt_rtx import gpu_by_name  # noqa: PLC0415

    gpu = gpu_by_name(options.gpu)
    precision = Precision("float16" if options.precision == "auto" else options.precision)
    parent = options.out if options.out is not None else model.weights_path.parent
    folder = parent / rtx_folder_name(gpu, precision)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {folder}: {error}") from error
    bar = tqdm(total=1.0, desc="build", bar_format="{desc:50.50} {percentage:3.0f} % {elapsed}")

    def progress(phase: str, share: float) -> None:
        bar.set_description_str(phase, refresh=False)
        bar.n = share
        bar.refresh()

    with bar:
        built = build_rtx_engine(model, folder, gpu, precision, progress)
    sys.stdout.write(
        f"{folder}: one engine, {built.layers} layers, {built.engine_bytes / 1e6:.0f} MB, "
        f"{precision.value}, for compute capability {built.capability} "
        f"(TensorRT-RTX {built.version})\n"
        f"put this folder beside dice.safetensors on the machine with the {options.gpu}\n"
    )


def _report_coverage(options: argparse.Namespace, model: DiceModel) -> None:
    from dice_ros.engine.device import choose_device  # noqa: PLC0415
    from dice_ros.engine.protocol import EngineError, Precision  # noqa: PLC0415
    from dice_ros.engine.torch_tensorrt_gpu import coverage_report  # noqa: PLC0415

    precision = Precision("float16" if options.precision == "auto" else options.precision)
    if precision is Precision.INT8:
        raise EngineError("Torch-TensorRT computes in float16 or bfloat16 here, not in int8")
    report = coverage_report(model.graph(precision), choose_device(options.device))
    sys.stdout.write(report + "\n")


def _render_calibration(path: Path) -> None:
    from dice_ros.synthesis.calibration_crops import write_calibration_crops  # noqa: PLC0415

    assets = require_assets()
    head, hand = OpenHead.load(assets / "head.npz"), OpenHand.load(assets / "hand.npz")
    with tqdm(desc="rendering calibration pictures", unit=" pictures") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        write_calibration_crops(path, head, hand, progress=progress)
    sys.stdout.write(f"{path}: rendered pictures that int8 engines are calibrated with\n")


def _build_here(options: argparse.Namespace, model: DiceModel) -> None:
    from dice_ros.engine.choose import open_engine, require_int8  # noqa: PLC0415
    from dice_ros.engine.device import choose_device, set_numerics  # noqa: PLC0415
    from dice_ros.engine.engine_cache import EngineCache, engine_folder  # noqa: PLC0415

    if options.precision == "int8" and not model.calibration_path.is_file():
        require_int8(options.engine)
        _render_calibration(model.calibration_path)
    with PhaseClock(sys.stderr) as clock:
        clock.enter("load the plain network")
        device = choose_device(options.device)
        set_numerics(Settings(), device)
        engine = open_engine(
            model,
            device,
            EngineCache(engine_folder()),
            engine=options.engine,
            precision=options.precision,
            on_phase=clock.enter,
        )
    for event in engine.events:
        sys.stdout.write(f"{event}\n")
    sys.stdout.write(f"in use: {engine.describe()}\n")
    engine.close()
