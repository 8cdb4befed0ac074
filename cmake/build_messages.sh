#!/usr/bin/env bash
# Build the messages of the source folder $1 in the folder $2 and install them into the environment $3.
set -euo pipefail
source=$1 build=$2 prefix=$3

rm -rf "$build/source"
mkdir -p "$build/source/dice_ros"
cp -r "$source/CMakeLists.txt" "$source/package.xml" "$source/msg" "$build/source/"
# With its own time: CMake installs no file whose time is that of what lies there, and another
# __init__.py, made a moment ago, does.
cp -p "$source/dice_ros/__init__.py" "$build/source/dice_ros/"
log=$build/build.log
export PATH="$prefix/bin:$PATH" AMENT_PREFIX_PATH="$prefix"
run() {
  "$@" >>"$log" 2>&1 || { tail -n 30 "$log" >&2; echo "building messages failed; all of it: $log" >&2; exit 1; }
}
: >"$log"
run cmake -S "$build/source" -B "$build/tree" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DBUILD_TESTING=OFF -DDICE_ROS_MESSAGES_ONLY=ON \
  "-DCMAKE_PREFIX_PATH=$prefix" "-DPython3_EXECUTABLE=$prefix/bin/python" \
  "-DCMAKE_INSTALL_PREFIX=$prefix"
run ninja -C "$build/tree" install
