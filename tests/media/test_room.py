"""A room with real sockets, real keys and callers by hand: who hears whom, and how it stays whole."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from unittest.mock import AsyncMock

import pytest
from aiortc.rtp import (
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    unpack_remb_fci,
    unwrap_rtx,
)
from pylibsrtp import Error as SrtpError

from benchmarks.caller import Caller
from media import rtcp
from media.counts import COUNTS
from media.errors import MediaError
from media.forwarder import MOST_RESENT, RESENT_A_SECOND
from media.ice import Ports
from media.leg import CLOCKS_EVERY_S, Leg
from media.limits import MOST_PARTICIPANTS
from media.negotiation import OPUS, VP8, VP8_RTX
from media.room import ABSENT_AFTER_S, Room
from media.seats import SEATS, mid
from tests.media.calls import DELTA, INSIDE, KEY, Call, Heard, call


def picture(caller: Caller, number: int, *, key: bool = False, packets: int = 1) -> None:
    """One frame of video."""
    for index in range(packets):
        start = (KEY if key else DELTA) if index == 0 else INSIDE
        caller.send(
            "video", start + number.to_bytes(2), timestamp=number * 3_000, marker=index == packets - 1
        )


def asked_for_keyframes(made: Call, name: str) -> int:
    return sum(packet.fmt == 1 for packet in made.heard[name].said(RtcpPsfbPacket))


def told_of(made: Call, name: str, event: str) -> bool:
    return any((e["event"], e["participant"]) == (event, name) for e in made.events)


def spoken(heard: Heard, text: bytes) -> bool:
    return any(packet.payload == text for packet in heard.of(OPUS))


def both(heard: Heard) -> bool:
    return len(heard.rtp) == 2


async def test_voice_and_picture_go_both_ways_under_the_numbers_of_the_offer() -> None:
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        for one, other in ((buyer, "agent"), (agent, "buyer")):
            one.send("audio", b"voice", timestamp=960)
            picture(one, 1, key=True)
            heard = made.heard[other]
            await heard.until(partial(both, heard))
            (voice,), (video,) = heard.of(OPUS), heard.of(VP8)
            offered = made.room._participants[other].leg
            assert offered is not None
            assert voice.ssrc == offered.lines[mid(0, "audio")].outgoing.ssrc
            assert video.ssrc == offered.lines[mid(0, "video")].outgoing.ssrc
            assert (voice.payload, voice.timestamp) == (b"voice", 960)
            assert (video.payload, video.marker) == (KEY + b"\x00\x01", 1)


async def test_nobody_gets_a_picture_that_he_cannot_start_with() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        picture(buyer, 1)
        await made.heard["buyer"].until(lambda: asked_for_keyframes(made, "buyer"))
        picture(buyer, 2, key=True)
        picture(buyer, 3)
        await made.heard["agent"].until(lambda: len(made.heard["agent"].of(VP8)) == 2)
        assert [packet.payload[-1] for packet in made.heard["agent"].of(VP8)] == [2, 3]


async def test_keyframes_are_asked_for_once_however_many_listeners_ask() -> None:
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        picture(buyer, 1, key=True)
        await made.heard["agent"].until(lambda: made.heard["agent"].of(VP8))
        line = made.heard["agent"].of(VP8)[0].ssrc
        before = asked_for_keyframes(made, "buyer")
        for _ in range(20):
            agent.send_rtcp(rtcp.receiver_report(1) + rtcp.picture_loss(1, line))
        agent.send("audio", b"after", timestamp=0)
        await made.heard["buyer"].until(lambda: made.heard["buyer"].of(OPUS))
        assert asked_for_keyframes(made, "buyer") - before <= 1


async def test_numbers_go_on_when_a_participant_comes_back_on_a_new_connection() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        heard = made.heard["agent"]
        buyer.send("audio", b"1", timestamp=1_000_000)
        picture(buyer, 1, key=True)
        await heard.until(lambda: len(heard.rtp) == 2)
        again = await made.join("buyer")
        assert (await made.until("connected", "buyer", 2))["rejoined"]
        again.tracks["audio"].sequence = again.tracks["video"].sequence = 40_000
        again.send("audio", b"2", timestamp=17)
        picture(again, 9, key=True)
        picture(again, 10)
        await heard.until(lambda: len(heard.rtp) == 5)
        for payload_type in (OPUS, VP8):
            packets = heard.of(payload_type)
            numbers = [packet.sequence_number for packet in packets]
            assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(len(numbers))]
            assert len({packet.ssrc for packet in packets}) == 1
            stamps = [packet.timestamp for packet in packets]
            assert 0 < (stamps[1] - stamps[0]) & 0xFFFFFFFF < 20 * 90_000
        assert not any(event["event"] == "closed" for event in made.events), (
            "the old end is part of coming back"
        )


async def test_who_comes_back_hears_on_without_the_other_doing_anything() -> None:
    async with call() as made:
        await made.join("buyer")
        agent = await made.join("agent")
        agent.send("audio", b"1", timestamp=1)
        await made.heard["buyer"].until(lambda: made.heard["buyer"].of(OPUS))
        await made.join("buyer")
        agent.send("audio", b"2", timestamp=2)
        heard = made.heard["buyer"]
        await heard.until(lambda: heard.of(OPUS))
        assert heard.of(OPUS)[0].payload == b"2"


async def test_what_is_lost_on_the_way_in_is_asked_for_until_it_is_there() -> None:
    lost = [False] * 30
    for position in (8, 9, 15, 21):
        lost[position] = True
    async with call() as made:
        await made.join("agent")
        buyer = await made.join("buyer", loss_out=lost)
        heard = made.heard["agent"]
        for number in range(1, 101):
            picture(buyer, number, key=number == 1)
            buyer.send("audio", b"voice", timestamp=number * 960)
            await asyncio.sleep(0)
        await heard.until(lambda: len({p.sequence_number for p in heard.of(VP8)}) == 100)
        assert buyer.lost_out > 10
        assert made.heard["buyer"].said(RtcpRtpfbPacket)


async def test_what_never_comes_is_given_up_with_a_keyframe() -> None:
    async with call() as made:
        await made.join("agent")
        buyer = await made.join("buyer")
        picture(buyer, 1, key=True)
        await made.heard["agent"].until(lambda: made.heard["agent"].of(VP8))
        before = asked_for_keyframes(made, "buyer")
        buyer.answers_nacks = False
        buyer.tracks["video"].sequence += 3
        picture(buyer, 2)
        await made.heard["buyer"].until(lambda: asked_for_keyframes(made, "buyer") > before)
        nacks = [packet for packet in made.heard["buyer"].said(RtcpRtpfbPacket) if packet.fmt == 1]
        assert len(nacks) > 3, "asked again and again before that"


async def test_a_listener_gets_again_what_he_missed_as_a_retransmission() -> None:
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        heard = made.heard["agent"]

        def came(pictures: int) -> bool:
            return len(heard.of(VP8)) == pictures

        buyer.tracks["video"].sequence = 65_500
        for lowest in range(1, 101, 10):  # as many as any socket's buffer holds while nobody reads it
            for number in range(lowest, lowest + 10):
                picture(buyer, number, key=number == 1)
            await heard.until(partial(came, lowest + 9))
        wanted = [heard.of(VP8)[index] for index in (0, 50, 99)]
        agent.send_rtcp(
            rtcp.receiver_report(1) + rtcp.nack(1, wanted[0].ssrc, [p.sequence_number for p in wanted])
        )
        await heard.until(lambda: len(heard.of(VP8_RTX)) == 3)
        leg = made.room._participants["agent"].leg
        assert leg is not None
        for index, (again, first) in enumerate(zip(heard.of(VP8_RTX), wanted, strict=True)):
            assert again.ssrc == leg.lines[mid(0, "video")].outgoing.rtx
            assert again.sequence_number == index
            original = unwrap_rtx(again, VP8, first.ssrc)
            assert (original.sequence_number, original.timestamp, original.payload, original.marker) == (
                first.sequence_number,
                first.timestamp,
                first.payload,
                first.marker,
            )


async def test_a_flood_of_nacks_and_reports_costs_the_others_nothing() -> None:
    """Each datagram asks nine times for all that is cached, or tells one clock 45 times."""
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        heard = made.heard["agent"]
        began = monotonic()
        for number in range(1, 201):
            picture(buyer, number, key=number == 1)
            await heard.until(partial(seen, heard, number))
        newest = heard.of(VP8)[-1]
        every = [(newest.sequence_number - back) & 0xFFFF for back in reversed(range(rtcp.MOST_NACKED))]
        nacks = rtcp.receiver_report(1) + rtcp.nack(1, newest.ssrc, every) * 9
        clocks = rtcp.sender_report(agent.tracks["audio"].ssrc, 1 << 32, 1, 1, 1) * 45
        agent.send("audio", b"mine", timestamp=1)
        for number in range(50):
            for datagram in (nacks, clocks):
                for _ in range(4):
                    agent.send_rtcp(datagram)
            buyer.send("audio", b"%d" % number, timestamp=number * 960)
            await heard.until(partial(spoken, heard, b"%d" % number))
        seconds = monotonic() - began
        assert len(heard.of(VP8_RTX)) <= MOST_RESENT + RESENT_A_SECOND * seconds
        assert len(made.heard["buyer"].said(RtcpSrPacket)) <= 1 + seconds / CLOCKS_EVERY_S


async def test_padding_is_not_sent_on_and_leaves_no_gap() -> None:
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        heard = made.heard["agent"]
        picture(buyer, 1, key=True)
        for number in range(2, 12):
            for _ in range(3):
                buyer.send("video", b"", timestamp=number * 3_000, padding=200)
            picture(buyer, number)
        await heard.until(lambda: len(heard.of(VP8)) == 11)
        numbers = [packet.sequence_number for packet in heard.of(VP8)]
        assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(11)]
        agent.send_rtcp(rtcp.receiver_report(1) + rtcp.nack(1, heard.of(VP8)[0].ssrc, numbers))
        await heard.until(lambda: len(heard.of(VP8_RTX)) == 11)
        again = [unwrap_rtx(packet, VP8, 1) for packet in heard.of(VP8_RTX)]
        assert [(p.sequence_number, p.payload) for p in again] == [
            (p.sequence_number, p.payload) for p in heard.of(VP8)
        ]


async def test_extensions_that_were_not_negotiated_do_not_leave_the_server() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        heard = made.heard["agent"]
        extension = b"\xbe\xde\x00\x02\x20\x11\x72sec\x00\x00"
        buyer.send("audio", b"voice", timestamp=1, extension=extension)
        buyer.send("audio", b"voice", timestamp=2, extension=extension)
        buyer.send("audio", b"voice", timestamp=3, extension=b"\xbe\xde\x00\x01\x20\x11\x00\x00")
        seen: list[bytes] = []
        await heard.until(lambda: len(heard.of(OPUS)) == 3)
        seen = [packet.serialize() for packet in heard.of(OPUS)]
        assert not any(b"sec" in packet for packet in seen)
        assert all(packet.payload == b"voice" for packet in heard.of(OPUS))


async def test_clocks_go_on_with_the_lines_numbers_and_the_servers_own_counts() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        heard = made.heard["agent"]
        buyer.send("audio", b"voice", timestamp=48_000)
        await heard.until(lambda: heard.of(OPUS))
        buyer.report("audio")
        await heard.until(lambda: heard.said(RtcpSrPacket))
        (report,) = heard.said(RtcpSrPacket)
        (packet,) = heard.of(OPUS)
        assert (report.ssrc, report.sender_info.rtp_timestamp) == (packet.ssrc, packet.timestamp)
        assert report.sender_info.packet_count == 1
        (named,) = heard.said(RtcpSdesPacket)
        assert named.chunks[0].items == [(1, b"seat0")]


async def test_a_goodbye_is_not_sent_on_because_the_line_goes_on() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        buyer.send_rtcp(rtcp.receiver_report(1) + rtcp.bye([buyer.tracks["audio"].ssrc]))
        buyer.send("audio", b"still here", timestamp=1)
        heard = made.heard["agent"]
        await heard.until(lambda: heard.of(OPUS))
        assert {type(packet).__name__ for packet in heard.rtcp} <= {
            "RtcpSrPacket",
            "RtcpSdesPacket",
            "RtcpRrPacket",
        }


def remb_of(made: Call, name: str) -> int:
    said = [packet for packet in made.heard[name].said(RtcpPsfbPacket) if packet.fmt == 15]
    return int(unpack_remb_fci(said[-1].fci)[0])


async def test_the_sender_hears_how_he_arrives_and_what_the_worse_of_both_links_loses() -> None:
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        heard = made.heard["agent"]
        picture(buyer, 1, key=True)
        await heard.until(lambda: heard.of(VP8))
        line = heard.of(VP8)[0].ssrc
        buyer.report("video")
        lossy = rtcp.ReportBlock(line, fraction_lost=64)
        agent.send_rtcp(rtcp.receiver_report(1, [lossy]) + rtcp.remb(1, 300_000, [line]))
        agent.send("audio", b"after", timestamp=1)
        await made.heard["buyer"].until(lambda: made.heard["buyer"].of(OPUS))
        made.room.tick(1.0)
        await made.heard["buyer"].until(lambda: made.heard["buyer"].said(RtcpRrPacket)[-1].reports)
        await made.heard["buyer"].until(
            lambda: any(p.fmt == 15 for p in made.heard["buyer"].said(RtcpPsfbPacket))
        )
        block = next(b for b in made.heard["buyer"].said(RtcpRrPacket)[-1].reports)
        assert (block.ssrc, block.fraction_lost) == (buyer.tracks["video"].ssrc, 64)
        assert block.lsr != 0
        assert remb_of(made, "buyer") <= 300_000, "a link that loses a quarter gets no floor"


async def test_a_clean_link_is_given_more_than_it_asks_for() -> None:
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        heard = made.heard["agent"]
        picture(buyer, 1, key=True)
        await heard.until(lambda: heard.of(VP8))
        line = heard.of(VP8)[0].ssrc
        agent.send_rtcp(rtcp.receiver_report(1, [rtcp.ReportBlock(line)]) + rtcp.remb(1, 300_000, [line]))
        agent.send("audio", b"after", timestamp=1)
        await made.heard["buyer"].until(lambda: made.heard["buyer"].of(OPUS))
        made.room.tick(1.0)
        await made.heard["buyer"].until(
            lambda: any(p.fmt == 15 for p in made.heard["buyer"].said(RtcpPsfbPacket))
        )
        assert remb_of(made, "buyer") >= 1_400_000


async def test_a_listener_hears_and_sees_both_and_slows_nobody_down() -> None:
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        chief = await made.join("chief", "listener")
        heard = made.heard["chief"]
        for one in (buyer, agent):
            one.send("audio", b"voice", timestamp=1)
            picture(one, 1, key=True)
        await heard.until(lambda: len(heard.rtp) == 4)
        assert len({packet.ssrc for packet in heard.rtp}) == 4
        lines = {packet.ssrc for packet in heard.of(VP8)}
        for ssrc in lines:
            poor = rtcp.ReportBlock(ssrc, fraction_lost=200)
            chief.send_rtcp(rtcp.receiver_report(1, [poor]) + rtcp.remb(1, 50_000, [ssrc]))
        chief.send("audio", b"not heard", timestamp=1)
        line = made.heard["agent"].of(VP8)[0].ssrc
        agent.send_rtcp(rtcp.receiver_report(1, [rtcp.ReportBlock(line)]) + rtcp.remb(1, 900_000, [line]))
        agent.send("audio", b"after", timestamp=2)
        await made.heard["buyer"].until(lambda: len(made.heard["buyer"].of(OPUS)) == 2)
        made.room.tick(1.0)
        await made.heard["buyer"].until(
            lambda: any(p.fmt == 15 for p in made.heard["buyer"].said(RtcpPsfbPacket))
        )
        assert remb_of(made, "buyer") >= 900_000
        assert all(block.fraction_lost == 0 for block in made.heard["buyer"].said(RtcpRrPacket)[-1].reports)
        assert not any(
            packet.payload == b"not heard" for name in ("buyer", "agent") for packet in made.heard[name].rtp
        )


def seen(heard: Heard, pictures: int) -> bool:
    return len(heard.of(VP8)) == pictures


async def test_a_listener_who_takes_over_counts_from_then_on_without_joining_anew() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("chief", "listener")
        picture(buyer, 1, key=True)
        heard = made.heard["chief"]
        await heard.until(lambda: heard.of(VP8))
        leg = made.room._participants["buyer"].leg
        assert leg is not None
        stream = leg.streams["video"]
        assert [line.throttles for line in stream.lines] == [False]
        made.room.become("chief", "speaker")
        assert [line.throttles for line in stream.lines] == [True]
        made.room.become("chief", "listener")
        assert [line.throttles for line in stream.lines] == [False]
        with pytest.raises(MediaError, match="participant"):
            made.room.become("nobody", "speaker")


async def test_a_listeners_wish_for_keyframes_is_heard_once_a_second() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        chief = await made.join("chief", "listener")
        heard = made.heard["chief"]
        picture(buyer, 1, key=True)
        await heard.until(lambda: heard.of(VP8))
        leg = made.room._participants["buyer"].leg
        assert leg is not None
        stream = leg.streams["video"]
        stream._asked_at = float("-inf")
        before = COUNTS.keyframes_asked
        for number in range(30):
            stream._asked_at = float("-inf")
            chief.send_rtcp(rtcp.receiver_report(1) + rtcp.picture_loss(1, heard.of(VP8)[0].ssrc))
            picture(buyer, 2 + number)
            await heard.until(partial(seen, heard, 2 + number))
        assert COUNTS.keyframes_asked - before == 1


async def test_a_whisper_reaches_the_agent_alone_and_barging_in_reaches_both() -> None:
    async with call() as made:
        await made.join("buyer")
        await made.join("agent")
        chief = await made.join("chief", "listener")
        assert made.room.route("agent", "chief", ["audio"]) == {"buyer": 0, "chief": 1}
        chief.send("audio", b"whisper", timestamp=1)
        agent, buyer = made.heard["agent"], made.heard["buyer"]
        await agent.until(lambda: agent.of(OPUS))
        leg = made.room._participants["agent"].leg
        assert leg is not None
        assert agent.of(OPUS)[0].ssrc == leg.lines[mid(1, "audio")].outgoing.ssrc
        made.room.route("buyer", "chief", ["audio", "video"])
        chief.send("audio", b"hello", timestamp=2)
        await buyer.until(lambda: buyer.of(OPUS))
        assert [packet.payload for packet in buyer.of(OPUS)] == [b"hello"]
        made.room.route("buyer", "chief", [])
        chief.send("audio", b"aside", timestamp=3)
        await agent.until(lambda: len(agent.of(OPUS)) == 3)
        assert [packet.payload for packet in buyer.of(OPUS)] == [b"hello"]


async def test_a_route_to_oneself_or_a_stranger_is_refused() -> None:
    async with call() as made:
        await made.room.join("buyer", "speaker")
        for source, code in (("buyer", "route_impossible"), ("nobody", "participant_unknown")):
            with pytest.raises(MediaError) as refused:
                made.room.route("buyer", source, ["audio"])
            assert refused.value.code == code


async def test_as_many_as_there_are_seats_fit_and_one_more_does_not() -> None:
    assert MOST_PARTICIPANTS == SEATS + 1
    async with call() as made:
        for number in range(MOST_PARTICIPANTS):
            await made.room.join(f"p{number}", "speaker")
        with pytest.raises(MediaError) as refused:
            await made.room.join("one more", "speaker")
        assert refused.value.code == "room_full"
        await made.room.leave("p0")
        await made.room.join("one more", "speaker")


class Copies:
    """A recording that only keeps."""

    def __init__(self) -> None:
        self.packets: list[tuple[str, str, bytes, float]] = []
        self.reports: list[tuple[str, str, int, int]] = []

    def tap(self, participant: str, kind: str) -> Callable[[bytes, float], None]:
        return lambda packet, came_s: self.packets.append((participant, kind, packet, came_s))

    def tap_report(self, participant: str, kind: str, ntp: int, rtp_timestamp: int) -> None:
        self.reports.append((participant, kind, ntp, rtp_timestamp))


async def test_who_could_not_join_takes_nobodys_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    room = Room("call", Ports("127.0.0.1", range(port, port + 1)), lambda event: None)
    await room.join("buyer", "speaker")
    with pytest.raises(MediaError) as refused:
        await room.join("agent", "speaker")
    assert refused.value.code == "no_port"
    assert not room.knows("agent")
    await room.leave("buyer")
    with monkeypatch.context() as patched, pytest.raises(OSError, match="no offer"):
        patched.setattr(Leg, "offer", AsyncMock(side_effect=OSError("no offer")))
        await room.join("agent", "speaker")
    assert not room.knows("agent")
    await room.join("agent", "speaker")
    await room.close()


async def test_a_recording_gets_packets_as_they_came_and_nothing_before_it_began() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        heard = made.heard["agent"]
        buyer.send("audio", b"private", timestamp=1)
        picture(buyer, 1, key=True)
        await heard.until(lambda: len(heard.rtp) == 2)
        copies = Copies()
        asked = asked_for_keyframes(made, "buyer")
        leg = made.room._participants["buyer"].leg
        assert leg is not None
        leg.streams["video"]._asked_at = float("-inf")
        made.room.record(copies)
        await made.heard["buyer"].until(lambda: asked_for_keyframes(made, "buyer") > asked)
        buyer.send("audio", b"consented", timestamp=2)
        buyer.report("audio")
        await heard.until(lambda: heard.said(RtcpSrPacket))
        ((who, kind, packet, at),) = copies.packets
        assert (who, kind) == ("buyer", "audio")
        track = buyer.tracks["audio"]
        assert packet == track.sent[track.sequence]
        assert at > 0
        assert [(who, kind, stamp) for who, kind, _, stamp in copies.reports] == [("buyer", "audio", 2)]
        made.room.record(None)
        buyer.send("audio", b"private", timestamp=3)
        await heard.until(lambda: len(heard.of(OPUS)) == 3)
        assert len(copies.packets) == 1


async def test_a_recording_goes_on_when_a_participant_comes_back() -> None:
    async with call() as made:
        await made.join("buyer")
        await made.join("agent")
        copies = Copies()
        made.room.record(copies)
        again = await made.join("buyer")
        again.send("audio", b"back", timestamp=2)
        await made.heard["agent"].until(lambda: made.heard["agent"].of(OPUS))
        assert [(who, packet[-4:]) for who, _, packet, _ in copies.packets] == [("buyer", b"back")]


async def test_silence_is_told_and_so_is_its_end() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        made.room.watch()
        buyer.send("audio", b"1", timestamp=1)
        await made.heard["agent"].until(lambda: made.heard["agent"].of(OPUS))
        leg = made.room._participants["buyer"].leg
        assert leg is not None
        assert leg.heard_at is not None
        made.room.watch(leg.heard_at + 2.0)
        made.room.watch(leg.heard_at + 2.1)
        made.room.watch(leg.heard_at + 2.2)
        buyer.send("audio", b"2", timestamp=2)
        await made.heard["agent"].until(lambda: len(made.heard["agent"].of(OPUS)) == 2)
        made.room.watch()
        told = [(e["event"], e["participant"]) for e in made.events if e["event"] in ("silent", "heard")]
        assert told == [("silent", "buyer"), ("heard", "buyer")]


async def test_nothing_is_expected_of_who_sends_nothing_and_a_muted_voice_goes_on_as_packets() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        picture(buyer, 1, key=True)
        await made.heard["agent"].until(lambda: made.heard["agent"].of(VP8))
        one = made.room._participants["buyer"]
        assert one.leg is not None
        seen_at = one.leg.heard_at
        assert seen_at is not None
        made.room.sends("buyer", False, now=seen_at + 0.1)
        made.room.sends("buyer", False, now=seen_at + 3.0)
        made.room.watch(seen_at + 4.0)
        assert not any(event["event"] == "silent" for event in made.events), "the camera is off, he is there"
        made.room.sends("buyer", True, now=seen_at + 4.0)
        made.room.watch(seen_at + 5.9)
        assert not any(event["event"] == "silent" for event in made.events), "he has time to begin"
        made.room.watch(seen_at + 6.1)
        assert [event["participant"] for event in made.events if event["event"] == "silent"] == ["buyer"]
        buyer.send("audio", b"muted", timestamp=1)
        await made.heard["agent"].until(lambda: made.heard["agent"].of(OPUS))
        made.room.watch()
        made.room.sends("buyer", False, now=seen_at - 3.0)
        made.room.watch(seen_at + 6.1)
        silences = [event for event in made.events if event["event"] == "silent"]
        assert len(silences) == 2, "and is lost like any other"


async def test_who_never_sends_is_missed_when_his_browser_shows_no_sign_of_life_any_more() -> None:
    async with call() as made:
        await made.join("buyer")
        agent = await made.join("agent", role="listener")
        leg = made.room._participants["agent"].leg
        assert leg is not None
        at = leg.transport.alive_at
        made.room.watch(at + ABSENT_AFTER_S)
        assert not told_of(made, "agent", "silent")
        made.room.watch(at + ABSENT_AFTER_S + 0.1)
        assert told_of(made, "agent", "silent")
        leg.transport.alive_at = float("-inf")
        made.room.watch()
        assert not told_of(made, "agent", "heard")
        agent.send_rtcp(rtcp.receiver_report(7))
        async with asyncio.timeout(10):
            while leg.transport.alive_at < at:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # what has arrived is told by nothing else
        made.room.watch()
        assert told_of(made, "agent", "heard")


async def test_each_second_everybodys_quality_is_told_as_plain_figures() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        heard = made.heard["agent"]
        for number in range(1, 31):
            picture(buyer, number, key=number == 1)
        await heard.until(lambda: len(heard.of(VP8)) == 30)
        made.room.tick(1.0)
        told = {e["participant"]: e for e in made.events if e["event"] == "quality"}
        video = told["buyer"]["video"]
        assert video["bitrate"] == 8 * 30 * (12 + len(KEY) + 2)
        assert (video["loss"], video["frames"], video["freezes"]) == (0.0, 30.0, 0)
        assert told["agent"]["link"]["bitrate"] == video["bitrate"]
        assert "video" not in told["agent"]


async def test_who_neither_sends_nor_hears_is_told_twice_a_second_that_the_path_is_there() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        heard = made.heard["agent"]
        made.room.tick(1.0)
        await heard.until(lambda: len(heard.said(RtcpRrPacket)) == 2)
        buyer.send("audio", b"1", timestamp=1)
        await heard.until(lambda: heard.of(OPUS))
        made.room.tick(1.0)
        made.room.tick(1.0)
        # The third report is single, the fourth, of a second without anything, is not.
        buyer.send("audio", b"2", timestamp=2)
        await heard.until(lambda: len(heard.of(OPUS)) == 2)
        assert len(heard.said(RtcpRrPacket)) == 2 + 1 + 2
        assert not any(report.reports for report in heard.said(RtcpRrPacket))


async def test_a_round_trip_is_measured_by_the_reports() -> None:
    async with call() as made:
        buyer, agent = await made.join("buyer"), await made.join("agent")
        heard = made.heard["agent"]
        buyer.send("audio", b"1", timestamp=1)
        await heard.until(lambda: heard.of(OPUS))
        buyer.report("audio")
        await heard.until(lambda: heard.said(RtcpSrPacket))
        report = heard.said(RtcpSrPacket)[0]
        lsr = report.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF
        agent.send_rtcp(rtcp.receiver_report(1, [rtcp.ReportBlock(report.ssrc, lsr=lsr)]))
        agent.send("audio", b"after", timestamp=1)
        await made.heard["buyer"].until(lambda: made.heard["buyer"].of(OPUS))
        leg = made.room._participants["agent"].leg
        assert leg is not None
        assert leg.rtt_s is not None
        assert 0 <= leg.rtt_s < 5


async def test_the_end_of_a_connection_is_told_with_its_code_and_the_other_goes_on() -> None:
    async with call() as made:
        buyer = await made.join("buyer")
        agent = await made.join("agent")
        await buyer.close()
        assert (await made.until("closed", "buyer"))["code"] == "left"
        agent.send("audio", b"anyone?", timestamp=1)
        again = await made.join("buyer")
        again.send("audio", b"here", timestamp=1)
        await made.heard["agent"].until(lambda: made.heard["agent"].of(OPUS))


async def test_an_answer_is_taken_once_and_a_wrong_one_can_be_mended() -> None:
    async with call() as made:
        offer = await made.room.join("buyer", "speaker")
        with pytest.raises(MediaError) as refused:
            made.room.answer("buyer", "nonsense")
        assert refused.value.code.startswith("answer_")
        async with Caller() as caller:
            text = await caller.answer(offer)
            made.room.answer("buyer", text)
            with pytest.raises(MediaError) as twice:
                made.room.answer("buyer", text)
            assert twice.value.code == "already_answered"
            await made.until("connected", "buyer")
            with pytest.raises(MediaError) as late:
                made.room.answer("buyer", text)
            assert late.value.code == "already_answered"


async def test_closing_twice_tells_nothing_and_refuses_what_comes_later() -> None:
    async with call() as made:
        await made.join("buyer")
        told = len(made.events)
        await made.room.close()
        await made.room.close()
        assert len(made.events) == told
        with pytest.raises(MediaError) as refused:
            await made.room.join("buyer", "speaker")
        assert refused.value.code == "room_closed"


async def test_no_packet_of_a_participant_costs_his_neighbours_anything() -> None:
    """Authentic, encrypted and nonsense: what only somebody in the call can send."""
    async with call() as made:
        buyer = await made.join("buyer")
        await made.join("agent")
        heard = made.heard["agent"]
        buyer.send("audio", b"before", timestamp=1)
        await heard.until(lambda: heard.of(OPUS))
        ssrc = buyer.tracks["audio"].ssrc
        for number, (first, second, rest) in enumerate(
            [
                (0x80, OPUS, b""),
                (0x9F, OPUS, b"\x00" * 60),
                (0x90, OPUS, b"\xbe\xde\x00\x01\x9f\x00\x00\x00x"),
                (0xA0, OPUS, b"\xff"),
                (0xB0, VP8, b"\xbe\xde\x00\x00\x00"),
                (0x80, VP8_RTX, b"\x00"),
                (0x80, VP8_RTX, b"\x00\x01\x10\x00"),
                (0x80, 0, b"payload type of nobody"),
                (0x80, VP8, b""),
            ]
        ):
            packet = struct.pack("!BBHII", first, second, 100 + number, 7, ssrc) + rest
            with suppress(SrtpError):  # a few of these no library would encrypt
                buyer.send_packet(packet)
        for compound in (
            b"\x9f\xc8\x00\x00",
            b"\x81\xcd\x00\x03" + bytes(12),
            b"\x8f\xce\x00\x05" + bytes(20),
        ):
            buyer.send_rtcp(compound + bytes(4))
        buyer.tracks["audio"].sequence = 200
        buyer.send("audio", b"after", timestamp=9)
        await heard.until(lambda: any(packet.payload == b"after" for packet in heard.of(OPUS)))
        assert not any(event["event"] == "closed" for event in made.events)
