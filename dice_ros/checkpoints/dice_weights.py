"""The tensors of DICE that are used, out of all that its published file carries."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dice_ros.checkpoints.network_tensors import select_tensors

# In the file and never used by the forward pass: 57 of 296 million numbers.
DEAD = re.compile(r"(^|\.)(bert\.embeddings|bert\.pooler|backbone\.classifier)\.")


def is_dead(name: str) -> bool:
    """Whether a tensor of the published network never influences a result."""
    return DEAD.search(name) is not None


def select_live(
    tensors: Mapping[str, NDArray[np.generic]], expected: Mapping[str, tuple[int, ...]]
) -> dict[str, NDArray[np.generic]]:
    """The live tensors in the order of ``expected``, under their published names.

    Args:
        tensors: everything the file holds; names may share a prefix such as ``module.``.
        expected: shape of every live tensor by its published name.

    Raises:
        CheckpointError: tensors are missing, unexpected, of the wrong shape or not finite. All
            kinds are reported together, the first five of each by name.
    """
    return select_tensors(tensors, expected, is_dead)
