"""The command line: ``dice-ros``."""

from dice_ros.blas_threads import use_one_blas_thread

use_one_blas_thread()
