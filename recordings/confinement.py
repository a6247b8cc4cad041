"""What a process gives up before it decodes what strangers sent: memory and time without end, the network,
starting programs.

A decoder is the likeliest part to be broken into. A child that is confined can still read what its user may
read and answer through its own pipe; it cannot tell anybody else.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct

ADDRESS_SPACE_BYTES = 3 * 1024**3
"""Decoders, encoders and a few dozen pictures of 1080p take a tenth of it."""
FILE_BYTES = 16 * 1024**3
OPEN_FILES = 64

_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # the refusal reads as EPERM
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000  # the second door to the same calls on x86-64

# socket, connect, bind, execve, execveat, ptrace, process_vm_readv, process_vm_writev, io_uring_setup
_REFUSED: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, (41, 42, 49, 59, 322, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 203, 200, 221, 281, 117, 270, 271, 425)),
}


def confine(cpu_seconds: int) -> bool:
    """Bound this process for good. True when the network and other programs are out of reach, too; False
    where the kernel does not offer that."""
    limits = {
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_AS: ADDRESS_SPACE_BYTES,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (allowed, allowed))
    os.nice(10)
    return _without_network()


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when `parent_pid`, which started it, ends: whoever comes next begins
    anew, and two must not write the same files. Where the kernel is not Linux it has to end by itself."""
    if platform.system() != "Linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        raise SystemExit("the parent ended before the child began")


def _without_network() -> bool:
    known = _REFUSED.get(platform.machine())
    if platform.system() != "Linux" or known is None:
        return False
    architecture, calls = known
    # Each line: operation, how far to jump if it holds and if not, operand.
    checks = len(calls) + 1
    lines = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, checks + 2, architecture),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, checks, 0, _X32),
        *((_EQUAL, checks - 1 - number, 0, call) for number, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return not libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header), 0, 0)
