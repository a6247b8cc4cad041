"""Whether a TURN server (RFC 8656) relays for our participants to the media process, and nothing else.

It asks as a browser would. What must not be possible is tried, too: a relay that reaches into its own
network, or that serves anybody, is worse than none.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from aioice.stun import TransactionError, TransactionFailed
from aioice.turn import TurnClientProtocol, TurnClientTcpProtocol, TurnClientUdpProtocol

ANSWERS_WITHIN_S: Final = 4.0
"""Of a relay that answers at all; a lost datagram is sent again after half a second."""
LIFETIME_S: Final = 60
CHANNELS: Final = range(0x4000, 0x4FFF)
PORT: Final = 9
"""Discard (RFC 863): nothing is sent there."""
INSIDE: Final = (
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104 - an address that must not be reached
    "10.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "::1",
    "::ffff:127.0.0.1",
)
"""Of each kind of network that is not the internet; the fourth is where clouds keep a machine's secrets."""

Fault = Literal[
    "unreachable",
    "certificate",
    "credentials_refused",
    "full",
    "refused",
    "open",
    "media_refused",
    "reaches_inside",
]

SENTENCES: Final[dict[Fault, str]] = {
    "unreachable": "does not answer",
    "certificate": "answers with a certificate that browsers do not trust",
    "credentials_refused": "refuses our credentials: compare LIVEDESK_TURN_SECRET and both clocks",
    "full": "has no room for one more: see user-quota and total-quota in docs/turn.md",
    "refused": "does not relay for us; its own log says why",
    "open": "serves anybody, whatever the credentials: close it now (docs/turn.md)",
    "media_refused": "does not reach the media process: see allowed-peer-ip in docs/turn.md",
    "reaches_inside": "reaches addresses inside of its network: see denied-peer-ip in docs/turn.md",
}
"""What whoever keeps the server is to read."""

REFUSALS: Final[dict[int, Fault]] = {401: "credentials_refused", 486: "full", 508: "full"}
"""Of an allocation, by the code of its error (RFC 8656 sections 5 and 7.4)."""

_URL = re.compile(r"(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?")


@dataclass(frozen=True, slots=True)
class Relay:
    """An address of a TURN server (RFC 7065)."""

    host: str
    port: int
    transport: Literal["udp", "tcp"]
    tls: bool


def relay_of(url: str) -> Relay:
    """What a `turn:` or `turns:` address says, with the defaults of RFC 7065."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("no address of a TURN server")
    scheme, host, port, transport = found.groups()
    tls = scheme == "turns"
    over_tcp = transport == "tcp" or (tls and transport is None)
    return Relay(host.strip("[]"), int(port or (5349 if tls else 3478)), "tcp" if over_tcp else "udp", tls)


async def examined(relay: Relay, username: str, credential: str, media: str) -> Fault | None:
    """The first thing that is wrong with a relay. `media` is the address at which browsers reach us."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S), allocated(relay, username, credential) as found:
            if not await reaches(found, CHANNELS[0], media):
                return "media_refused"
            inside = [address for address in INSIDE if address != media]
            for channel, address in zip(CHANNELS[1:], inside, strict=False):
                if await reaches(found, channel, address):
                    return "reaches_inside"
    except TransactionFailed as refused:
        return REFUSALS.get(refused.response.error_code or 0, "refused")
    except ssl.SSLCertVerificationError:
        return "certificate"
    except (TimeoutError, OSError, TransactionError):
        return "unreachable"
    return "open" if await _open(relay, username) else None


async def _open(relay: Relay, username: str) -> bool:
    """Whether it serves somebody who has nothing but a name."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S), allocated(relay, username, "nobody told me"):
            return True
    except (TimeoutError, OSError, TransactionError):
        return False


@asynccontextmanager
async def allocated(relay: Relay, username: str, credential: str) -> AsyncIterator[TurnClientProtocol]:
    """An allocation at the relay, given back at the end. Raises `TransactionFailed`, `OSError`."""
    server = (relay.host, relay.port)
    loop = asyncio.get_running_loop()
    client: TurnClientProtocol
    if relay.transport == "tcp":
        _, client = await loop.create_connection(
            lambda: TurnClientTcpProtocol(server, username, credential, LIFETIME_S, LIFETIME_S),
            *server,
            ssl=ssl.create_default_context() if relay.tls else None,
        )
    else:
        _, client = await loop.create_datagram_endpoint(
            lambda: TurnClientUdpProtocol(server, username, credential, LIFETIME_S, LIFETIME_S),
            remote_addr=server,
        )
    try:
        await client.connect()
        yield client
        await client.delete()
    finally:
        if client.refresh_task is not None:
            client.refresh_task.cancel()
        client.transport.close()


async def reaches(client: TurnClientProtocol, channel: int, address: str) -> bool:
    """Whether the relay would send to this address for us."""
    try:
        await client.channel_bind(channel, (address, PORT))
    except TransactionFailed:
        return False
    return True
