#!/usr/bin/env bash
# Make the virtual environment $1 with the first suitable Python, or with $PYTHON.
set -euo pipefail
venv=$1

suitable() {
  "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
    if suitable "$candidate"; then python=$candidate; break; fi
  done
elif ! suitable "$python"; then
  echo "PYTHON=$python is not a Python 3.10 to 3.13" >&2
  exit 1
fi
if [ -z "$python" ]; then
  echo "no Python 3.10 to 3.13 found: apt install python3 python3-venv, or make PYTHON=..." >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "$python cannot make virtual environments: apt install python3-venv" >&2
  exit 1
fi
if ! command -v c++ >/dev/null; then
  echo "no C++ compiler found: apt install g++" >&2
  exit 1
fi
if ! "$python" -c 'import os, sysconfig; assert os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null; then
  echo "the C headers of $python are missing: apt install python3-dev" >&2
  exit 1
fi
if [ "$(uname -sm)" != "Linux x86_64" ]; then
  echo "the ROS 2 wheels are for Linux x86-64, this is $(uname -sm): use ROS 2 from apt and colcon" >&2
  exit 1
fi
echo "making $venv with $("$python" --version) ..."
"$python" -m venv "$venv"
