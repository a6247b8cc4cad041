"""The real client is found behind trusted proxies, and a stranger's headers change nothing (C8, F6)."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from protocol.errors import ErrorCode
from server import rates
from server.http.client import Asker, Proxies
from tests.auth.desk import OWN, World
from tests.http.site import refused, serve

TRUSTED = Proxies([ipaddress.ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "127.0.0.1")])
NOBODY = Proxies()


def find(
    proxies: Proxies, peer: str, host: str = "desk.example", behind_tls: bool = False, **headers: Any
) -> Asker:
    forwarding = {name.replace("_", "-"): values for name, values in headers.items()}
    return proxies.find(peer, forwarding, behind_tls=behind_tls, host=host, origin=None, browser="")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # the peer is a stranger
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # the first was there before the proxy
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["<script>"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [", ".join(["10.0.0.2"] * 500)], "10.0.0.2"),
        ("", ["203.0.113.9"], "unknown"),
    ],
)
def test_the_client_is_the_rightmost_address_that_no_trusted_proxy_has(
    peer: str, forwarded_for: list[str], address: str
) -> None:
    assert find(TRUSTED, peer, X_Forwarded_For=forwarded_for).address == address
    stranger = find(NOBODY, peer, X_Forwarded_For=forwarded_for).address
    assert stranger in (peer.rpartition(":")[2], peer, "unknown")


@pytest.mark.parametrize(
    ("peer", "said", "behind_tls", "scheme"),
    [
        ("198.51.100.7", ["https"], False, "http"),
        ("198.51.100.7", [], True, "https"),
        ("10.0.0.1", ["https"], False, "https"),
        ("10.0.0.1", ["https, http"], False, "http"),
        ("10.0.0.1", ["https", "http"], False, "http"),
        ("10.0.0.1", ["HTTPS"], False, "https"),
        ("10.0.0.1", ["ftp"], False, "http"),
        ("10.0.0.1", [], False, "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(
    peer: str, said: list[str], behind_tls: bool, scheme: str
) -> None:
    headers: dict[str, Any] = {"X_Forwarded_Proto": said} if said else {}
    assert find(TRUSTED, peer, behind_tls=behind_tls, **headers).scheme == scheme


@pytest.mark.parametrize(
    ("proxies", "peer", "host", "headers", "private"),
    [
        (NOBODY, "127.0.0.1", "127.0.0.1:8080", {}, True),
        (NOBODY, "127.0.0.1", "localhost:8080", {}, True),
        (NOBODY, "::1", "[::1]:8080", {}, True),
        (NOBODY, "127.0.0.1", "desk.example", {}, False),
        (NOBODY, "127.0.0.1", "", {}, False),
        (NOBODY, "192.0.2.1", "127.0.0.1:8080", {}, False),
        (NOBODY, "192.0.2.1", "desk.example", {"X_Forwarded_Proto": ["https"]}, False),
        # An undeclared proxy on this machine makes everybody look local.
        (NOBODY, "127.0.0.1", "127.0.0.1:8080", {"X_Forwarded_For": ["192.0.2.1"]}, False),
        (NOBODY, "127.0.0.1", "127.0.0.1:8080", {"Forwarded": ["for=192.0.2.1"]}, False),
        (TRUSTED, "127.0.0.1", "127.0.0.1:8080", {"X_Forwarded_For": ["192.0.2.1"]}, False),
        (TRUSTED, "127.0.0.1", "desk.example", {"X_Forwarded_Proto": ["https"]}, True),
        (TRUSTED, "10.0.0.1", "desk.example", {"X_Forwarded_Proto": ["http"]}, False),
    ],
)
def test_only_https_and_this_machine_itself_are_private(
    proxies: Proxies, peer: str, host: str, headers: dict[str, Any], private: bool
) -> None:
    assert find(proxies, peer, host, **headers).private is private


async def test_a_spoofed_address_is_counted_as_the_one_it_came_from(desk: World, tmp_path: Path) -> None:
    async with serve(desk, tmp_path) as site:
        for number in range(rates.LOGIN_ADDRESS.count):
            response = await site.login(f"nobody-{number}", **{"X-Real-IP": f"203.0.113.{number}"})
            assert response.status == 401
        assert await refused(await site.login("1001")) is ErrorCode.rate_limited


async def test_behind_a_trusted_proxy_each_client_is_counted_by_himself(desk: World, tmp_path: Path) -> None:
    proxy = ipaddress.ip_network("127.0.0.1/32")
    async with serve(desk, tmp_path, trusted=(proxy,)) as site:
        for number in range(rates.LOGIN_ADDRESS.count + 1):
            headers = {"X-Forwarded-For": f"203.0.113.{number}", "X-Forwarded-Proto": "https"}
            response = await site.login(f"nobody-{number}", **headers)
            assert response.status == 401
            assert response.headers["Strict-Transport-Security"]


async def test_a_spoofed_scheme_does_not_make_a_sign_in_private(desk: World, tmp_path: Path) -> None:
    async with serve(desk, tmp_path) as site:
        for headers in (
            {"X-Forwarded-Proto": "https"},
            {"X-Forwarded-For": "127.0.0.1"},
            {"Forwarded": "proto=https"},
            {"Host": "desk.example"},
        ):
            response = await site.login("1001", **headers)
            assert await refused(response) is ErrorCode.insecure_transport
            assert "Set-Cookie" not in response.headers
            assert "Strict-Transport-Security" not in response.headers
        assert (await site.login("1001")).status == 200


async def test_a_sockets_client_is_found_by_the_same_rule(desk: World, tmp_path: Path) -> None:
    seen = []

    proxies = Proxies([ipaddress.ip_network("127.0.0.1/32")])

    async def look(request: web.Request) -> web.Response:
        environ = {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "https", "aiohttp.request": request}
        seen.append(proxies.client_of(environ))
        return web.Response()

    def add_look(app: web.Application) -> None:
        app.router.add_get("/look", look)

    async with serve(desk, tmp_path, change=add_look) as site:
        headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9", "Origin": OWN, "User-Agent": "b" * 1_000}
        await site.client.get("/look", headers=headers)
    assert (seen[0].address, seen[0].origin, seen[0].browser) == ("203.0.113.9", OWN, "b" * 300)
