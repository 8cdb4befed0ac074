"""A mirrored head's coefficients describe the mirrored head."""

import numpy as np
import pytest

pytest.importorskip(
    "torch", reason="the stand-ins are read with it: pip install torch smplx safetensors"
)

from dataclasses import replace

from dice_ros.body.dice_bodies import load_bodies
from dice_ros.body.head_mirror import head_mirror
from dice_ros.body.mesh_mirror import mirror_permutation

MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def flame(model_dir):
    return load_bodies(model_dir / "dice_bodies.npz").flame


def shape(flame, betas, expression):
    return flame.template + flame.shape_directions @ np.concatenate([betas, expression])


def drawn(seed):
    values = np.random.default_rng(seed).standard_normal(150).astype(np.float32)
    return values[:100], values[100:]


def test_a_basis_that_holds_its_mirror_images_is_converted_exactly(flame):
    partner = mirror_permutation(flame.template, flame.triangles)
    half = flame.shape_directions[:, :, :75]
    basis = np.concatenate([half, half[partner] * MIRROR.astype(np.float32)[:, None]], axis=2)
    closed = replace(flame, shape_directions=basis)
    mirror, given = head_mirror(closed), drawn(1)
    wanted = shape(closed, *given)[partner] * MIRROR
    np.testing.assert_allclose(shape(closed, *mirror.coefficients(*given)), wanted, atol=1e-5)


def test_any_other_basis_is_converted_as_well_as_it_can_be(flame):
    mirror, given = head_mirror(flame), drawn(2)
    wanted = shape(flame, *given)[mirror.partner] * MIRROR
    basis = flame.shape_directions.astype(np.float64).reshape(-1, 150)
    best = np.linalg.lstsq(basis, (wanted - flame.template).ravel(), rcond=None)[0]
    least = np.linalg.norm(basis @ best - (wanted - flame.template).ravel())
    found = np.linalg.norm(shape(flame, *mirror.coefficients(*given)) - wanted)
    assert found < 1.001 * least + 1e-5
    assert found < np.linalg.norm(shape(flame, *given) - wanted)


def test_coefficients_have_the_kind_they_came_in(flame):
    betas, expression = head_mirror(flame).coefficients(*drawn(3))
    assert (betas.shape, expression.shape) == ((100,), (50,))
    assert betas.dtype == expression.dtype == np.float32
