"""Scenario 36: a real coturn, as we document it, relays to the media process for our participants alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aioice.stun import TransactionFailed

from benchmarks.caller import Caller
from media import relay
from media.relay import Fault, allocated, examined, reaches, relay_of
from server.bootstrap import media_of
from server.commands.doctor import examine
from server.config import Settings, load_settings
from server.demo.authority import CERTIFICATE, SERVED, Authority
from server.identifiers import epoch_ms
from server.media.turn import GOOD_FOR_S, Turn
from tests.calls.carried import answered, served
from tests.conftest import needed
from tests.services.turn_server import MEDIA, SECRET, TurnServer
from tools import programs

ELSEWHERE = (*relay.INSIDE, "203.0.113.10", "127.0.0.8", "224.0.0.1", "fe80::1", "::ffff:10.0.0.1")


@pytest.fixture(scope="module")
def program() -> Path:
    path: Path = needed(programs.turnserver(), "coturn is not installed: its Debian package is `coturn`")
    return path


@pytest.fixture(scope="module")
def turn(program: Path) -> Iterator[TurnServer]:
    server = TurnServer(program)
    yield server
    server.close()


def credentials(participant: str = "p1", now: int | None = None) -> tuple[str, str]:
    (server,) = Turn(["turn:turn.test"], SECRET).servers(participant, epoch_ms() if now is None else now)
    return server.username, server.credential


async def test_only_the_media_process_is_reached_through_it(turn: TurnServer) -> None:
    async with allocated(relay_of(turn.url), *credentials()) as found:
        assert await reaches(found, relay.CHANNELS[0], MEDIA)
        for channel, address in zip(relay.CHANNELS[1:], ELSEWHERE, strict=False):
            with pytest.raises(TransactionFailed) as refused:
                await found.channel_bind(channel, (address, relay.PORT))
            # 443: no address of another family, however it is written (RFC 8656 section 19).
            expected = (403, 443) if ":" in address else (403,)
            assert refused.value.response.error_code in expected, address


async def test_credentials_that_are_over_or_made_up_are_refused(turn: TurnServer) -> None:
    over = credentials(now=epoch_ms() - (GOOD_FOR_S + 10) * 1_000)
    username, _ = credentials()
    for given in (over, (username, "made up")):
        with pytest.raises(TransactionFailed) as refused:
            async with allocated(relay_of(turn.url), *given):
                pass
        assert refused.value.response.error_code == 401


async def test_one_participant_has_no_more_allocations_than_his_share(program: Path) -> None:
    server = TurnServer(program, changed={"user-quota": "2"})
    try:
        async with AsyncExitStack() as held:
            for _ in range(2):
                await held.enter_async_context(allocated(relay_of(server.url), *credentials("p1")))
            with pytest.raises(TransactionFailed) as third:
                await held.enter_async_context(allocated(relay_of(server.url), *credentials("p1")))
            assert third.value.response.error_code == 486
            assert await relay.examined(relay_of(server.url), *credentials("p1"), MEDIA) == "full"
            await held.enter_async_context(allocated(relay_of(server.url), *credentials("p2")))
    finally:
        server.close()


def settings_of(url: str, secret: str, folder: Path) -> Settings:
    return load_settings(
        {}, data=folder, media_bind=MEDIA, turn_urls=(url,), turn_secret=secret, admin_bind="", port=1
    )


async def said(settings: Settings) -> tuple[bool, str]:
    """What the doctor says of the relay."""
    (finding,) = [each for each in await examine(settings) if each.what == "relay"]
    return finding.ok, finding.why


async def test_the_doctor_asks_it_as_a_browser_would(turn: TurnServer, tmp_path: Path) -> None:
    ok, why = await said(settings_of(turn.url, SECRET, tmp_path))
    assert ok and turn.url in why
    for url, secret, fault in (
        (turn.url, "another", "credentials_refused"),
        (f"turn:127.0.0.1:{turn.port}?transport=tcp", "another", "credentials_refused"),
        ("turns:127.0.0.1:1", SECRET, "unreachable"),
    ):
        ok, why = await said(settings_of(url, secret, tmp_path))
        assert not ok and relay.SENTENCES[fault] in why and secret not in why  # type: ignore[index]


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("reaches_inside", {"without": ["denied-peer-ip"]}),
        ("media_refused", {"changed": {"allowed-peer-ip": "127.0.0.8"}}),
        ("open", {"without": ["use-auth-secret", "static-auth-secret"], "more": ["no-auth"]}),
    ],
)
async def test_the_doctor_finds_a_relay_that_is_open_or_leads_to_the_wrong_place(
    program: Path, fault: Fault, changes: dict[str, Any]
) -> None:
    server = TurnServer(program, **changes)
    try:
        assert await examined(relay_of(server.url), *credentials(), MEDIA) == fault
    finally:
        server.close()


async def test_over_tls_it_is_the_same_and_its_certificate_must_be_trusted(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.kept(tmp_path, datetime.now(UTC))
    authority.serving(IPv4Address("127.0.0.1"), datetime.now(UTC))
    server = TurnServer(program, pem=tmp_path / SERVED)
    try:
        over_tls = relay_of(f"turns:127.0.0.1:{server.tls_port}?transport=tcp")
        assert await examined(over_tls, *credentials(), MEDIA) == "certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / CERTIFICATE))
        assert await examined(over_tls, *credentials(), MEDIA) is None
    finally:
        server.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("turn:turn.example", ("turn.example", 3478, "udp", False)),
        ("turn:turn.example:80?transport=tcp", ("turn.example", 80, "tcp", False)),
        ("turns:[2001:db8::1]", ("2001:db8::1", 5349, "tcp", True)),
        ("turns:turn.example:443?transport=tcp", ("turn.example", 443, "tcp", True)),
    ],
)
def test_an_address_is_read_with_the_defaults_of_its_scheme(url: str, expected: tuple[Any, ...]) -> None:
    found = relay_of(url)
    assert (found.host, found.port, found.transport, found.tls) == expected


async def test_a_buyer_behind_a_closed_network_is_heard_through_it(turn: TurnServer, tmp_path: Path) -> None:
    def relayed(settings: Settings, boot: str, module: str) -> Any:
        changed = {"media_bind": MEDIA, "turn_urls": (turn.url,), "turn_secret": SECRET}
        return media_of(settings.model_copy(update=changed), boot, module)

    media = partial(relayed, module="tests.media_worker.admitting")
    async with served(tmp_path, carry=media) as (_, buyer, agent, conversation_id):
        await answered(buyer, agent, conversation_id)
        joined = await buyer.person.ask("call.join", call_id=buyer.call_id)
        await buyer.caller.close()
        buyer.caller = Caller(relay=joined["ice_servers"])
        buyer.resumes(joined)
        await buyer.describes(await buyer.caller.answer(joined["offer"]))
        await asyncio.gather(buyer.caller.connected(), agent.join())
        began = time.monotonic()
        await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
        assert buyer.caller.protocol.local_candidate.type == "relay"
        assert time.monotonic() - began < 5.0
