"""A network that can be bad: a TCP proxy that cuts, falls silent, and tampers with what a server says."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

CHUNK = 65_536

Tamper = Callable[[str], list[str]]
"""What is to be forwarded for a text frame of the server: it, nothing, or others that were held back."""


class Proxy:
    """Listens on a port of its own and forwards to `target`.

    With `tamper` it forwards to a livedesk, and each connection's frames go through a `tamper()` of its own.
    """

    def __init__(self, target: int, tamper: Callable[[], Tamper] | None = None) -> None:
        self.tamper = tamper
        self.port = 0
        self._target = target
        self._server: asyncio.Server
        self._through = asyncio.Event()
        self._through.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Begins to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cuts everything and stops listening."""
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def freeze(self, *, later: bool = True) -> None:
        """From now on nothing passes and nobody is told: no FIN, no RST. New connections too, if `later`."""
        self._through.clear()
        if not later:
            self._through = asyncio.Event()
            self._through.set()

    def thaw(self) -> None:
        """What was held passes, and all that follows."""
        self._through.set()

    def cut(self) -> None:
        """Resets every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        through = self._through
        others: set[asyncio.StreamWriter] = {writer}
        try:
            await through.wait()
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
            others.add(forth)
            self._writers.add(forth)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, forth, through))
                if self.tamper is None:
                    group.create_task(self._copy(back, writer, through))
                else:
                    group.create_task(self._answers(back, writer, through, self.tamper()))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in others:
                each.transport.abort()
            self._writers -= others

    @staticmethod
    async def _copy(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, through: asyncio.Event
    ) -> None:
        """Forwards bytes to their end, and the end too."""
        while data := await reader.read(CHUNK):
            await through.wait()
            writer.write(data)
            await writer.drain()
        await through.wait()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _answers(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        through: asyncio.Event,
        tamper: Tamper,
    ) -> None:
        """The server's side: answer by answer, then frame by frame once the connection is a WebSocket."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await through.wait()
            writer.write(head)
            if head.startswith(b"HTTP/1.1 101"):
                break
            size = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
            if size is not None:
                writer.write(await reader.readexactly(int(size[1])))
        while True:
            opcode, payload = await _frame(reader)
            await through.wait()
            if opcode == 0x81:
                for text in tamper(payload.decode()):
                    writer.write(_framed(0x81, text.encode()))
            else:
                writer.write(_framed(opcode, payload))
            await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next frame of a server: whole and unmasked (RFC 6455, section 5.2)."""
    opcode, size = await reader.readexactly(2)
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    return opcode, await reader.readexactly(size)


def _framed(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65_536:
        return bytes((opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((opcode, 127)) + size.to_bytes(8, "big") + payload


@asynccontextmanager
async def proxied(target: int, tamper: Callable[[], Tamper] | None = None) -> AsyncIterator[Proxy]:
    """A proxy from entering to leaving."""
    proxy = Proxy(target, tamper)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
