"""One BLAS thread for programs of this package.

The fits solve many small systems; on a busy machine BLAS threads made them ten times slower
(9 ms against 74 to 400 ms, measured on two cores).
"""

from __future__ import annotations

import os


def use_one_blas_thread() -> None:
    """Limit BLAS unless the user chose a number; works only before NumPy is imported."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
