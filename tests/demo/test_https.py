"""The demo for phones: its own authority, what that can vouch for, and the whole demo over TLS."""

from __future__ import annotations

import datetime
import ssl
import stat
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest

from server.demo.authority import AUTHORITY_DAYS, KEY, LEAF_DAYS, SERVED, UNROUTED, Authority, is_unrouted
from server.demo.places import LOOPBACK, NoNetwork, in_this_network, on_this_machine
from server.demo.running import demo_settings, opened
from server.demo.seed import STAFF, claim
from tests.demo.test_merchant import a_stream, free_ports

NOW = datetime.datetime.now(datetime.UTC)
HERE = IPv4Address(LOOPBACK)


def shaken(authority: Authority, address: str, asked: str | None = None) -> str | None:
    """The TLS version that a client who trusts the authority agrees on with a server at `address`."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.trusting().wrap_bio(to_client, to_server, server_hostname=asked or address)
    serving = authority.serving(IPv4Address(address), NOW)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version()


@pytest.mark.parametrize("address", [str(network[1]) for network in UNROUTED])
def test_a_client_that_trusts_the_authority_trusts_the_demo_at_an_address_of_its_network(
    tmp_path: Path, address: str
) -> None:
    assert shaken(Authority.kept(tmp_path, NOW), address) == "TLSv1.3"


def test_the_authority_can_vouch_for_no_address_of_the_open_internet(tmp_path: Path) -> None:
    authority = Authority.kept(tmp_path, NOW)
    assert not is_unrouted(IPv4Address("8.8.8.8"))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shaken(authority, "8.8.8.8")


def test_phones_are_told_the_address_of_this_network_for_calls_too(tmp_path: Path) -> None:
    settings = demo_settings(in_this_network(8080, tmp_path, IPv4Address("192.168.1.7"), NOW), tmp_path)
    assert settings.no_calls is None
    assert (settings.media_address, settings.media_announce) == ("0.0.0.0", "192.168.1.7")  # noqa: S104
    assert demo_settings(on_this_machine(8080), tmp_path).media_address == LOOPBACK


def test_a_leaf_is_good_for_its_own_address_only(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        shaken(Authority.kept(tmp_path, NOW), "192.168.1.7", "192.168.1.8")


def test_a_phone_that_trusts_the_demo_once_need_not_do_so_at_the_next_start(tmp_path: Path) -> None:
    first = Authority.kept(tmp_path, NOW)
    assert Authority.kept(tmp_path, NOW).fingerprint == first.fingerprint
    ending = NOW + datetime.timedelta(days=AUTHORITY_DAYS - LEAF_DAYS, minutes=1)
    assert Authority.kept(tmp_path, ending).fingerprint != first.fingerprint


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    Authority.kept(tmp_path, NOW).serving(HERE, NOW)
    for name in (KEY, SERVED):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_an_address_of_the_open_internet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoNetwork, match="open internet"):
        in_this_network(8080, tmp_path, IPv4Address("8.8.8.8"), NOW)


async def test_a_phone_fetches_the_certificate_and_then_finds_everything_over_tls(tmp_path: Path) -> None:
    claim(tmp_path)
    # Everywhere in the demo; a test listens on the loopback alone.
    places = replace(in_this_network(free_ports(3), tmp_path, HERE, NOW), bind=LOOPBACK)
    assert places.https is not None
    async with opened(places, tmp_path, a_stream(tmp_path)) as known, aiohttp.ClientSession() as plain:
        async with plain.get(places.https.trust_url) as page:
            text = await page.text()
        assert places.https.authority.fingerprint in text
        assert "{{" not in text
        async with plain.get(places.https.trust_url + "livedesk-demo.crt") as download:
            assert download.content_type == "application/x-x509-ca-cert"
            certificate = ssl.DER_cert_to_PEM_cert(await download.read())
        # From here on as a phone that has installed it, and nothing else.
        trusting = ssl.create_default_context(cadata=certificate)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as phone:
            async with phone.get(places.room + "/") as room:
                assert places.desk + "/widget/livedesk.js" in await room.text()
            async with phone.get(places.room + "/my-orders") as orders:
                assert (await orders.json())["orders"], "the merchant reached the desk over TLS, too"
            login = {"login": STAFF[0].login, "password": known.password}
            headers = {"Origin": places.desk}
            async with phone.post(places.desk + "/api/v1/agent/login", json=login, headers=headers) as answer:
                assert answer.status == 200
                assert "__Host-" in answer.headers["Set-Cookie"]
                assert "Strict-Transport-Security" in answer.headers
