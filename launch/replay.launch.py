"""Play a recording through the node: `ros2 bag play --clock` with simulated time.

ros2 launch dice_ros replay.launch.py bag:=/path/to/bag image:=/camera/image_raw
ros2 launch dice_ros replay.launch.py bag:=/path/to/bag rate:=0.5 record:=/path/to/results

The node answers the newest image and drops what comes too fast, as it does with a camera. To have
every image processed, reproducibly, run `dice-ros replay` instead; it needs no ROS.
"""

import os
import shlex
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
LAST_RESULTS_S = 5.0
"""How long the node goes on after the last image."""


def generate_launch_description():
    """Everything this file starts."""
    config = Path(get_package_share_directory("dice_ros")) / "config"
    arguments = [
        ("image", "image", "image topic in the bag (image_transport:=compressed adds /compressed)"),
        ("camera_info", "camera_info", "calibration topic of the same camera"),
        ("namespace", "", "namespace of the node and its topics"),
        ("params_file", str(config / "dice.yaml"), "parameters of the node"),
        ("image_transport", "raw", "raw or compressed"),
        ("estimator", "", "landmark_fit, dice, interwild or dice+interwild; empty: params_file"),
        ("model_dir", "", "folder of converted models for the learned estimators"),
        ("log_level", "info", "debug, info, warn, error"),
        ("rate", "1.0", "speed of playing; slower loses fewer images"),
        ("clock_hz", "100", "rate of /clock"),
        ("start_offset", "0.0", "seconds of the recording to leave out"),
        ("loop", "false", "play over and over: the clock jumps back and tracks start anew"),
        ("delay", "5.0", "seconds the node has to load its networks before playing starts"),
        ("play_args", "", "more arguments of ros2 bag play"),
        ("record", "", "folder to record the node's results into, with ros2 bag record"),
        ("rviz", "false", "start RViz with our view"),
    ]
    declared = [DeclareLaunchArgument("bag", description="folder or file to play")]
    declared += [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in arguments
    ]

    # With Fast DDS's default buffers most images are lost on the way from the player: the profile
    # must be set on its side. Users' own profiles win.
    environment = []
    if not any(name in os.environ for name in PROFILE_VARIABLES):
        # Jazzy may only know the old name; later distributions warn of it.
        known = (
            PROFILE_VARIABLES if os.environ.get("ROS_DISTRO") == "jazzy" else PROFILE_VARIABLES[:1]
        )
        profile = str(config / "fastdds.xml")
        environment = [SetEnvironmentVariable(name, profile) for name in known]

    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        arguments=["-d", str(config / "dice.rviz")],
        parameters=[{"use_sim_time": True}],
        condition=IfCondition(LaunchConfiguration("rviz")),
        output="screen",
    )
    return LaunchDescription([*declared, *environment, OpaqueFunction(function=start), rviz])


def start(context):
    """The node, the player, and on request a recorder."""
    given = context.launch_configurations
    player = ExecuteProcess(cmd=play_command(given), name="bag_player", output="screen")
    actions = [node(given), TimerAction(period=float(given["delay"]), actions=[player])]
    if given["record"]:
        topics = results_topics(given["namespace"])
        command = [
            "ros2",
            "bag",
            "record",
            "--use-sim-time",
            "--output",
            given["record"],
            "--topics",
            *topics,
        ]
        actions.append(ExecuteProcess(cmd=command, name="bag_recorder", output="screen"))
    finished = EmitEvent(event=Shutdown(reason="the bag is played"))
    waiting = TimerAction(period=LAST_RESULTS_S, actions=[finished])
    actions.append(RegisterEventHandler(OnProcessExit(target_action=player, on_exit=[waiting])))
    return actions


def node(given):
    """The node on simulated time, with the bag's topics."""
    # Given on the command line they win over params_file; empty ones leave it alone.
    overrides = {name: given[name] for name in ("estimator", "model_dir") if given[name]}
    parameters = {"image_transport": given["image_transport"], "use_sim_time": True, **overrides}
    return Node(
        package="dice_ros",
        executable="dice_node",
        name="dice_node",
        namespace=given["namespace"],
        parameters=[given["params_file"], parameters],
        remappings=[
            ("image", given["image"]),
            ("image/compressed", given["image"] + "/compressed"),
            ("camera_info", given["camera_info"]),
        ],
        arguments=["--ros-args", "--log-level", "dice_node:=" + given["log_level"]],
        output="screen",
    )


def play_command(given):
    """``ros2 bag play`` with a clock."""
    command = ["ros2", "bag", "play", given["bag"], "--clock", given["clock_hz"]]
    command += ["--rate", given["rate"], "--start-offset", given["start_offset"]]
    command += ["--loop"] if given["loop"] == "true" else []
    return command + shlex.split(given["play_args"])


def results_topics(namespace):
    """Absolute names of what the node publishes."""
    base = "/" + namespace.strip("/") if namespace.strip("/") else ""
    return [f"{base}/dice/interaction", f"{base}/dice/topology", "/diagnostics"]
