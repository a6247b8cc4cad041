"""A media process: its rooms, its clock, its measure of itself, and the socket by which it is commanded.

It lives as long as its standard input is open: the server that started it holds the other end, and a server
that dies leaves no process behind. What one request does wrong is answered with a code; what fails unforeseen
is logged, answered `internal`, and the rooms go on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

from media import limits
from media.control import MOST_WAITING, VERBS, Arguments, Object, checked, failure, packed, read
from media.counts import COUNTS
from media.errors import MediaError
from media.ice import Ports
from media.room import Room

log = logging.getLogger(__name__)

#: The clock of a process: lag is measured every beat, silence every fifth, reports go out every twentieth.
BEAT_S, WATCH_BEATS, TICK_BEATS = 0.05, 5, 20
#: Seconds of its own CPU and lag that a process judges itself by.
JUDGED_S = 5


@dataclass(frozen=True, slots=True)
class Verb:
    """What a request asks for: the shape of its arguments, and what is done."""

    arguments: Arguments
    handle: Callable[[Object], Awaitable[Object]]


@dataclass(slots=True, eq=False)
class _Connection:
    writer: StreamWriter
    subscribed: bool = False


@dataclass(slots=True)
class _Measured:
    """The process's own last seconds."""

    cpu: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=JUDGED_S + 1))
    lags: deque[float] = field(default_factory=lambda: deque(maxlen=int(JUDGED_S / BEAT_S)))
    joined: deque[float] = field(default_factory=deque)

    def load(self, now: float) -> limits.Load:
        while self.joined and now - self.joined[0] > JUDGED_S:
            self.joined.popleft()
        busy = 0.0
        if len(self.cpu) > 1:
            (start, spent), (end, spent_then) = self.cpu[0], self.cpu[-1]
            busy = (spent_then - spent) / max(0.001, end - start)
        ordered = sorted(self.lags)
        lag = ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0.0
        return limits.Load(round(busy, 4), round(lag, 4), len(self.joined))


class Worker:
    """The rooms of one process. Whoever composes it may add verbs of his own."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._rooms: dict[str, Room] = {}
        self._connections: set[_Connection] = set()
        self._measured = _Measured()
        handlers: Mapping[str, Callable[[Object], Awaitable[Object]]] = {
            "open": self._open,
            "join": self._join,
            "answer": self._answer,
            "role": self._role,
            "leave": self._leave,
            "route": self._route,
            "sends": self._sends,
            "close": self._close,
            "stats": self._stats,
        }
        self.verbs = {name: Verb(VERBS[name], handle) for name, handle in handlers.items()}

    # The verbs.

    def room(self, name: str) -> Room:
        """The room of this name. Raises `room_unknown`."""
        found = self._rooms.get(name)
        if found is None:
            raise MediaError("room_unknown")
        return found

    async def _open(self, asked: Object) -> Object:
        if asked["room"] in self._rooms:
            raise MediaError("room_exists")
        if len(self._rooms) >= limits.MOST_ROOMS:
            raise MediaError("busy")
        self._rooms[asked["room"]] = Room(asked["room"], self._ports, self.tell)
        return {}

    async def _join(self, asked: Object) -> Object:
        room, now = self.room(asked["room"]), time.monotonic()
        # Who comes back was let in before, and his old connection makes room; so were a call's first two.
        more = not room.knows(asked["participant"]) and room.people >= limits.CALL
        if more and not self._places(self._measured.load(now), room):
            raise MediaError("busy")
        offer = await room.join(asked["participant"], asked["role"])
        self._measured.joined.append(now)
        return {"sdp": offer}

    async def _answer(self, asked: Object) -> Object:
        self.room(asked["room"]).answer(asked["participant"], asked["sdp"])
        return {}

    async def _role(self, asked: Object) -> Object:
        self.room(asked["room"]).become(asked["participant"], asked["role"])
        return {}

    async def _leave(self, asked: Object) -> Object:
        await self.room(asked["room"]).leave(asked["participant"])
        return {}

    async def _route(self, asked: Object) -> Object:
        return {"seats": self.room(asked["room"]).route(asked["listener"], asked["source"], asked["kinds"])}

    async def _sends(self, asked: Object) -> Object:
        self.room(asked["room"]).sends(asked["participant"], asked["anything"])
        return {}

    async def _close(self, asked: Object) -> Object:
        room = self.room(asked["room"])
        del self._rooms[asked["room"]]
        await room.close()
        return {}

    async def _stats(self, asked: Object) -> Object:
        connections = sum(room.connections for room in self._rooms.values())
        load = self._measured.load(time.monotonic())
        return {
            "rooms": len(self._rooms),
            "connections": connections,
            "places": self._places(load),
            **asdict(load),
            **asdict(COUNTS),
        }

    def _places(self, load: limits.Load, room: Room | None = None) -> int:
        """How many more are taken: into this room, or into another one."""
        others = (other for other in self._rooms.values() if other is not room)
        return limits.places(load, any(other.connections for other in others))

    # The socket.

    def tell(self, event: Object) -> None:
        """Send an event to everybody who subscribed. Who does not read is let go."""
        frame = packed(event)
        for connection in list(self._connections):
            if connection.subscribed:
                self._write(connection, frame)

    def _write(self, connection: _Connection, frame: bytes) -> None:
        if connection.writer.is_closing():  # its other end went, and asyncio has seen it
            self._connections.discard(connection)
            return
        if connection.writer.transport.get_write_buffer_size() > MOST_WAITING:
            log.warning("a control connection was ended: %s", MediaError("too_slow"))
            connection.writer.transport.abort()
            self._connections.discard(connection)
            return
        connection.writer.write(frame)

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One control connection, to its end."""
        connection = _Connection(writer)
        self._connections.add(connection)
        try:
            while True:
                try:
                    request = await read(reader)
                except MediaError as fault:
                    self._write(connection, packed(failure(None, fault.code)))
                    if fault.code == "frame_too_large":
                        return  # where the next frame starts is not known
                    continue
                self._write(connection, packed(await self._handled(connection, request)))
        except (EOFError, ConnectionError):
            return
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _handled(self, connection: _Connection, request: Object) -> Object:
        identifier, verb = request.get("id"), request.get("verb")
        if not isinstance(identifier, int) or not isinstance(verb, str):
            return failure(None, "frame_malformed")
        try:
            if verb == "subscribe":
                checked(request, VERBS[verb])
                connection.subscribed = True
                return {"id": identifier, "ok": {}}
            known = self.verbs.get(verb)
            if known is None:
                return failure(identifier, "verb_unknown")
            return {"id": identifier, "ok": await known.handle(checked(request, known.arguments))}
        except MediaError as fault:
            return failure(identifier, fault.code)
        except Exception:
            log.exception("a request of the control protocol failed: %s", verb)
            return failure(identifier, "internal")

    # Life.

    async def keep_time(self) -> None:
        """Run the clock of every room, until cancelled."""
        beats, ticked, due = 0, time.monotonic(), time.monotonic()
        while True:
            due += BEAT_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self._measured.lags.append(max(0.0, now - due))
            due = max(due, now - BEAT_S)
            beats += 1
            if beats % WATCH_BEATS == 0:
                self._each(Room.watch, now)
            if beats % TICK_BEATS == 0:
                self._measured.cpu.append((now, time.process_time()))
                self._each(Room.tick, now - ticked)
                ticked = now

    def _each(self, act: Callable[[Room, float], None], value: float) -> None:
        """Do it in every room: what goes wrong in one is no matter of the others."""
        for room in list(self._rooms.values()):
            try:
                act(room, value)
            except Exception:
                log.exception("the clock of a room failed: %s", room.name)

    async def close(self) -> None:
        """End every room and connection."""
        rooms = list(self._rooms.values())
        self._rooms.clear()
        await asyncio.gather(*(room.close() for room in rooms))
        for connection in list(self._connections):
            connection.writer.close()

    async def run(self, path: Path) -> None:
        """Serve at this path until a signal, or until standard input ends. `ready` is printed first.

        A clock that dies ends the process with its error: who started it starts another.
        """
        server = await asyncio.start_unix_server(self.serve, path)
        await asyncio.to_thread(path.chmod, 0o600)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_reader(sys.stdin.fileno(), _at_end, sys.stdin.fileno(), stop.set)
        clock = asyncio.create_task(self.keep_time())
        clock.add_done_callback(lambda _: stop.set())
        # What was loaded stays: to look through it again would hold up every call for ten milliseconds.
        gc.collect()
        gc.freeze()
        print("ready", flush=True)
        await stop.wait()
        loop.remove_reader(sys.stdin.fileno())
        clock.cancel()
        server.close()
        await self.close()
        await asyncio.to_thread(path.unlink, missing_ok=True)
        with contextlib.suppress(asyncio.CancelledError):
            await clock


def _at_end(source: int, then: Callable[[], None]) -> None:
    if not os.read(source, 64):
        then()


def ports_from(arguments: argparse.Namespace) -> Ports:
    """The sockets that the command line allows."""
    first, _, last = arguments.ports.partition("-")
    return Ports(arguments.bind, range(int(first), int(last) + 1), arguments.announce)


def run(process: Worker, path: Path) -> None:
    """Serve at this path, in a loop of its own, until a signal or the end of standard input.

    Most wake-ups bring one packet or a few, so that what the loop itself costs counts: with asyncio's own,
    recorded calls took 6 to 13 % more CPU.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(process.run(path))


def parser() -> argparse.ArgumentParser:
    """The command line of a media process."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("socket", type=Path, help="where to listen for the control protocol")
    made.add_argument("--bind", default="127.0.0.1", help="the address of the UDP sockets")
    made.add_argument("--announce", help="the address in the offers, where it is another")
    made.add_argument("--ports", default="40000-43999", help="the UDP ports, first-last")
    return made


if __name__ == "__main__":
    chosen = parser().parse_args()
    run(Worker(ports_from(chosen)), chosen.socket)
