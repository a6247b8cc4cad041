"""A server process: when it is ready, and what it cost in CPU of all its threads and memory, from /proc."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
READY_WITHIN_S = 30.0


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def listening(port: int, process: asyncio.subprocess.Process) -> None:
    """Return when it takes connections. Raises `RuntimeError` if it ends, `TimeoutError` after 30 s."""
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            if process.returncode is not None:
                raise RuntimeError("the server did not start")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.02)


async def killed(process: asyncio.subprocess.Process) -> None:
    """End it without its goodbyes: what was measured is measured."""
    if process.returncode is None:
        process.kill()
    await process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of the process since its start, in seconds (10 ms steps)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Resident memory of the process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise LookupError("no VmRSS")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
