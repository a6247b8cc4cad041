"""The way of datagrams to a media process, on which whatever was under way can fall silent for ever.

A media process is announced at an address of its own; what is sent there comes to it from a port for each
client's address and port, as behind a NAT.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

PROCESS, ANNOUNCED = "127.0.0.1", "127.0.0.9"
_LONGEST = 2_048
Address = tuple[str, int]


class Datagrams:
    """Forwards what comes to `ports` of `ANNOUNCED`."""

    def __init__(self, ports: Iterable[int]) -> None:
        self.seen: Callable[[Address, bytes], None] = lambda client, data: None
        """Called with each datagram that goes to a client."""
        self._listening = {port: _socket((ANNOUNCED, port)) for port in ports}
        self._flows: dict[tuple[int, Address], socket.socket] = {}
        self._silent: set[int] = set()
        loop = asyncio.get_running_loop()
        for port, listening in self._listening.items():
            loop.add_reader(listening, self._up, port, listening)

    def cut(self, but: str) -> None:
        """Nothing passes any more on the connections so far, but for those of one address; nobody is told.

        A connection is a port of the process: a browser would find it from another port of its own.
        """
        self._silent |= {port for port, source in self._flows if source[0] != but}

    def _up(self, port: int, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                data, source = listening.recvfrom(_LONGEST)
                flow = self._flows.get((port, source))
                if flow is None:
                    flow = self._flows[port, source] = _socket((PROCESS, 0))
                    flow.connect((PROCESS, port))
                    asyncio.get_running_loop().add_reader(flow, self._down, flow, port, source)
                if port not in self._silent:
                    flow.send(data)

    def _down(self, flow: socket.socket, port: int, source: Address) -> None:
        with suppress(OSError):
            while True:
                data = flow.recv(_LONGEST)
                if port not in self._silent:
                    self._listening[port].sendto(data, source)
                    self.seen(source, data)

    def close(self) -> None:
        """Lets go of every port."""
        loop = asyncio.get_running_loop()
        for each in (*self._listening.values(), *self._flows.values()):
            loop.remove_reader(each)
            each.close()


def _socket(address: Address) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.bind(address)
    return made


@contextmanager
def relayed(ports: Iterable[int]) -> Iterator[Datagrams]:
    """A relay from entering to leaving."""
    made = Datagrams(ports)
    try:
        yield made
    finally:
        made.close()
