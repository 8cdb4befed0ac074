"""The crop's way to the network against the official one, bit by bit."""

import numpy as np
import pytest
import torch
from networks.dice_recipe import golden

from dice_ros.networks.dice_preprocess import normalise_bgr, resize_square, triangle_taps
from dice_ros.networks.seeded_weights import seeded_generator


def picture(seed, height, width):
    generator = seeded_generator(seed, f"/rgb/{height}x{width}")
    coarse = generator.standard_normal((height // 20 + 1, width // 20 + 1, 3))
    coarse = coarse.repeat(20, 0).repeat(20, 1)[:height, :width]
    noise = generator.standard_normal((height, width, 3))
    return np.clip(np.floor(128 + 45 * coarse + 8 * noise), 0, 255).astype(np.uint8)


@pytest.fixture(params=["cpu", "cpu at once", "cuda"])
def way(request):
    """Where and how pixels are summed."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("pre-processing on a GPU needs an NVIDIA GPU")
    device, _, at_once = request.param.partition(" ")

    def resize(cut):
        pixels = torch.from_numpy(np.ascontiguousarray(cut)).to(device)
        return resize_square(pixels, at_once=True if at_once else None)

    return resize


@pytest.mark.parametrize(("height", "width"), [(313, 260), (150, 201), (720, 960)])
def test_resized_crops_equal_the_official_ones_in_every_pixel(height, width, way):
    arrays, meta = golden("dice-pre-public-1")
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = picture(meta["seed"], height, width)[top : top + side, left : left + side]
    resized = way(cut)
    assert resized.dtype == torch.float32
    bgr = resized.cpu().numpy()[..., ::-1]
    np.testing.assert_array_equal(bgr, arrays[f"u8.{height}x{width}"])


def test_a_crop_of_the_right_size_passes_unchanged():
    cut = picture("same", 224, 224)
    np.testing.assert_array_equal(resize_square(torch.from_numpy(cut)).numpy(), cut)


@pytest.mark.parametrize("side", [1, 7, 223, 225, 1500])
def test_extreme_grey_levels_stay_what_they_are(side, way):
    for level in (0, 255):
        resized = way(np.full((side, side, 3), level, np.uint8))
        assert (resized == level).all()


@pytest.mark.parametrize("side", [1, 7, 223, 225, 1080])
def test_weights_of_each_pixel_sum_to_one(side):
    taps, weights = triangle_taps(side)
    assert taps.min() >= 0
    assert taps.max() < side
    np.testing.assert_allclose(weights.sum(axis=1) / 2**22, 1.0, atol=1e-4)


def test_channels_are_bgr_under_rgb_statistics():
    crop = torch.zeros(1, 224, 224, 3)
    crop[..., 0] = 255.0  # red
    planes = normalise_bgr(crop)[0, :, 0, 0]
    blue, green, red = (0 - 0.485) / 0.229, (0 - 0.456) / 0.224, (1 - 0.406) / 0.225
    np.testing.assert_allclose(planes, [blue, green, red], rtol=1e-6)
