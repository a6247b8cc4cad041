"""The media processes of a host, from the server's side: started, watched, ended, and started again.

A room lives in one process. When that process ends by itself, each of its rooms is told as lost, with a code,
and the process is started again for the rooms to come; nothing else of the server notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from media.control import Control, Object
from media.errors import MediaError

log = logging.getLogger(__name__)

#: Loading the libraries takes a second or two; a machine that is busy takes longer.
STARTS_WITHIN_S = 30.0
#: Goodbyes to every participant, then the process is killed.
ENDS_WITHIN_S = 5.0
#: Between a crash and the next start, doubled while starts fail, so that a broken host is not kept busy.
RESTART_S, LONGEST_RESTART_S = 0.5, 30.0


class _Process:
    """One media process and the rooms it was given."""

    def __init__(self, command: Sequence[str], path: Path, pool: Pool) -> None:
        self._command = [*command, str(path)]
        self._path = path
        self._pool = pool
        self.control: Control | None = None
        self.rooms: set[str] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()

    async def start(self) -> None:
        """Start it and keep it running. Raises `worker_lost` if the first start fails."""
        await self._start()
        self._keeping = asyncio.create_task(self._keep())

    async def _start(self) -> None:
        self._lost.clear()
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None  # noqa: S101 - asked for a line above
            async with asyncio.timeout(STARTS_WITHIN_S):
                ready = await process.stdout.readline()
            if ready.strip() != b"ready":
                raise MediaError("worker_lost")
            self.control = await Control.connect(self._path, self._pool.on_event, self._lost.set)
        except (TimeoutError, OSError, MediaError) as fault:
            log.error("a media process did not start: %s", str(fault) or type(fault).__name__)
            await self._end()
            raise MediaError("worker_lost") from None

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            await self._end()
            rooms, self.rooms = self.rooms, set()
            log.error("a media process ended by itself; %d rooms were lost", len(rooms))
            for room in sorted(rooms):
                self._pool.lost(room)
            delay = RESTART_S
            while self.control is None:
                await asyncio.sleep(delay)
                delay = min(2 * delay, LONGEST_RESTART_S)
                with contextlib.suppress(MediaError):
                    await self._start()

    async def _end(self) -> None:
        process, control, self.control = self._process, self.control, None
        if control is not None:
            await control.close()
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        self._process = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._end()


class Pool:
    """`count` media processes. `command` starts one when the path of its socket is added.

    `on_event` gets the events of all rooms. The loss of a process comes as one event for each of its rooms:
    `{"event": "lost", "room", "code": "worker_lost"}`.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, on_event: Callable[[Object], None], count: int = 1
    ) -> None:
        self.on_event = on_event
        self._processes = [
            _Process(command, folder / f"media-{number}.sock", self) for number in range(count)
        ]
        self._of_room: dict[str, _Process] = {}

    @property
    def pids(self) -> list[int]:
        """The processes that run."""
        return [process.pid for process in self._processes if process.pid is not None]

    async def start(self) -> None:
        """Start all. Raises `worker_lost` if one does not start; those that did are ended."""
        try:
            for process in self._processes:
                await process.start()
        except MediaError:
            await self.close()
            raise

    async def open(self, room: str) -> None:
        """Open a room where most places are. Raises what the process answers, or `worker_lost`."""
        places = {process: said["places"] for process, said in (await self._stats()).items()}
        if room in self._of_room:
            raise MediaError("room_exists")
        running = [process for process in places if process.control is not None]
        if not running:
            raise MediaError("worker_lost")
        # Rooms that are open and empty do not show in the places.
        process = max(running, key=lambda one: (places[one], -len(one.rooms)))
        process.rooms.add(room)
        self._of_room[room] = process
        try:
            await self.call("open", room)
        except MediaError:
            self._forget(room)
            raise

    async def call(self, verb: str, room: str, **arguments: Any) -> Object:
        """Ask the process of this room. Raises what it answers, `room_unknown` or `worker_lost`."""
        process = self._of_room.get(room)
        if process is None:
            raise MediaError("room_unknown")
        if process.control is None:
            raise MediaError("worker_lost")
        return await process.control.call(verb, room=room, **arguments)

    async def close_room(self, room: str) -> None:
        """End a room. One that is gone already is harmless."""
        with contextlib.suppress(MediaError):
            await self.call("close", room)
        self._forget(room)

    async def stats(self) -> list[Object]:
        """What each running process says of itself; one that ends meanwhile says nothing."""
        return list((await self._stats()).values())

    async def _stats(self) -> dict[_Process, Object]:
        said: dict[_Process, Object] = {}

        async def ask(process: _Process, control: Control) -> None:
            with contextlib.suppress(MediaError):
                said[process] = await control.call("stats")

        running = [(one, one.control) for one in self._processes if one.control is not None]
        await asyncio.gather(*(ask(process, control) for process, control in running))
        return {process: said[process] for process, _ in running if process in said}

    def lost(self, room: str) -> None:
        """A process ended under this room."""
        self._forget(room)
        self.on_event({"event": "lost", "room": room, "code": "worker_lost"})

    def _forget(self, room: str) -> None:
        process = self._of_room.pop(room, None)
        if process is not None:
            process.rooms.discard(room)

    async def close(self) -> None:
        """End every process. Twice is harmless."""
        await asyncio.gather(*(process.close() for process in self._processes))
