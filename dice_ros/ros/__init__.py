"""The ROS layer: the only room that imports rclpy and message packages."""

from dice_ros.blas_threads import use_one_blas_thread

use_one_blas_thread()
