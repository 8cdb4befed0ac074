#!/usr/bin/env bash
# Everything worth measuring on an NVIDIA GPU, in one go: builds, checks, times; table last.
#   bash bench/gpu.sh
# Run it in the environment that has dice_ros with its extras dice and, for more, tensorrt or rtx.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

nvidia-smi --query-gpu=name,compute_cap,memory.total,driver_version --format=csv || {
  echo "no NVIDIA GPU: nothing to measure" >&2
  exit 1
}
"$python" -m dice_ros.cli.main assets
"$python" -m pytest -q test/engine test/networks
"$python" -m dice_ros.cli.main build --synthetic || echo "no faster engine than eager here"
"$python" bench/engine.py --device cuda --rounds 200 --compile
