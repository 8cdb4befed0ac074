import numpy as np
import pytest

from dice_ros.body.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from dice_ros.camera import Camera
from dice_ros.estimators.landmark_fit.head_fit import HeadFitter, IdentityPrior

CAMERA = Camera.assume(640, 480)


@pytest.fixture(scope="module")
def fitter(open_head):
    return HeadFitter(open_head)


def seen(fitter, open_head, seed, noise_px=0.0):
    """Landmarks of a random head, and the truth about it."""
    rng = np.random.default_rng(seed)
    R = matrix_from_axis_angle(rng.normal(0, 0.25, 3))
    t = np.array([rng.normal(0, 0.1), rng.normal(0, 0.05), rng.uniform(0.4, 1.0)])
    betas = rng.normal(0, 0.7, 40)
    expression = np.zeros(52)
    expression[open_head.expression_names.index("jawOpen")] = rng.uniform(0, 0.8)
    basis = np.concatenate([open_head.identity_basis, open_head.expression_basis])
    coefficients = np.concatenate([betas, expression])
    shape = open_head.template + np.tensordot(coefficients, basis, axes=1)
    corners = shape[open_head.triangles[open_head.landmark_triangles]]
    points = np.einsum("lk,lkc->lc", open_head.landmark_barycentric, corners) @ R.T + t
    pixels = CAMERA.project(points) + rng.normal(0, noise_px, (478, 2))
    return pixels, R, t, expression, shape @ R.T + t


@pytest.mark.parametrize("seed", range(5))
def test_a_head_seen_without_error_is_found(fitter, open_head, seed):
    pixels, R, t, expression, vertices = seen(fitter, open_head, seed)
    fit = fitter.fit(pixels, CAMERA, expression.astype(np.float32), IdentityPrior.population())
    assert fit is not None
    assert np.linalg.norm(axis_angle_from_matrix(fit.pose.rotation @ R.T)) < 0.06
    assert fit.pose.translation[2] == pytest.approx(t[2], rel=0.08)
    assert fit.rms_px < 1.0
    found = fitter.vertices(fit)
    skin = open_head.exterior
    centred = (found - found[skin].mean(0)) - (vertices - vertices[skin].mean(0))
    assert np.linalg.norm(centred[skin], axis=1).mean() < 8e-3


def test_the_way_back_starts_from_the_last_frame(fitter, open_head):
    pixels, _, _, expression, _ = seen(fitter, open_head, 7, noise_px=0.3)
    blendshapes = expression.astype(np.float32)
    first = fitter.fit(pixels, CAMERA, blendshapes, IdentityPrior.population())
    second = fitter.fit(pixels, CAMERA, blendshapes, IdentityPrior.population(), previous=first)
    np.testing.assert_allclose(
        first.pose.translation, second.pose.translation, rtol=0.01, atol=2e-3
    )


def test_landmarks_and_vertices_agree(fitter, open_head):
    pixels, _, _, expression, _ = seen(fitter, open_head, 3)
    fit = fitter.fit(pixels, CAMERA, expression.astype(np.float32), IdentityPrior.population())
    corners = fitter.vertices(fit)[open_head.triangles[open_head.landmark_triangles]]
    expected = np.einsum("lk,lkc->lc", open_head.landmark_barycentric, corners)
    np.testing.assert_allclose(fitter.landmarks(fit), expected, atol=1e-5)


def test_nonsense_landmarks_give_no_fit_or_a_bad_one_but_no_error(fitter):
    rng = np.random.default_rng(0)
    blendshapes = np.zeros(52, dtype=np.float32)
    for pixels in (np.zeros((478, 2)), rng.uniform(0, 640, (478, 2))):
        fit = fitter.fit(pixels, CAMERA, blendshapes, IdentityPrior.population())
        assert fit is None or fit.rms_m > 5e-3 or fit.rms_px == pytest.approx(0, abs=30)
