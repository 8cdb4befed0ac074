"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import numpy as np


def machine() -> dict[str, str | int]:
    """Processor, number of CPUs, versions, date; name, capability and driver of GPUs."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "cpus": os.cpu_count() or 0,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": datetime.now(timezone.utc).date().isoformat(),
    } | _gpus()


def _gpus() -> dict[str, str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    asked = "--query-gpu=name,compute_cap,memory.total,driver_version"
    command = [program, asked, "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"gpus": "; ".join(done.stdout.splitlines())} if done.returncode == 0 else {}
