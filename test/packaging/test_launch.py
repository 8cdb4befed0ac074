import ast
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
