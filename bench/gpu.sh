#!/usr/bin/env bash
# Everything worth measuring on an NVIDIA GPU, in one go: builds, checks, times; tables last, JSON
# in bench/results (or the folder named in OUT). Takes up to an hour; needs no network once
# `dice-ros assets` has run.
#   bash bench/gpu.sh
# Run it in the environment that has dice_ros with its extras dice and, for more, tensorrt or rtx.
# What is missing or fails is said and left out; the exit code is 1 if anything failed.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${OUT:-bench/results}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
failed=()

step() {
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  "$@" || failed+=("$name")
}

nvidia-smi --query-gpu=name,compute_cap,memory.total,driver_version --format=csv || {
  echo "no NVIDIA GPU: nothing to measure" >&2
  exit 1
}
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || {
  echo "PyTorch sees no GPU: install its CUDA build" >&2
  exit 1
}
# Engines of random weights are of no use afterwards.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export DICE_ROS_ENGINES=$scratch/engines

step "assets" "$python" -m dice_ros.cli.main assets
step "tests" "$python" -m pytest -q test/engine test/networks
if "$python" -c 'import torch_tensorrt' 2> "$scratch/why"; then
  step "coverage of Torch-TensorRT" "$python" -m dice_ros.cli.main build --synthetic --coverage
else
  printf '\n== no Torch-TensorRT: %s\n' "$(tail -n 1 "$scratch/why")"
fi
step "build and prove" "$python" -m dice_ros.cli.main build --synthetic --device cuda
step "memory" "$python" bench/engine_memory.py --device cuda --out "$out"
step "speed" "$python" bench/engine.py --device cuda --rounds 200 --compile --out "$out"
if ((${#failed[@]})); then
  printf '\nfailed: %s\n' "${failed[*]}" >&2
  exit 1
fi
