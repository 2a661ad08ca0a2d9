"""How many threads of computation this process may usefully run."""

from __future__ import annotations

import math
import os
from pathlib import Path


def physical_cores() -> int:
    """The physical cores that this process may use: its affinity and its container's share, at least 1."""
    try:
        logical = os.sched_getaffinity(0)
    except AttributeError:  # outside Linux nothing tells threads from cores
        return max(1, (os.cpu_count() or 2) // 2)
    siblings = Path("/sys/devices/system/cpu")
    cores = set()
    for processor in logical:
        try:
            cores.add((siblings / f"cpu{processor}/topology/thread_siblings_list").read_text())
        except OSError:
            cores.add(str(processor))
    return max(1, min(len(cores), _container_share()))


def _container_share() -> int:
    """The whole processors that a container's limit amounts to; very many where there is no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return 1 << 20
