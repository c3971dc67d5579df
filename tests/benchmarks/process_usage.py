"""What processes have used so far: CPU time and memory, as Linux tells in /proc."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
#: Places in `stat` behind the name: user and system time.
_TIMES = slice(11, 13)


def processes(name: str) -> list[int]:
    """Ids of all processes of this name on this machine."""
    return [int(path.parent.name) for path in _PROC.glob("[0-9]*/comm") if _text(path).strip() == name]


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """CPU time so far of each process that still runs, all its threads included, by its id."""
    stats = {pid: _text(_PROC / str(pid) / "stat").rpartition(")")[2].split() for pid in pids}
    return {pid: sum(map(int, stat[_TIMES])) / _TICKS for pid, stat in stats.items() if stat}


def cpu_used(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU time between two looks; what has ended meanwhile is left out."""
    return sum(seconds - before.get(pid, 0) for pid, seconds in after.items())


def peak_memory(process: int | str = "self") -> int:
    """The most octets of memory that a running process has had, given by its id."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", _text(_PROC / str(process) / "status"))
    if peak is None:
        raise AssertionError("this system does not tell a process's peak memory")
    return int(peak[1]) * 1024


def _text(path: Path) -> str:
    """Empty when the process has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
