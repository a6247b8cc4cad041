"""The one offer and what an answer must be, with aiortc's own peer connection on the other side."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from media import negotiation
from media.errors import CODES, MediaError
from media.negotiation import Local, Outgoing, offer, read_answer
from media.seats import KINDS, SEATS, mid

LOCAL = Local("192.0.2.7", 40_001, "UFRAGufrag", "p" * 24, ":".join(["AB"] * 32))
LINES = {
    mid(seat, kind): Outgoing(1000 + 10 * seat + index, 2000 + seat if kind == "video" else None)
    for seat in range(SEATS)
    for index, kind in enumerate(KINDS)
}
OFFER = offer(LOCAL, LINES)


async def answered() -> str:
    """What aiortc answers to the offer."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    try:
        await peer.setRemoteDescription(RTCSessionDescription(OFFER, "offer"))
        for transceiver in peer.getTransceivers()[:2]:
            transceiver.direction = "sendrecv"
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)
    finally:
        await peer.close()


@pytest.fixture
async def answer() -> str:
    return await answered()


def test_the_offer_has_opus_and_vp8_with_retransmissions_on_every_seat_and_nothing_else() -> None:
    read = SessionDescription.parse(OFFER)
    assert [(media.kind, media.rtp.muxId, media.direction) for media in read.media] == [
        ("audio", "0", "sendrecv"),
        ("video", "1", "sendrecv"),
        ("audio", "2", "sendonly"),
        ("video", "3", "sendonly"),
        ("audio", "4", "sendonly"),
        ("video", "5", "sendonly"),
    ]
    for media in read.media:
        names = [(codec.payloadType, codec.name) for codec in media.rtp.codecs]
        assert names == ([(111, "opus")] if media.kind == "audio" else [(96, "VP8"), (97, "rtx")])
        assert media.fmt == [number for number, _ in names]
    assert "transport-cc" not in OFFER
    assert "transport-wide" not in OFFER
    assert "x-google-start-bitrate=1500" in OFFER
    assert read.group[0].items == ["0", "1", "2", "3", "4", "5"], "everything on one transport"


def test_the_offer_names_the_streams_that_each_line_will_carry() -> None:
    for media in SessionDescription.parse(OFFER).media:
        outgoing = LINES[media.rtp.muxId]
        ssrcs = [outgoing.ssrc] if outgoing.rtx is None else [outgoing.ssrc, outgoing.rtx]
        assert [line.ssrc for line in media.ssrc] == ssrcs
        if outgoing.rtx is not None:
            assert (media.ssrc_group[0].semantic, media.ssrc_group[0].items) == ("FID", ssrcs)


def test_the_offer_holds_the_announced_address_and_no_other() -> None:
    found = set(re.findall(r"\d+\.\d+\.\d+\.\d+", OFFER))
    assert found == {"192.0.2.7", "0.0.0.0"}  # noqa: S104 - SDP for "none"
    candidates = [line for line in OFFER.splitlines() if line.startswith("a=candidate")]
    assert set(candidates) == {"a=candidate:1 1 udp 2130706431 192.0.2.7 40001 typ host"}
    assert "a=ice-lite" in OFFER.splitlines()


async def test_the_answer_of_a_real_peer_is_accepted(answer: str) -> None:
    read = read_answer(answer)
    first = SessionDescription.parse(answer).media[0]
    assert first.ice is not None
    assert (read.ufrag, read.password) == (first.ice.usernameFragment, first.ice.password)
    assert {name for name, _ in read.fingerprints} == {"sha-256", "sha-384", "sha-512"}
    assert read.receives == {"0", "1", "2", "3", "4", "5"}


async def test_a_line_that_the_participant_does_not_want_is_not_among_those_that_he_hears(
    answer: str,
) -> None:
    lines = answer.split("m=")
    lines[3] = lines[3].replace("a=recvonly", "a=inactive")
    assert read_answer("m=".join(lines)).receives == {"0", "1", "3", "4", "5"}


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(answer: str) -> str:
        assert old in answer
        return answer.replace(old, new)

    return change


def without(pattern: str) -> Callable[[str], str]:
    def change(answer: str) -> str:
        kept = [line for line in answer.splitlines() if not re.match(pattern, line)]
        assert len(kept) < len(answer.splitlines())
        return "\r\n".join(kept) + "\r\n"

    return change


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("answer_malformed", lambda answer: answer.replace("m=audio", "m=audio x")),
        ("answer_malformed", replaced("a=setup:active", "a=setup:perhaps")),
        ("answer_mismatch", lambda answer: ""),
        ("answer_mismatch", lambda answer: "m=".join(answer.split("m=")[:-1])),
        ("answer_mismatch", replaced("a=mid:2", "a=mid:9")),
        ("answer_mismatch", replaced("a=recvonly", "a=sendrecv")),
        ("answer_rejects_line", replaced("BUNDLE 0 1 2 3 4 5", "BUNDLE 0 1 2 3 4")),
        ("answer_rejects_line", lambda answer: re.sub(r"m=video \d+", "m=video 0", answer)),
        ("answer_codec_missing", replaced("VP8/90000", "VP9/90000")),
        ("answer_codec_missing", replaced("opus/48000", "opus/16000")),
        ("answer_codec_missing", without("a=(rtpmap|fmtp|rtcp-fb):97")),
        ("answer_without_rtcp_mux", without("a=rtcp-mux")),
        ("answer_setup", replaced("a=setup:active", "a=setup:passive")),
        ("answer_setup", without("a=setup")),
        ("answer_fingerprint", without("a=fingerprint")),
        ("answer_fingerprint", lambda answer: re.sub(r"a=fingerprint:\S+", "a=fingerprint:md5", answer)),
        ("answer_ice", without("a=ice-ufrag")),
        ("answer_ice", lambda answer: re.sub(r"a=ice-pwd:\S+", "a=ice-pwd:short", answer)),
        ("answer_ice", lambda answer: re.sub(r"a=ice-ufrag:\S+", "a=ice-ufrag:with,comma", answer)),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused_with_its_code(
    answer: str, code: str, change: Callable[[str], str]
) -> None:
    with pytest.raises(MediaError) as refused:
        read_answer(change(answer))
    assert refused.value.code == code


async def test_the_longest_answer_is_read_and_one_character_more_is_not(answer: str) -> None:
    line = "a=x-note:"
    filler = line + "x" * (negotiation.LONGEST_ANSWER - len(answer) - len(line) - 2) + "\r\n"
    assert len(answer + filler) == negotiation.LONGEST_ANSWER
    read_answer(answer + filler)
    with pytest.raises(MediaError, match=CODES["answer_too_large"]):
        read_answer(answer + "x" + filler)


@given(st.text(max_size=300))
def test_any_text_gets_a_code(text: str) -> None:
    with pytest.raises(MediaError):
        read_answer(text)


@given(data=st.data())
async def test_an_answer_with_a_line_replaced_is_accepted_or_gets_a_code(data: st.DataObject) -> None:
    lines = STATIC_ANSWER.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    keys = st.sampled_from(
        ["a=", "a=extmap:", "a=ssrc:", "a=fmtp:", "a=rtcp-fb:", "a=candidate:", "m=", "c="]
    )
    lines[at] = data.draw(keys) + data.draw(st.text(max_size=20))
    try:
        read_answer("\r\n".join(lines))
    except MediaError as refused:
        assert refused.code.startswith("answer_")


STATIC_ANSWER = (
    OFFER.replace("a=sendonly", "a=recvonly")
    .replace("a=setup:actpass", "a=setup:active")
    .replace("a=ice-lite\r\n", "")
)


def test_the_fuzzed_answer_is_itself_acceptable() -> None:
    assert read_answer(STATIC_ANSWER).ufrag == LOCAL.ufrag
