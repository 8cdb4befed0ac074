"""The tensors of a network that are used, out of all that its published file carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from dice_ros.errors import CheckpointError

# Left behind by wrappers for several devices and by training programs.
_PREFIX = re.compile(r"^(?:(?:module|model|_orig_mod|network)\.)+")
_SHOWN = 5
_SHOWN_CHARACTERS = 300


def select_tensors(
    tensors: Mapping[str, NDArray[np.generic]],
    expected: Mapping[str, tuple[int, ...]],
    is_dead: Callable[[str], bool],
) -> dict[str, NDArray[np.generic]]:
    """The tensors that are used, in the order of ``expected``, under their published names.

    Args:
        tensors: everything the file holds; names may share a prefix such as ``module.``.
        expected: shape of every tensor that is used by its published name.
        is_dead: whether a published name is known and of no use.

    Raises:
        CheckpointError: tensors are missing, unexpected, of the wrong shape or not finite. All
            kinds are reported together, the first five of each by name.
    """
    named = without_prefix(tensors, expected)
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


def without_prefix(
    tensors: Mapping[str, NDArray[np.generic]], expected: Collection[str] = ()
) -> dict[str, NDArray[np.generic]]:
    """The same tensors without the prefix that wrappers have put in front of all of them.

    Args:
        tensors: by name.
        expected: names that begin like a wrapper and do not come from one.
    """
    first = next(iter(tensors), "")
    match = _PREFIX.match(first)
    # A network may itself have a part of that name.
    prefix = "" if match is None or first in expected else match.group()
    if not all(name.startswith(prefix) for name in tensors):
        prefix = ""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


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
