"""The rules of the house: who may import whom, and that all lists agree."""

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import dice_ros

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dice_ros"
FORBIDDEN = {
    *("rclpy", "std_msgs", "sensor_msgs", "geometry_msgs", "diagnostic_msgs", "tf2_msgs"),
    *("visualization_msgs", "rcl_interfaces", "builtin_interfaces", "launch", "cv_bridge"),
    *("lifecycle_msgs", "std_srvs"),
}
# A room may import rooms to its right.
ORDER = (
    *(
        "ros",
        "cli",
        "viewer",
        "report",
        "assets",
        "replay",
        "synthesis",
        "render",
        "evaluation",
        "pipeline",
        "events",
    ),
    *(
        "estimators",
        "perception",
        "contact",
        "engine",
        "networks",
        "datasets",
        "body",
        "checkpoints",
    ),
)
FREE = {
    *("types", "camera", "errors", "settings", "settings_document", "stopwatch"),
    *("image_decoding", "blas_threads", "metric_placement", "model_folder"),
    *("optional_packages", "picture_header", "file_hash", "box_overlap"),
    *("camera_message_fields", "whole_file"),
}
HEAVY = {
    "ai_edge_litert": "dice_ros/perception/litert.py",
    "safetensors": "dice_ros/checkpoints/weights_file.py",
    "smplx": "dice_ros/body/skinning.py",
    "pyarrow": "dice_ros/events/parquet_file.py",
    "open3d": "dice_ros/viewer/window.py",
    "nncf": "dice_ros/engine/int8_quantization.py",
    "openvino": "dice_ros/engine/openvino_cpu.py",
    "tensorrt_rtx": "dice_ros/engine/tensorrt_rtx.py",
    "torch_tensorrt": "dice_ros/engine/torch_tensorrt_gpu.py",
}
ABSENT = {"torch", "chumpy", "smplx", "scipy"}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """(module name, line) of every import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names] if node.module == "dice_ros" else []
            yield node.module, node.lineno
            yield from ((f"dice_ros.{name}", node.lineno) for name in names)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_only_the_ros_room_names_ros_packages():
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules()
        if room_of(path) != "ros"
        for name, line in imports(path)
        if name.split(".")[0] in FORBIDDEN or name.startswith("dice_ros.msg")
    ]
    assert not found


def test_importing_the_whole_core_loads_no_ros():
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules()
        if room_of(path) != "ros"
    ]
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"print(sorted({FORBIDDEN!r} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip().endswith("[]")


def test_arrows_run_downwards_only():
    found = []
    for path in modules():
        room = room_of(path)
        if room not in ORDER:
            continue
        for name, line in imports(path):
            parts = name.split(".")
            if parts[0] != "dice_ros" or len(parts) < 2 or parts[1] not in ORDER:
                continue
            if ORDER.index(parts[1]) < ORDER.index(room):
                found.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not found


def test_every_room_has_its_place():
    rooms = {room_of(path) for path in modules()} - {"__init__"}
    assert rooms <= set(ORDER) | FREE


@pytest.mark.parametrize("package", HEAVY)
def test_heavy_packages_are_imported_in_one_module(package):
    users = {
        str(path.relative_to(ROOT))
        for path in modules()
        for name, _ in imports(path)
        if name.split(".")[0] == package
    }
    assert users == {HEAVY[package]}


def test_pytorch_stays_where_networks_are():
    found = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        for name, _ in imports(path)
        if name.split(".")[0] == "torch"
    }
    allowed = ("networks/", "engine/", "body/flame.py", "body/mano.py", "body/skinning.py")
    allowed += ("body/posing.py",)
    allowed += ("estimators/dice/runner.py", "estimators/interwild/runner.py")
    allowed += ("synthesis/stand_in_bodies/torch_files.py",)
    assert [name for name in found if not name.startswith(allowed)] == []


def test_checkpoints_are_read_with_numpy_alone():
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules()
        if room_of(path) == "checkpoints"
        for name, line in imports(path)
        if name.split(".")[0] in ABSENT
    ]
    assert not found


def test_versions_agree():
    xml = ET.parse(ROOT / "package.xml").getroot()
    assert xml.findtext("version") == dice_ros.__version__
    assert xml.findtext("name") == "dice_ros"
    assert xml.get("format") == "3"


def test_every_message_is_built():
    listed = set(re.findall(r'"(msg/\w+\.msg)"', (ROOT / "CMakeLists.txt").read_text()))
    assert listed == {f"msg/{path.name}" for path in (ROOT / "msg").glob("*.msg")}


def test_every_field_of_every_message_is_explained():
    for path in (ROOT / "msg").glob("*.msg"):
        lines = path.read_text().splitlines()
        assert lines[0].startswith("#"), path.name
        comment = False
        for line in lines:
            if line.startswith("#"):
                comment = True
            elif not line.strip():
                comment = False
            else:
                assert comment or "#" in line or "=" in line, f"{path.name}: {line}"


def test_the_dds_profile_is_valid_and_large_enough():
    root = ET.parse(ROOT / "config" / "fastdds.xml").getroot()
    sizes = {element.tag.rsplit("}", 1)[-1]: element.text for element in root.iter()}
    assert int(sizes["segment_size"]) >= 32 << 20
    assert int(sizes["receiveBufferSize"]) >= 4 << 20


def test_the_repository_speaks_of_the_project_alone():
    words = re.compile("/" + r"work/|\bsha" + "red/spec", re.IGNORECASE)
    tracked = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout.split("\n")
    found = [
        name
        for name in tracked
        if (ROOT / name).is_file()
        and (ROOT / name).suffix in (".py", ".md", ".txt", ".yaml", ".xml", ".sh", "")
        and words.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert not found


def test_locks_pin_everything():
    for path in (ROOT / "requirements").glob("*.txt"):
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                assert "==" in line.split(";")[0], f"{path.name}: {line}"


def test_make_dice_brings_everything_that_the_estimator_needs():
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", "dice"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    assert "requirements/dice.txt" in plan
    assert "dice-ros assets" in plan
