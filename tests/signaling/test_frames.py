"""What is no command: frames too large, binary, empty, unasked, too many."""

from __future__ import annotations

import asyncio
import resource
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from protocol.base import MAX_FRAME_BYTES
from signaling.limits import Allowance, Limits
from tests.signaling.fakes import UNHURRIED, agent, buyer, client_id
from tests.signaling.floor import floor


def frame_of(size: int, number: int = 1) -> str:
    """A `chat.send` that is `size` bytes on the wire."""
    head = f'42/buyer,{number}["chat.send",{{"text":"'
    return head + "x" * (size - len(head) - 3) + '"}]'


async def test_a_frame_at_the_limit_is_read_and_one_byte_more_is_too_large() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        await sender.send(frame_of(MAX_FRAME_BYTES, 1))
        assert (await sender.answer("/buyer", 1))["error"]["code"] == "bad_request"
        await sender.send(frame_of(MAX_FRAME_BYTES + 1, 2))
        assert (await sender.answer("/buyer", 2))["error"]["code"] == "too_large"
        assert (await sender.call("/buyer", "conversation.list", {}))["ok"]


async def test_a_frame_beyond_the_transport_s_limit_closes_the_connection_unread() -> None:
    async with floor() as built:
        neighbour = await built.join(agent())
        sender = await built.join(buyer())
        await sender.send(frame_of(Limits().transport_frame_bytes))
        assert (await sender.answer("/buyer", 1))["error"]["code"] == "too_large"
        await sender.send(frame_of(Limits().transport_frame_bytes + 1))
        await sender.until_closed()
        assert sender.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        await built.meter.closing("/buyer", "too_large")
        assert (await neighbour.call("/agent", "desk.load", {}))["ok"]


async def test_a_frame_in_many_fragments_is_bounded_like_a_whole_one() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        writer = sender.ws._writer
        for _ in range(3):
            # An unfinished text frame (FIN clear) and its continuations.
            opcode = 0x01 if _ == 0 else 0x00
            payload = b"4" + b"x" * 60_000
            size = len(payload).to_bytes(2, "big")
            writer.transport.write(bytes((opcode, 0x80 | 126)) + size + b"\0\0\0\0" + payload)
        await sender.until_closed()
        assert sender.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_compressed_frame_is_a_protocol_error() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        sender.ws._writer.transport.write(bytes((0xC1, 0x80 | 2, 0, 0, 0, 0)) + b"\x01\x00")
        await sender.until_closed()
        assert sender.close_code == aiohttp.WSCloseCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "packet",
    [
        '451-/buyer,7["chat.send",{"_placeholder":true,"num":0}]',
        '459999999999-/buyer,7["chat.send",{"_placeholder":true,"num":0}]',
    ],
)
async def test_a_binary_event_is_refused_under_its_id_and_nothing_is_held(packet: str) -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        await sender.send(packet)
        assert (await sender.answer("/buyer", 7))["error"]["code"] == "binary_refused"
        # The next packet is a packet, not an attachment.
        assert (await sender.call("/buyer", "conversation.list", {}))["ok"]


async def test_attachments_are_not_collected_in_memory() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await sender.send('459999999999-/buyer,1["chat.send",{"_placeholder":true,"num":0}]')
        blob = b"\0" * MAX_FRAME_BYTES
        for _ in range(600):
            await sender.ws.send_bytes(blob)
        assert (await sender.answer("/buyer", 1))["error"]["code"] == "binary_refused"
        assert (await sender.call("/buyer", "conversation.list", {}))["ok"]
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        # 600 frames are 39 MB; without the refusal all of it stays (F5).
        assert grown_kb < 20_000
        assert built.meter.refusals == {"binary_refused": 600}


async def test_binary_frames_without_end_end_the_connection() -> None:
    async with floor(replace(UNHURRIED, offences=Allowance(0.5, 20))) as built:
        sender = await built.join(buyer())
        for _ in range(21):
            await sender.ws.send_bytes(b"4")
        assert (await sender.event("session.ended"))["code"] == "rate_limited"
        await sender.until_closed()
        await built.meter.closing("/buyer", "offences")


@pytest.mark.parametrize(
    "packet",
    ["", "9", "x", "4", "4x", "47", "2", "5", "6", '44/buyer,{"message":"x"}', '43/buyer,1["ok"]', "4-1"],
)
async def test_a_frame_that_nobody_sends_is_an_offence_and_no_more(packet: str) -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        await sender.send(packet)
        assert (await sender.call("/buyer", "conversation.list", {}))["ok"]
        assert built.meter.refusals == {"bad_request": 1}


async def test_a_goodbye_of_the_engine_closes_the_connection() -> None:
    async with floor() as built:
        sender = await built.join(buyer())
        await sender.send("1")
        await sender.until_closed()
        await built.meter.closing("/buyer", "client")


async def test_pongs_without_a_ping_are_offences_when_they_come_in_floods() -> None:
    async with floor(replace(UNHURRIED, frames=Allowance(100, 500))) as built:
        sender = await built.join(buyer())
        tasks = len(asyncio.all_tasks())
        for _ in range(600):
            await sender.send("3")
        assert (await sender.event("session.ended"))["code"] == "rate_limited"
        assert len(asyncio.all_tasks()) <= tasks + 2
        await sender.until_closed()
        await built.meter.closing("/buyer", "offences")


async def test_pings_of_the_websocket_are_answered_and_counted() -> None:
    async with floor(replace(UNHURRIED, frames=Allowance(1, 10))) as built:
        url = f"{built.url}socket.io/?EIO=4&transport=websocket"
        async with built.http.ws_connect(url, autoping=False) as ws:
            await ws.receive()
            await ws.ping(b"hello")
            pong = await ws.receive()
            assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"hello")
            for _ in range(10):
                await ws.ping()
            kinds: list[Any] = []
            while not kinds or kinds[-1] not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                kinds.append((await asyncio.wait_for(ws.receive(), 10)).type)
            assert kinds.count(aiohttp.WSMsgType.PONG) == 9


async def test_more_frames_than_allowed_end_the_connection_whatever_is_in_them() -> None:
    async with floor(replace(UNHURRIED, frames=Allowance(100, 500))) as built:
        sender, neighbour = await built.join(buyer()), await built.join(agent())
        for number in range(1, 501):
            await sender.send(f'42/buyer,{number}["chat.type",{{"conversation_id":"c1"}}]')
        assert (await sender.event("session.ended"))["code"] == "rate_limited"
        await sender.until_closed()
        # 500 frames, of which the first was the CONNECT.
        assert len(built.desk.calls) == 499
        assert (await neighbour.call("/agent", "desk.load", {}))["ok"]


async def test_an_event_nobody_waits_for_does_not_stop_the_sender() -> None:
    async with floor() as built:
        sender = await built.join(buyer("b3"))
        message = {"conversation_id": "c1", "client_id": client_id(1), "kind": "text", "text": "x"}
        answer = await sender.call("/buyer", "chat.send", message)
        # Another's conversation and one that does not exist look the same.
        message["conversation_id"] = "c999"
        assert await sender.call("/buyer", "chat.send", message) == answer
        assert answer["error"]["code"] == "not_found"
