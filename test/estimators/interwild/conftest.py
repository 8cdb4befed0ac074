from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="InterWild needs PyTorch: pip install torch smplx safetensors")
pytest.importorskip("smplx", reason="the hands need smplx: pip install torch smplx safetensors")


@pytest.fixture(scope="session")
def interwild_boxes():
    """Tight boxes of the golden picture's hands, and how much they overlap officially."""
    path = Path(__file__).parents[2] / "data" / "interwild" / "interwild-public-1.npz"
    with np.load(path, allow_pickle=False) as stored:
        boxes = [2.0 * stored[f"out/{letter}hand_bbox"][0].astype(float) for letter in "rl"]
        return (*boxes, float(stored["post/iou"][0]))


@pytest.fixture(scope="session")
def picture():
    generator = np.random.default_rng(3)
    coarse = generator.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return coarse.repeat(20, 0).repeat(20, 1)
