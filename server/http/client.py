"""Who really asks, and over what: believed only as far as trusted proxies say it.

Everything else an inbound `X-Forwarded-*` or `Forwarded` header says is ignored.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from server.config import Network, is_loopback
from signaling.ports import Client

MAX_BROWSER = 300
"""Characters of a browser's description of itself that are kept."""
MAX_HOPS = 20
"""Addresses of `X-Forwarded-For` that are looked at; nobody has so many proxies of his own."""
UNKNOWN = "unknown"
_FORWARDING = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded")


@dataclass(frozen=True, slots=True)
class Asker:
    """Where a request comes from. `private`: nobody but this machine could read it on its way."""

    address: str
    scheme: Literal["http", "https"]
    private: bool
    origin: str | None
    browser: str

    @property
    def client(self) -> Client:
        """The same for signaling and sessions."""
        return Client(address=self.address, origin=self.origin, browser=self.browser)


class Proxies:
    """Finds the asker behind the proxies of these networks."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def asker(self, request: web.BaseRequest) -> Asker:
        """Who asks `request`."""
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        peer_address = str(peer[0]) if isinstance(peer, tuple) else UNKNOWN
        behind_tls = (
            request.transport is not None and request.transport.get_extra_info("sslcontext") is not None
        )
        return self.find(
            peer_address,
            {name: request.headers.getall(name) for name in _FORWARDING if name in request.headers},
            behind_tls=behind_tls,
            host=request.headers.get("Host", ""),
            origin=request.headers.get("Origin"),
            browser=request.headers.get("User-Agent", ""),
        )

    def client_of(self, environ: Mapping[str, Any]) -> Client:
        """The client of a socket's `environ`. engineio itself says 127.0.0.1 for everyone."""
        return self.asker(environ["aiohttp.request"]).client

    def find(
        self,
        peer_address: str,
        forwarding: Mapping[str, Sequence[str]],
        *,
        behind_tls: bool,
        host: str,
        origin: str | None,
        browser: str,
    ) -> Asker:
        """Pure. `forwarding`: the values of the forwarding headers that are there."""
        address = _plain(peer_address) or UNKNOWN
        scheme: Literal["http", "https"] = "https" if behind_tls else "http"
        by_proxy = self._is_trusted(address)
        if by_proxy:
            hops = _listed(forwarding, "X-Forwarded-For")
            for hop in reversed(hops[-MAX_HOPS:]):
                found = _plain(hop)
                if found is None:
                    break
                address = found
                if not self._is_trusted(found):
                    break
            if schemes := _listed(forwarding, "X-Forwarded-Proto"):
                scheme = "https" if schemes[-1].lower() == "https" else "http"
        # A proxy on this machine that nobody declared makes everybody look local: its headers give it away.
        direct = by_proxy or not forwarding
        local = direct and is_loopback(address) and is_loopback(_host_name(host))
        return Asker(address, scheme, scheme == "https" or local, origin, browser[:MAX_BROWSER])

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _listed(forwarding: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [item.strip() for value in forwarding.get(name, ()) for item in value.split(",")]


def _plain(text: str) -> str | None:
    """An address without port, brackets and zone, IPv4 out of its mapping into IPv6; None for no address."""
    text = text.strip().partition("%")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def _host_name(host: str) -> str:
    """The host of a `Host` header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0][1:]
    return host.rpartition(":")[0] if host.count(":") == 1 else host
