"""``dice-ros eval``: the published table for our estimators, or for anybody's results."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from dice_ros.assets.store import require_assets
from dice_ros.body.flame_arrays import FlameArrays
from dice_ros.datasets.decaf_layout import DecafLayout, Split
from dice_ros.errors import InputError, SettingsError
from dice_ros.evaluation.contender import Contender
from dice_ros.evaluation.figures import Bootstrap, figures, figures_by_subject
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.pipeline_contender import PipelineContender
from dice_ros.evaluation.report import Judged, report_text, report_values
from dice_ros.evaluation.results_file import ResultsFileContender
from dice_ros.evaluation.score_log import ScoreLog
from dice_ros.file_hash import file_sha256
from dice_ros.model_folder import model_folder
from dice_ros.optional_packages import importing
from dice_ros.pipeline import Pipeline
from dice_ros.settings import Settings, schema
from dice_ros.whole_file import write_whole

if TYPE_CHECKING:
    from dice_ros.evaluation.decaf_evaluation import DecafEvaluation

SUMMARY_NAME = "summary.json"
DATASETS = ("decaf",)
_SETTINGS = ("model_dir", "device", "dice_meshes", "network_threads")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = commands.add_parser(
        "eval",
        help="measure an estimator, or anybody's results, against a data set",
        description="Compute the figures of the DICE paper's table on Decaf, exactly as published, "
        "and print them beside the published ones. Frames are independent of each other.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--dataset",
        nargs=2,
        required=True,
        metavar=("NAME", "ROOT"),
        help=f"which ({', '.join(DATASETS)}) and its folder, which holds assets, train and test",
    )
    judged = parser.add_mutually_exclusive_group(required=True)
    judged.add_argument("--estimator", metavar="NAME", help="dice or landmark_fit")
    judged.add_argument(
        "--results",
        type=Path,
        nargs="+",
        metavar="FILE.npz",
        help="meshes of any methods (docs/evaluation.md)",
    )
    parser.add_argument("--split", choices=[item.value for item in Split], default="test")
    parser.add_argument("--limit", type=_positive, metavar="N", help="frames of each video")
    parser.add_argument(
        "--crops", type=Path, metavar="DIR", help="squares cut by the published script"
    )
    parser.add_argument("--batch", type=_positive, default=8, metavar="N", help="frames at once")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write frames.csv and a summary (several files: one folder each); goes on if begun",
    )
    parser.add_argument("--overwrite", action="store_true", help="begin anew in --out")
    parser.add_argument("--json", action="store_true", help="print one JSON line a method")
    default = Bootstrap()
    parser.add_argument(
        "--resamples", type=_positive, default=default.resamples, help="of the bootstrap"
    )
    parser.add_argument("--seed", type=int, default=default.seed, help="of the bootstrap")
    parser.add_argument(
        "--run-length",
        type=_positive,
        default=default.run_length,
        metavar="N",
        help="consecutive frames that the bootstrap draws together",
    )
    known = schema()
    for name in _SETTINGS:
        spec = known[name]
        parser.add_argument(
            "--" + name.replace("_", "-"), type=spec.kind, default=spec.default, metavar="X",
            help=spec.description.replace("%", "%%"),
        )  # fmt: skip
    parser.set_defaults(command=_run)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def _run(options: argparse.Namespace) -> int:
    name, root = options.dataset
    if name not in DATASETS:
        raise InputError(f"data set {name!r} is not known: expected {', '.join(DATASETS)}")
    layout = DecafLayout(Path(root), Split(options.split))
    if not layout.root.is_dir():
        raise InputError(f"{root} is no folder: expected the one that holds assets and test")
    with importing("the evaluation on Decaf"):
        # PyTorch takes seconds to import and is needed to pose the true bodies.
        from dice_ros.evaluation.decaf_evaluation import DecafEvaluation  # noqa: PLC0415

    evaluation = DecafEvaluation(layout, limit=options.limit, crops=options.crops)
    judged = []
    for source, out in _sources(options):
        with ExitStack() as stack:
            contender = _open_contender(options, source, evaluation.flame)
            stack.callback(contender.close)
            log = None
            if out is not None:
                identity = _identity(options, source, contender, layout)
                log = stack.enter_context(ScoreLog(out, identity, overwrite=options.overwrite))
            scores = _judge(evaluation, contender, log, batch=options.batch, limit=options.limit)
        judged.append(_figures(options, contender, scores))
        _write(options, judged[-1], out)
    if not options.json:
        sys.stdout.write(report_text(judged) + "\n")
    return 0


def _sources(options: argparse.Namespace) -> list[tuple[Path | None, Path | None]]:
    """Each file of results, or None for an estimator, with the folder to write to."""
    out: Path | None = options.out
    if options.results is None:
        return [(None, out)]
    files: list[Path] = options.results
    if len(files) == 1 or out is None:
        return [(path, out) for path in files]
    if len({path.stem for path in files}) < len(files):
        raise InputError("two files of results have the same name: rename one, or leave out --out")
    return [(path, out / path.stem) for path in files]


def _judge(
    evaluation: DecafEvaluation,
    contender: Contender,
    log: ScoreLog | None,
    *,
    batch: int,
    limit: int | None,
) -> list[FrameScore]:
    """Scores of all frames, those of an earlier run among them."""
    known = [] if log is None else list(log.scores)
    if limit is not None:
        known = [score for score in known if score.frame < limit]
    done = frozenset() if log is None else log.done
    if known:
        logging.getLogger(__name__).info("%d frames are done already", len(known))
    terminal = sys.stderr.isatty()
    bar = tqdm(
        total=evaluation.frame_count,
        initial=len(known),
        desc=contender.name,
        unit="frame",
        mininterval=0.2 if terminal else 10.0,
        file=sys.stderr,
    )
    with bar:
        for some in evaluation.run(contender, done=done, batch=batch):
            if log is not None:
                log.add(some)
            known += some
            bar.update(len(some))
    return known


def _figures(options: argparse.Namespace, contender: Contender, scores: list[FrameScore]) -> Judged:
    if not scores:
        raise InputError("the data set has no frames: expected at least one")
    how = Bootstrap(options.resamples, options.seed, options.run_length)
    return Judged(
        contender.name,
        len(scores),
        figures(scores, how),
        figures_by_subject(scores, how),
        contender.notes,
    )


def _write(options: argparse.Namespace, judged: Judged, out: Path | None) -> None:
    values = report_values(judged)
    values |= {"dataset": options.dataset[0], "split": options.split}
    if options.json:
        sys.stdout.write(json.dumps(values) + "\n")
    if out is None:
        return
    write_whole(out / SUMMARY_NAME, json.dumps(values, indent=1) + "\n")
    sys.stderr.write(f"wrote {out}\n")


def _open_contender(
    options: argparse.Namespace, source: Path | None, flame: FlameArrays
) -> Contender:
    if source is not None:
        return ResultsFileContender(source, flame)
    openers: dict[str, Callable[[argparse.Namespace], Contender]] = {
        "dice": _open_dice,
        "landmark_fit": _open_pipeline,
    }
    opener = openers.get(options.estimator)
    if opener is None:
        raise SettingsError(
            f"estimator {options.estimator!r} is not known: expected {', '.join(openers)}"
        )
    return opener(options)


def _settings(options: argparse.Namespace) -> Settings:
    values = {name: getattr(options, name) for name in _SETTINGS}
    return Settings.from_mapping({"estimator": options.estimator, **values}).for_recordings()


def _open_dice(options: argparse.Namespace) -> Contender:
    from dice_ros.estimators.dice.open_dice import open_runner  # noqa: PLC0415
    from dice_ros.evaluation.dice_contender import DiceContender  # noqa: PLC0415

    settings = _settings(options)
    # The published code lets the neck deform in the meshes that it compares.
    opened = open_runner(settings, model_folder(settings.model_dir), neck_deforms=True)
    return DiceContender(opened.runner, synthetic=opened.synthetic)


def _open_pipeline(options: argparse.Namespace) -> Contender:
    return PipelineContender(Pipeline(require_assets(), _settings(options)), options.estimator)


def _identity(
    options: argparse.Namespace, source: Path | None, contender: Contender, layout: DecafLayout
) -> dict[str, object]:
    """What must be equal for scores to belong together; the limit may grow."""
    identity: dict[str, object] = {
        "method": contender.name,
        "dataset": options.dataset[0],
        "root": str(layout.root.resolve()),
        "split": options.split,
        "crops": None if options.crops is None else str(options.crops.resolve()),
    }
    if source is not None:
        identity["results"] = file_sha256(source)
    else:
        identity["settings"] = {name: getattr(options, name) for name in _SETTINGS}
    return identity
