"""What every ratio of the benches is measured against computes the published function."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from published_path import PublishedPath

from dice_ros.networks.dice import PRESENCE_THRESHOLD


@pytest.mark.parametrize("count", [1, 2])
def test_the_path_in_the_originals_steps_gives_the_published_numbers(model, plain, images, count):
    output, meshes = PublishedPath(model, torch.device("cpu"))(images[:count])
    expected = plain.run(images[:count])
    for name in ("head", "hand", "joints", "landmarks", "deformation"):
        found, wanted = getattr(meshes, name), getattr(expected, name)
        if name == "deformation":
            wanted = wanted * (expected.presence > PRESENCE_THRESHOLD)[:, :, None]
        assert (found - wanted).abs().max() < 1e-4 * wanted.abs().max(), name
    contacts = output.head.contact[..., 0]
    torch.testing.assert_close(contacts, expected.face_contact, rtol=1e-4, atol=1e-5)
