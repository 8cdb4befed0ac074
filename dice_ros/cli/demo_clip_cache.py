"""The demonstration clip on disk: made once, made again when anything it depends on changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dice_ros import body, synthesis
from dice_ros.errors import OutputError
from dice_ros.replay.results_writer import ImageBagWriter
from dice_ros.synthesis.demo_clip import DemoClip
from dice_ros.synthesis.truth_file import save_truth

INPUT_NAME, TRUTH_NAME, KEY_NAME = "input.mcap", "truth.npz", ".clip-key"
_WORKERS = 2


def ensure_clip(folder: Path, assets: Path) -> bool:
    """Make ``input.mcap`` and ``truth.npz`` in ``folder`` unless they are there and current.

    Returns:
        True if the clip had to be made.

    Raises:
        OutputError: the folder cannot be written.
    """
    from tqdm import tqdm  # noqa: PLC0415 - of no use when the clip is there

    key, key_path = _key(assets), folder / KEY_NAME
    made = (folder / INPUT_NAME, folder / TRUTH_NAME)
    if all(path.is_file() for path in made) and _text(key_path) == key:
        return False
    key_path.unlink(missing_ok=True)
    stamps, truths = [], []
    with ImageBagWriter(folder / INPUT_NAME) as writer, tqdm(unit="frame", desc="render") as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        for frame, truth in DemoClip.generate(assets, show, workers=_WORKERS):
            writer.write_frame(frame)
            stamps.append(frame.stamp_ns)
            truths.append(truth)
    save_truth(folder / TRUTH_NAME, stamps, truths)
    try:
        key_path.write_text(key)
    except OSError as error:
        raise OutputError(f"cannot write {key_path}: {error}") from error
    return True


def _key(assets: Path) -> str:
    """Digest of everything the clip is made from."""
    digest = hashlib.sha256()
    sources = [
        path
        for package in (synthesis, body)
        for folder in package.__path__
        for path in sorted(Path(folder).glob("*.py"))
    ]
    for path in (*sources, assets / "head.npz", assets / "hand.npz", assets / "astronaut.png"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
