"""Start the node, and on request RViz or the demonstration clip as a camera.

ros2 launch dice_ros dice.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info
ros2 launch dice_ros dice.launch.py image:=/camera/image_raw estimator:=dice
ros2 launch dice_ros dice.launch.py demo:=/path/to/demo/input.mcap rviz:=true
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node

from launch import LaunchDescription

PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


def generate_launch_description():
    """Everything this file starts."""
    config = Path(get_package_share_directory("dice_ros")) / "config"
    arguments = [
        ("image", "image", "image topic (image_transport:=compressed adds /compressed)"),
        ("camera_info", "camera_info", "calibration topic of the same camera"),
        ("namespace", "", "namespace of the node and its topics"),
        ("params_file", str(config / "dice.yaml"), "parameters of the node"),
        ("image_transport", "raw", "raw or compressed"),
        ("estimator", "", "landmark_fit, dice, interwild or dice+interwild; empty: params_file"),
        ("model_dir", "", "folder of converted models for the learned estimators"),
        ("autostart", "true", "configure and activate without a lifecycle manager"),
        ("log_level", "info", "debug, info, warn, error"),
        ("use_sim_time", "false", "use /clock"),
        ("rviz", "false", "start RViz with our view"),
        ("demo", "", "a bag, video or folder to play as the camera, over and over"),
    ]
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in arguments
    ]
    value = {name: LaunchConfiguration(name) for name, _, _ in arguments}

    # With Fast DDS's default buffers most camera images are lost; users' own profiles win.
    profile = str(config / "fastdds.xml")
    environment = []
    if not any(name in os.environ for name in PROFILE_VARIABLES):
        # Jazzy may only know the old name; later distributions warn of it.
        known = (
            PROFILE_VARIABLES if os.environ.get("ROS_DISTRO") == "jazzy" else PROFILE_VARIABLES[:1]
        )
        environment = [SetEnvironmentVariable(name, profile) for name in known]

    # Remapping image moves image/compressed too only if it is named: both are.
    remappings = [
        ("image", value["image"]),
        ("image/compressed", [value["image"], "/compressed"]),
        ("camera_info", value["camera_info"]),
    ]

    def start_node(context):
        # Given on the command line they win over params_file; empty ones leave it alone.
        given = {name: context.launch_configurations[name] for name in ("estimator", "model_dir")}
        overrides = {name: text for name, text in given.items() if text}
        node = Node(
            package="dice_ros",
            executable="dice_node",
            name="dice_node",
            namespace=value["namespace"],
            parameters=[
                value["params_file"],
                {"image_transport": value["image_transport"]},
                {
                    name: PythonExpression(["'", value[name], "' == 'true'"])
                    for name in ("use_sim_time", "autostart")
                },
                *([overrides] if overrides else []),
            ],
            remappings=remappings,
            arguments=["--ros-args", "--log-level", ["dice_node:=", value["log_level"]]],
            output="screen",
        )
        return [node]

    node = OpaqueFunction(function=start_node)
    camera = Node(
        package="dice_ros",
        executable="camera_player",
        name="camera_player",
        namespace=value["namespace"],
        arguments=[
            *(value["demo"], "--loop", "--wait", "3600"),
            *("--image", value["image"], "--camera-info", value["camera_info"]),
        ],
        condition=IfCondition(PythonExpression(["'", value["demo"], "' != ''"])),
        output="screen",
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        arguments=["-d", str(config / "dice.rviz")],
        condition=IfCondition(value["rviz"]),
        output="screen",
    )
    return LaunchDescription([*declared, *environment, node, camera, rviz])
