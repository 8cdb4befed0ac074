"""The ROS layer: the only room that imports rclpy and message packages."""
