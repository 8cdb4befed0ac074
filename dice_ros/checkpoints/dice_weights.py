"""The tensors of DICE that are used, out of all that its published file carries."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import CheckpointError

# In the file and never used by the forward pass: 57 of 296 million numbers.
DEAD = re.compile(r"(^|\.)(bert\.embeddings|bert\.pooler|backbone\.classifier)\.")
# Left behind by wrappers for several devices and by training programs.
_PREFIX = re.compile(r"^(?:(?:module|model|_orig_mod|network)\.)+")
_SHOWN = 5
_SHOWN_CHARACTERS = 300


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
    prefix = _common_prefix(tensors, expected)
    named = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    live = {name: tensor for name, tensor in named.items() if not is_dead(name)}
    both = [name for name in expected if name in live]
    reports = (
        _report("missing", [f"{name} {expected[name]}" for name in expected if name not in live]),
        _report(
            "unexpected", [f"{name} {live[name].shape}" for name in live if name not in expected]
        ),
        _report(
            "of the wrong shape",
            [
                f"{name} {live[name].shape}, expected {tuple(expected[name])}"
                for name in both
                if live[name].shape != tuple(expected[name])
            ],
        ),
        _report("not finite", [_bad_numbers(name, live[name]) for name in both]),
    )
    problems = "; ".join(report for report in reports if report)
    if problems:
        raise CheckpointError(f"these are not the weights of this network: {problems}")
    return {name: live[name] for name in expected}


def _common_prefix(tensors: Mapping[str, object], expected: Mapping[str, object]) -> str:
    first = next(iter(tensors), "")
    match = _PREFIX.match(first)
    # A network may itself have a part of that name.
    if match is None or first in expected:
        return ""
    prefix = match.group()
    return prefix if all(name.startswith(prefix) for name in tensors) else ""


def _bad_numbers(name: str, tensor: NDArray[np.generic]) -> str:
    if tensor.dtype.kind not in "fc":
        return ""
    bad = tensor.size - int(np.count_nonzero(np.isfinite(tensor)))
    return f"{name} {tensor.shape} ({bad} numbers)" if bad else ""


def _report(kind: str, names: list[str]) -> str:
    found = [name for name in names if name]
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    listed = ", ".join(text[:_SHOWN_CHARACTERS] for text in found[:_SHOWN])
    return f"{len(found)} {kind}: {listed}{more}"
