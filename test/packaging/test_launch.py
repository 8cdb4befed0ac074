import ast
import importlib
import shlex
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / "launch" / "dice.launch.py"


def test_the_launch_file_is_python_with_a_description():
    tree = ast.parse(LAUNCH.read_text())
    assert "generate_launch_description" in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef)
    }


def test_the_launch_file_declares_its_arguments():
    pytest.importorskip("launch_ros", reason="launch_ros comes with ROS from apt, not as a wheel")
    namespace = {"__file__": str(LAUNCH)}
    exec(compile(LAUNCH.read_text(), str(LAUNCH), "exec"), namespace)
    description = namespace["generate_launch_description"]()
    names = {argument.name for argument in description.get_launch_arguments()}
    assert {
        "image",
        "camera_info",
        "namespace",
        "params_file",
        "rviz",
        "demo",
        "estimator",
        "model_dir",
        "autostart",
    } <= names


REPLAY = LAUNCH.with_name("replay.launch.py")


def functions_of_replay(*names):
    """Those that need no launch package."""
    tree = ast.parse(REPLAY.read_text())
    tree.body = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names
    ]
    namespace = {"shlex": shlex}
    exec(compile(tree, str(REPLAY), "exec"), namespace)
    return [namespace[name] for name in names]


def test_a_bag_is_played_with_a_clock():
    (play_command,) = functions_of_replay("play_command")
    given = {"bag": "/a bag", "clock_hz": "100", "rate": "0.5", "start_offset": "2.0"}
    command = play_command({**given, "loop": "true", "play_args": "--topics '/a b'"})
    assert command[:6] == ["ros2", "bag", "play", "/a bag", "--clock", "100"]
    assert command[-3:] == ["--loop", "--topics", "/a b"]
    assert "--loop" not in play_command({**given, "loop": "false", "play_args": ""})


def test_results_are_recorded_in_the_namespace_of_the_node():
    (results_topics,) = functions_of_replay("results_topics")
    assert results_topics("")[0] == "/dice/interaction"
    assert results_topics("/left/")[0] == "/left/dice/interaction"


def test_the_launch_file_of_replay_starts_the_node_on_simulated_time():
    pytest.importorskip("launch_ros", reason="launch_ros comes with ROS from apt, not as a wheel")
    launch = importlib.import_module("launch")
    namespace = {"__file__": str(REPLAY)}
    exec(compile(REPLAY.read_text(), str(REPLAY), "exec"), namespace)
    description = namespace["generate_launch_description"]()
    names = {argument.name for argument in description.get_launch_arguments()}
    assert {"bag", "image", "camera_info", "rate", "loop", "record", "estimator"} <= names
    context = launch.LaunchContext()
    context.launch_configurations.update(
        {argument.name: "" for argument in description.get_launch_arguments()},
        bag="x",
        delay="0",
    )
    assert len(namespace["start"](context)) == 3
