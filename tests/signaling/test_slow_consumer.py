"""A reader who does not read (F4) is dropped and nobody else notices; one who is late gets everything."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from yarl import URL

from signaling.facts import EntryStored, LogEntry, Place
from signaling.limits import Limits
from tests.signaling.fakes import NOW, UNHURRIED, agent, buyer
from tests.signaling.floor import Floor, floor


def said(seq: int, words: str, conversation_id: str = "c1", buyer_id: str = "b1") -> EntryStored:
    place = Place(conversation_id, "s1", buyer_id, "a1")
    body = {"text": words, "quote_seq": None}
    return EntryStored(
        place, "public", LogEntry(seq, f"m{seq}", None, "agent", "a1", "小青", NOW, "text", body)
    )


class Deaf:
    """A client that reads nothing after its CONNECT, on a receive buffer of a few kB; it may still send."""

    def __init__(self, plain: sockets.socket) -> None:
        self._socket = plain
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def join(cls, built: Floor, token: str) -> Deaf:
        url = URL(built.url)
        plain = sockets.socket()
        plain.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        plain.setblocking(False)
        deaf = cls(plain)
        await deaf._loop.sock_connect(plain, (url.host, url.port))
        await deaf._send_all(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUser-Agent: deaf\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await deaf._read_until(b'"maxPayload":65536}')
        await deaf.say(f"40/buyer,{json.dumps({'token': token})}")
        await deaf._read_until(b'40/buyer,{"sid"')
        return deaf

    async def _send_all(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    async def _read_until(self, end: bytes) -> None:
        seen = b""
        async with asyncio.timeout(10):
            while end not in seen:
                seen += await self._loop.sock_recv(self._socket, 4096)

    async def say(self, packet: str) -> None:
        """Sends a text frame (masked with zeros, which is a mask too)."""
        payload = packet.encode()
        assert len(payload) < 126
        await self._send_all(bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

    async def read_frames(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """Reads after all, until `enough` or the end of the connection: the payloads of the events."""
        buffered = b""
        events: list[Any] = []
        async with asyncio.timeout(10):
            while not enough(events):
                received = await self._loop.sock_recv(self._socket, 65_536)
                if not received:
                    return events
                buffered += received
                while len(buffered) >= 4:
                    if buffered[0] == 0x88:  # the server's goodbye
                        return events
                    size, head = buffered[1], 2
                    if size == 126:
                        size, head = int.from_bytes(buffered[2:4], "big"), 4
                    if len(buffered) < head + size:
                        break
                    text = buffered[head : head + size].decode()
                    buffered = buffered[head + size :]
                    if text.startswith("42"):
                        events.append(json.loads(text[text.index("[") :])[1])
        return events

    def close(self) -> None:
        self._socket.close()


def fill(built: Floor, words: str, until: Callable[[], bool]) -> int:
    """Tells the deaf one of messages until something is so; how many."""
    for seq in range(1, 100_000):
        built.signaling.publish([said(seq, words)])
        if until():
            return seq
    raise AssertionError("it never became so")


@pytest.mark.parametrize("answers_pings", [True, False], ids=["with PONG", "without PONG"])
async def test_who_reads_nothing_is_dropped_and_his_neighbours_go_on(answers_pings: bool) -> None:
    async with floor() as built:
        with closing(await Deaf.join(built, built.sessions.enrol(buyer()))) as deaf:
            neighbour = await built.join(buyer("b2"))
            limits = Limits()
            waited = fill(built, "长" * 4000, lambda: built.signaling.census().pending_messages > 0)
            if answers_pings:
                # The ping waits with everything else; a pong nobody asked for changes nothing.
                built.clock.advance(limits.ping_interval_seconds)
                await deaf.say("3")
            assert built.signaling.census().connections == 2
            dropped = fill(built, "长" * 4000, lambda: built.signaling.census().pending_messages == 0)
            # 12 kB a message: the bytes are used up before the messages.
            assert (dropped - 1) * 12_000 <= limits.pending_bytes
            assert waited * 12_000 < 2 * limits.kernel_buffer_bytes + limits.write_ahead_bytes + 65_536
            await built.meter.closing("/buyer", "slow_consumer")
            assert built.signaling.census().pending_bytes == 0
            assert (await neighbour.call("/buyer", "conversation.list", {}))["ok"]


async def test_a_message_more_than_may_wait_drops_the_reader_and_not_one_before() -> None:
    async with floor() as built:
        with closing(await Deaf.join(built, built.sessions.enrol(buyer()))):
            fill(built, "长" * 1000, lambda: built.signaling.census().pending_messages == 1)
            for seq in range(Limits().pending_messages - 1):
                built.signaling.publish([said(seq, "短")])
            assert built.signaling.census().pending_messages == Limits().pending_messages
            assert built.meter.closings == {}
            built.signaling.publish([said(1, "短")])
            await built.meter.closing("/buyer", "slow_consumer")


async def test_a_reader_who_was_late_gets_everything_in_order() -> None:
    async with floor() as built:
        with closing(await Deaf.join(built, built.sessions.enrol(buyer()))) as deaf:
            last = fill(built, "长" * 1000, lambda: built.signaling.census().pending_messages == 100)
            events = await deaf.read_frames(lambda events: len(events) == last)
            assert [event["entry"]["seq"] for event in events] == list(range(1, last + 1))
            assert built.signaling.census().pending_messages == 0
            # The line is straight again: the next message does not wait.
            built.signaling.publish([said(last + 1, "短")])
            assert built.signaling.census().pending_messages == 0
            assert (await deaf.read_frames(bool))[0]["entry"]["seq"] == last + 1


async def test_who_takes_nothing_for_too_long_is_dropped_however_little_waits() -> None:
    async with floor(replace(UNHURRIED, stall_seconds=0.05)) as built:
        with closing(await Deaf.join(built, built.sessions.enrol(buyer()))):
            fill(built, "长" * 1000, lambda: built.signaling.census().pending_messages == 1)
            await built.meter.closing("/buyer", "slow_consumer")


async def test_who_answers_no_ping_is_dropped_by_the_monotonic_clock() -> None:
    async with floor() as built:
        with closing(await Deaf.join(built, built.sessions.enrol(buyer()))):
            lively = await built.join(agent())
            for _ in range(2):
                built.clock.advance(Limits().ping_interval_seconds)
                # Reading answers the ping on the way; the second answer comes after the pong was read.
                for _ in range(2):
                    assert (await lively.call("/agent", "desk.load", {}))["ok"]
                built.clock.advance(Limits().ping_timeout_seconds - 0.1)
            assert built.meter.closings == {("/buyer", "ping_timeout"): 1}
            await built.meter.closing("/buyer", "ping_timeout")
            assert built.signaling.census().sockets == {"/agent": 1}


async def test_a_pong_that_nobody_asked_for_puts_no_ping_off() -> None:
    async with floor() as built:
        socket = await built.join(buyer())
        built.clock.advance(Limits().ping_interval_seconds - 1)
        await socket.send("3")
        assert (await socket.call("/buyer", "conversation.list", {}))["ok"]
        built.clock.advance(1)
        assert (await socket.ws.receive()).data == "2"


async def test_a_late_reader_whose_session_ends_still_hears_everything_and_why() -> None:
    async with floor() as built:
        token = built.sessions.enrol(buyer(expires_at=NOW + 1_000))
        with closing(await Deaf.join(built, token)) as deaf:
            last = fill(built, "长" * 1000, lambda: built.signaling.census().pending_messages == 20)
            built.clock.advance(1)
            events = await deaf.read_frames(lambda events: len(events) == last + 1)
            assert [event["entry"]["seq"] for event in events[:-1]] == list(range(1, last + 1))
            assert events[-1]["code"] == "session_expired"


async def test_a_closing_socket_that_reads_nothing_is_cut_after_two_seconds() -> None:
    async with floor() as built:
        with closing(await Deaf.join(built, built.sessions.enrol(buyer(expires_at=NOW + 1_000)))) as deaf:
            sent = fill(built, "长" * 1000, lambda: built.signaling.census().pending_messages == 1)
            built.clock.advance(1)
            await built.meter.closing("/buyer", "ended")
            built.clock.advance(Limits().close_seconds)
            # What the kernel had is read, what our side still held is not: nobody keeps it for him.
            assert 0 < len(await deaf.read_frames(lambda _: False)) < sent


async def test_one_event_for_many_is_the_same_bytes_for_each() -> None:
    async with floor() as built:
        tabs = [await built.join(buyer()) for _ in range(5)]
        built.signaling.publish([said(1, "大家好")])
        assert len({(await tab.ws.receive()).data for tab in tabs}) == 1
        assert built.meter.events["chat.posted"] == 5


async def test_compression_is_never_agreed_on() -> None:
    async with floor() as built:
        url = f"{built.url}socket.io/?EIO=4&transport=websocket"
        async with built.http.ws_connect(url, compress=15) as ws:
            assert ws.compress == 0
            assert isinstance(ws, aiohttp.ClientWebSocketResponse)
