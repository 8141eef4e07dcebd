"""How many cores may this process use? Those that it is bound to, and no more than its container's quota."""

import math
import os
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")


def usable_cores(group: Path = _GROUP) -> int:
    """At least 1; a part of a core counts as one.

    Args:
        group: Where the system tells of the container's own control group (Linux, cgroup versions 1 and 2).
    """
    quota = _quota(group)
    return bound_cores() if quota is None else max(1, min(bound_cores(), math.ceil(quota)))


def bound_cores() -> int:
    """Cores that this process may run on, quota or not."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota(group: Path) -> float | None:
    """Cores' worth of time that the group may spend; None where nothing limits it."""
    try:
        if (limit := group / "cpu.max").exists():
            spend, period = limit.read_text().split()
        else:
            spend, period = ((group / "cpu" / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return float(spend) / float(period) if float(spend) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # `max`, -1, or another system
        return None
