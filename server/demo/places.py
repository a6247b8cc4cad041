"""Where the demo is: on this machine alone, or for the phones of its network."""

from __future__ import annotations

import datetime
import socket
import ssl
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from server.demo.authority import Authority, is_unrouted

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104
"""What --https is for, and it says so."""
ELSEWHERE = ("192.0.2.1", 9)
"""An address that no machine has (RFC 5737): asking which way it lies sends nothing."""


class NoNetwork(Exception):
    """This machine has no address at which a phone could find it. The text is one sentence."""


@dataclass(frozen=True, slots=True)
class Https:
    """What serves and is trusted where phones come in, and where they fetch what to trust."""

    authority: Authority
    serving: ssl.SSLContext
    trust_url: str
    trust_port: int


@dataclass(frozen=True, slots=True)
class Places:
    """The demo's addresses. `desk` and `room` are origins; `port` is the desk's, the room has the next.

    `address` is this machine's, as browsers that come to these places know it; calls go there, too.
    """

    port: int
    bind: str
    address: str
    desk: str
    room: str
    https: Https | None = None


def ports_from(port: int, https: bool) -> tuple[int, ...]:
    """All that must be free: the desk's, the room's, and where phones fetch what to trust."""
    return (port, port + 1, port + 2) if https else (port, port + 1)


def on_this_machine(port: int) -> Places:
    """Two sites for the browser, so that the widget's frame is a real third party."""
    return Places(port, LOOPBACK, LOOPBACK, f"http://{LOOPBACK}:{port}", f"http://localhost:{port + 1}")


def in_this_network(port: int, folder: Path, address: IPv4Address, now: datetime.datetime) -> Places:
    """The same at this machine's address, over TLS. Raises `NoNetwork` for one that the internet routes."""
    if not is_unrouted(address):
        raise NoNetwork(
            f"{address} 是公网地址，演示不在公网上开 · "
            f"{address} is an address of the open internet, where no demo belongs."
        )
    authority = Authority.kept(folder, now)
    return Places(
        port,
        EVERYWHERE,
        str(address),
        f"https://{address}:{port}",
        f"https://{address}:{port + 1}",
        Https(
            authority=authority,
            serving=authority.serving(address, now),
            trust_url=f"http://{address}:{port + 2}/",
            trust_port=port + 2,
        ),
    )


def own_address() -> IPv4Address:
    """This machine's address towards its network. Raises `NoNetwork`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
            address = IPv4Address(probe.getsockname()[0])
        except OSError:
            raise NoNetwork(
                "这台机器不在任何网络里，手机连不上 · this machine is in no network that a phone could join."
            ) from None
    return address
