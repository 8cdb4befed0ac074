"""What an engine must show that reuses its memory: it is right, and answers stay what they were."""

import torch

from dice_ros.engine.certificate import certificate_images, certify, reference_readings


def prove_engine(engine, plain, images):
    """A loaded and warm engine says what the plain one says, and answers stay what they were."""
    inputs = certificate_images(2)
    certificate = certify(
        engine.describe(), reference_readings(engine, inputs), reference_readings(plain, inputs)
    )
    assert certificate.passed, certificate
    first = engine.run(images[:1].to(engine.device))
    kept = first.head.clone()
    for count in (2, 1, 3):
        found = engine.run(images[-count:].to(engine.device))  # not the first image alone again
        assert found.head.shape == (count, 5023, 3)
    assert torch.equal(first.head, kept)
