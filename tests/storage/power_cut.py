"""A disk that remembers what was written when, and what a power cut would leave of it.

`Recorder` puts itself under SQLite as its default file system (a VFS): everything is written to real files as
always, and each write, truncation and sync is also kept in order. `after_cut` makes the files as a power cut
at a moment leaves them: whatever was synced before is there; of what was written since, some arrived and some
did not, and the last write that did may be torn in a sector.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

SECTOR = 512
"""What a disk writes in one piece."""
_OK = 0

_pointer = ctypes.c_void_p
_open_type = ctypes.CFUNCTYPE(ctypes.c_int, _pointer, _pointer, _pointer, ctypes.c_int, _pointer)
_delete_type = ctypes.CFUNCTYPE(ctypes.c_int, _pointer, _pointer, ctypes.c_int)
_write_type = ctypes.CFUNCTYPE(ctypes.c_int, _pointer, _pointer, ctypes.c_int, ctypes.c_int64)
_truncate_type = ctypes.CFUNCTYPE(ctypes.c_int, _pointer, ctypes.c_int64)
_sync_type = ctypes.CFUNCTYPE(ctypes.c_int, _pointer, ctypes.c_int)


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs` of SQLite's C interface, up to the methods that are replaced."""

    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", _pointer),
        ("zName", ctypes.c_char_p),
        ("pAppData", _pointer),
        ("xOpen", _open_type),
        ("xDelete", _delete_type),
        ("others", _pointer * 16),
    ]


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`: what SQLite calls on an open file."""

    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("xClose", _pointer),
        ("xRead", _pointer),
        ("xWrite", _write_type),
        ("xTruncate", _truncate_type),
        ("xSync", _sync_type),
        ("others", _pointer * 13),
    ]


class _File(ctypes.Structure):
    _fields_ = [("methods", ctypes.POINTER(_Methods))]


@dataclass(frozen=True, slots=True)
class Step:
    """Something done to a file of the database. `sync` makes the steps before it lasting."""

    what: Literal["write", "truncate", "sync", "delete"]
    name: str
    offset: int = 0
    data: bytes = b""


@dataclass(slots=True)
class Recorder:
    """The steps so far, in order."""

    steps: list[Step] = field(default_factory=list)

    @property
    def moment(self) -> int:
        """How many steps were done: a moment at which the power may be cut."""
        return len(self.steps)


@contextmanager
def recording(folder: Path) -> Iterator[Recorder]:
    """Records what SQLite does to files in `folder` through connections opened meanwhile."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    library.sqlite3_vfs_register.argtypes = [ctypes.POINTER(_Vfs), ctypes.c_int]
    library.sqlite3_vfs_unregister.argtypes = [ctypes.POINTER(_Vfs)]
    original: Any = library.sqlite3_vfs_find(None)
    recorder = Recorder()
    names: dict[int, str] = {}
    kept: list[Any] = []
    tables: dict[int, _Methods] = {}

    def methods_of(real: Any) -> _Methods:
        """A copy of a file's methods that also records; one for each table of the original file system."""
        address = ctypes.addressof(real)
        if address not in tables:
            tables[address] = _recording_methods(real, recorder, names)
        return tables[address]

    # Names stay pointers: SQLite's own file system keeps them for as long as the file is open.
    def x_open(_vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        code: int = original.contents.xOpen(ctypes.addressof(original.contents), name, file, flags, out)
        path = Path(ctypes.string_at(name).decode()) if name else None
        if code == _OK and path is not None and path.parent == folder:
            names[file] = path.name
            opened = _File.from_address(file)
            opened.methods = ctypes.pointer(methods_of(opened.methods.contents))
        return code

    def x_delete(_vfs: int, name: int, sync_folder: int) -> int:
        code: int = original.contents.xDelete(ctypes.addressof(original.contents), name, sync_folder)
        path = Path(ctypes.string_at(name).decode())
        if code == _OK and path.parent == folder:
            recorder.steps.append(Step("delete", path.name))
        return code

    shim = _Vfs.from_buffer_copy(original.contents)
    shim.zName = b"recorder"
    shim.xOpen, shim.xDelete = _open_type(x_open), _delete_type(x_delete)
    kept += [shim, tables]
    library.sqlite3_vfs_register(ctypes.byref(shim), 1)
    try:
        yield recorder
    finally:
        library.sqlite3_vfs_unregister(ctypes.byref(shim))
        library.sqlite3_vfs_register(original, 1)
        kept.clear()


def _recording_methods(real: _Methods, recorder: Recorder, names: dict[int, str]) -> _Methods:
    write, truncate, sync = real.xWrite, real.xTruncate, real.xSync

    def recorded(call: Callable[[], int], step: Step) -> int:
        code = call()
        if code == _OK:
            recorder.steps.append(step)
        return code

    def x_write(file: int, data: int, length: int, offset: int) -> int:
        step = Step("write", names[file], offset, ctypes.string_at(data, length))
        return recorded(lambda: write(file, data, length, offset), step)

    def x_truncate(file: int, size: int) -> int:
        return recorded(lambda: truncate(file, size), Step("truncate", names[file], size))

    def x_sync(file: int, flags: int) -> int:
        return recorded(lambda: sync(file, flags), Step("sync", names[file]))

    methods = _Methods.from_buffer_copy(real)
    methods.xWrite, methods.xTruncate = _write_type(x_write), _truncate_type(x_truncate)
    methods.xSync = _sync_type(x_sync)
    return methods


def after_cut(steps: list[Step], chance: random.Random, folder: Path) -> None:
    """Make in `folder` the files as a power cut after these steps leaves them."""
    files: dict[str, bytearray] = {}
    for name in dict.fromkeys(step.name for step in steps):
        own = [step for step in steps if step.name == name]
        lasting = max(
            (place for place, step in enumerate(own) if step.what in ("sync", "delete")), default=-1
        )
        content = bytearray()
        for step in own[: lasting + 1]:
            _do(step, content)
        pending = own[lasting + 1 :]
        arrived = [step for step in pending if chance.random() < 0.5]
        for step in arrived[:-1]:
            _do(step, content)
        if arrived:
            _do(_torn(arrived[-1], chance), content)
        deleted = lasting >= 0 and own[lasting].what == "delete"
        if arrived or not deleted:
            files[name] = content
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _torn(step: Step, chance: random.Random) -> Step:
    """The step as far as it got: whole, or up to a sector in the middle of it."""
    sectors = chance.randint(0, len(step.data) // SECTOR + 1)
    return Step(step.what, step.name, step.offset, step.data[: sectors * SECTOR])


def _do(step: Step, content: bytearray) -> None:
    match step.what:
        case "write":
            end = step.offset + len(step.data)
            if len(content) < end:
                content.extend(bytes(end - len(content)))
            content[step.offset : end] = step.data
        case "truncate":
            del content[step.offset :]
        case "delete":
            content.clear()
        case "sync":
            pass
