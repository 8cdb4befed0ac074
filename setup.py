"""Building the package with pip: the messages by CMake, the rest by setuptools.

``pip install --no-build-isolation .`` in an environment that has the ROS 2 wheels (see
requirements/), or with a ROS 2 workspace sourced. DICE_ROS_WITHOUT_MESSAGES=1 leaves the messages
out: the command line works, the node does not.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

ROOT = Path(__file__).resolve().parent
WITHOUT_MESSAGES = os.environ.get("DICE_ROS_WITHOUT_MESSAGES") == "1"
HELP = (
    "the ROS 2 message generators were not found by CMake (log above). Either install them first,\n"
    "  pip install -r requirements/ros-kilted.txt -r requirements/build.txt\n"
    "and use `pip install --no-build-isolation .`, or set DICE_ROS_WITHOUT_MESSAGES=1 to install\n"
    "the command line without the ROS node."
)


class BuildWithMessages(build_py):
    """Builds the messages beside the Python package."""

    def run(self):
        super().run()
        package = Path(self.build_lib) / "dice_ros"
        if not WITHOUT_MESSAGES:
            self._add_messages(package)

    def _add_messages(self, package):
        work = ROOT / "build" / "pip-messages"
        source, tree, prefix = work / "source", work / "tree", work / "prefix"
        shutil.rmtree(work, ignore_errors=True)
        (source / "dice_ros").mkdir(parents=True)
        for name in ("CMakeLists.txt", "package.xml", "dice_ros/__init__.py"):
            shutil.copy(ROOT / name, source / name)
        shutil.copytree(ROOT / "msg", source / "msg")
        scripts = sysconfig.get_path("scripts")
        environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
        prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(":")]
        environment.setdefault("AMENT_PREFIX_PATH", sys.prefix)
        configure = [
            *("cmake", "-S", str(source), "-B", str(tree), "-DCMAKE_BUILD_TYPE=Release"),
            *("-DBUILD_TESTING=OFF", "-DDICE_ROS_MESSAGES_ONLY=ON"),
            f"-DCMAKE_PREFIX_PATH={';'.join(filter(None, prefixes))}",
            f"-DPython3_EXECUTABLE={sys.executable}",
            f"-DCMAKE_INSTALL_PREFIX={prefix}",
        ]
        install = ["cmake", "--build", str(tree), "--parallel", "--target", "install"]
        for command in (configure, install):
            try:
                subprocess.run(command, check=True, env=environment)
            except (OSError, subprocess.CalledProcessError) as error:
                raise SystemExit(f"{error}\n{HELP}") from None
        (generated,) = prefix.glob("lib/python*/site-packages/dice_ros")
        for item in generated.iterdir():
            if item.name in ("__init__.py", "__pycache__"):
                continue
            copy = shutil.copytree if item.is_dir() else shutil.copy
            copy(item, package / item.name)
        self._add_data(prefix)

    def _add_data(self, prefix):
        """Shared libraries and the ament index belong beside the interpreter's own."""
        files = self.distribution.data_files
        for kind in ("lib", "share"):
            for path in sorted((prefix / kind).rglob("*")):
                relative = path.relative_to(prefix)
                if path.is_file() and "site-packages" not in relative.parts:
                    files.append((str(relative.parent), [str(path)]))


class PlatformDistribution(Distribution):
    """A wheel for this platform only, because of the messages."""

    def has_ext_modules(self):
        return not WITHOUT_MESSAGES


setup(
    cmdclass={"build_py": BuildWithMessages},
    distclass=PlatformDistribution,
    data_files=[
        ("share/dice_ros/config", ["config/dice.yaml", "config/dice.rviz", "config/fastdds.xml"]),
        ("share/dice_ros/launch", sorted(str(path) for path in Path("launch").glob("*.py"))),
        ("share/dice_ros/msg", sorted(str(path) for path in Path("msg").glob("*.msg"))),
    ],
)
