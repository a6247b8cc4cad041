"""The one offer that every participant gets, and what an answer must be: pure functions over SDP.

The server always offers, and always the same (RFC 8829): equal payload types, extension ids and media lines
on all legs are what lets a packet be forwarded without touching more than its numbers. The offer says
ICE-lite (RFC 8445 section 2.5): the participant, who alone knows his networks, chooses and changes the path,
and the candidates in an answer are not even read. So the server sends to no address that did not first show
the password, and nothing of an answer ever reaches another participant.

Media lines lie in seats. Seat 0 is audio and video both ways; the others are for hearing and seeing further
participants. All are there from the start, because nothing is ever negotiated again.

Left out on purpose: transport-wide congestion control (forwarded end to end it starves the sender; REMB does
not), the MID extension (lines differ from leg to leg; receivers go by the SSRCs below), video orientation (so
that senders turn the picture themselves and recordings are upright), H.264.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceParameters
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)
from aiortc.sdp import GroupDescription, MediaDescription, SessionDescription, SsrcDescription

from media.errors import MediaError
from media.seats import KINDS, SEATS, Kind, mid

OPUS, VP8, VP8_RTX = 111, 96, 97
CLOCK_RATE: Final[Mapping[Kind, int]] = {"audio": 48_000, "video": 90_000}
AUDIO_LEVEL, ABS_SEND_TIME = 2, 3
#: Header extensions that may be forwarded: RFC 6464, and the send time from which receivers estimate REMB.
EXTENSIONS: Final = frozenset({AUDIO_LEVEL, ABS_SEND_TIME})
#: What a browser starts to send with. Its own start, 300 kbit/s, takes half a minute to climb from.
START_BITRATE = 1_500_000

#: Three times what Chromium answers to this offer.
LONGEST_ANSWER = 32_768
_HASHES = {"sha-256", "sha-384", "sha-512"}
_ICE_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_ICE_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The SSRCs of one line that the server sends on; `rtx` is that of retransmissions (video)."""

    ssrc: int
    rtx: int | None = None


@dataclass(frozen=True, slots=True)
class Local:
    """The server's end of one leg. `address` is the announced one, `fingerprint` is of SHA-256."""

    address: str
    port: int
    ufrag: str
    password: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an accepted answer says."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    """Hash name in lower case, and value."""
    receives: frozenset[str]
    """The mids on which the participant wants to hear or see."""


def offer(local: Local, lines: Mapping[str, Outgoing]) -> str:
    """The SDP offer, with no address but the local one. `lines` has the outgoing SSRCs of each mid."""
    description = SessionDescription()
    # RFC 8829 section 5.2.1: nothing in here tells where or what this server is.
    description.origin = "- 1 1 IN IP4 0.0.0.0"
    mids = [mid(seat, kind) for seat in range(SEATS) for kind in KINDS]
    description.group.append(GroupDescription("BUNDLE", list(mids)))
    description.msid_semantic.append(GroupDescription("WMS", ["*"]))
    for seat in range(SEATS):
        for kind in KINDS:
            media = _line(seat, kind, lines[mid(seat, kind)])
            media.host, media.port = local.address, local.port
            media.ice = RTCIceParameters(local.ufrag, local.password, iceLite=True)
            media.dtls = RTCDtlsParameters([RTCDtlsFingerprint("sha-256", local.fingerprint)], role="auto")
            # One transport serves all lines; peers differ in which of them they read it from.
            media.ice_candidates, media.ice_candidates_complete = [_candidate(local)], True
            description.media.append(media)
    return str(description)


def _line(seat: int, kind: Kind, outgoing: Outgoing) -> MediaDescription:
    codecs = _codecs(kind)
    media = MediaDescription(kind, 9, "UDP/TLS/RTP/SAVPF", [codec.payloadType for codec in codecs])
    media.direction = "sendrecv" if seat == 0 else "sendonly"
    media.msid = f"seat{seat} {kind}{seat}"
    media.rtp = RTCRtpParameters(codecs=codecs, headerExtensions=_extensions(kind), muxId=mid(seat, kind))
    media.rtcp_port, media.rtcp_host, media.rtcp_mux = 9, "0.0.0.0", True  # noqa: S104 - SDP for "none"
    name = cname(seat)
    media.ssrc = [SsrcDescription(outgoing.ssrc, cname=name)]
    if outgoing.rtx is not None:
        media.ssrc.append(SsrcDescription(outgoing.rtx, cname=name))
        media.ssrc_group = [GroupDescription("FID", [outgoing.ssrc, outgoing.rtx])]
    return media


def cname(seat: int) -> str:
    """The canonical name of a seat's streams: a receiver keeps streams of one name in step."""
    return f"seat{seat}"


def _codecs(kind: Kind) -> list[RTCRtpCodecParameters]:
    rate = CLOCK_RATE[kind]
    if kind == "audio":
        opus = RTCRtpCodecParameters("audio/opus", rate, channels=2, payloadType=OPUS)
        opus.parameters = {"minptime": 10, "useinbandfec": 1}
        return [opus]
    feedback = [RTCRtcpFeedback("goog-remb"), RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli")]
    vp8 = RTCRtpCodecParameters("video/VP8", rate, payloadType=VP8, rtcpFeedback=feedback)
    vp8.parameters = {"x-google-start-bitrate": str(START_BITRATE // 1000)}
    return [vp8, RTCRtpCodecParameters("video/rtx", rate, payloadType=VP8_RTX, parameters={"apt": VP8})]


def _extensions(kind: Kind) -> list[RTCRtpHeaderExtensionParameters]:
    if kind == "audio":
        return [RTCRtpHeaderExtensionParameters(AUDIO_LEVEL, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")]
    send_time = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    return [RTCRtpHeaderExtensionParameters(ABS_SEND_TIME, send_time)]


def _candidate(local: Local) -> RTCIceCandidate:
    # The priority of a host candidate, RFC 8445 section 5.1.2.1.
    priority = 126 << 24 | 65535 << 8 | 255
    return RTCIceCandidate(1, "1", local.address, local.port, priority, "udp", "host")


def read_answer(sdp: str) -> Answer:
    """What an answer to `offer` says. Raises `MediaError` with a code `answer_*` for any other text."""
    if len(sdp) > LONGEST_ANSWER:
        raise MediaError("answer_too_large")
    try:
        description = SessionDescription.parse(sdp)
    except Exception as fault:  # the parser asserts and indexes its way through a stranger's text
        raise MediaError("answer_malformed") from fault
    lines = [(media.kind, media.rtp.muxId) for media in description.media]
    if lines != [(kind, mid(seat, kind)) for seat in range(SEATS) for kind in KINDS]:
        raise MediaError("answer_mismatch")
    bundled = {item for group in description.group if group.semantic == "BUNDLE" for item in group.items}
    for media in description.media:
        _check_line(media, bundled)
    return _answer(description.media)


def _check_line(media: MediaDescription, bundled: set[int | str]) -> None:
    if media.port == 0 or media.rtp.muxId not in bundled:
        raise MediaError("answer_rejects_line")
    if not media.rtcp_mux:
        raise MediaError("answer_without_rtcp_mux")
    codecs = {(codec.name.lower(), codec.payloadType, codec.clockRate) for codec in media.rtp.codecs}
    offered = {(codec.name.lower(), codec.payloadType, codec.clockRate) for codec in _codecs(_kind(media))}
    if not offered <= codecs:
        raise MediaError("answer_codec_missing")
    if media.rtp.muxId not in ("0", "1") and media.direction not in ("recvonly", "inactive"):
        raise MediaError("answer_mismatch")


def _kind(media: MediaDescription) -> Kind:
    return "audio" if media.kind == "audio" else "video"


def _answer(lines: Sequence[MediaDescription]) -> Answer:
    # Under max-bundle the transport is that of the first line (RFC 9143 section 7.3).
    ice, dtls = lines[0].ice, lines[0].dtls
    if dtls is None or dtls.role != "client":
        raise MediaError("answer_setup")
    fingerprints = tuple(
        (fingerprint.algorithm.lower(), fingerprint.value)
        for fingerprint in dtls.fingerprints
        if fingerprint.algorithm.lower() in _HASHES
    )
    if not fingerprints:
        raise MediaError("answer_fingerprint")
    ufrag, password = (ice.usernameFragment or "", ice.password or "") if ice else ("", "")
    if not _ICE_UFRAG.fullmatch(ufrag) or not _ICE_PWD.fullmatch(password):
        raise MediaError("answer_ice")
    receives = frozenset(
        media.rtp.muxId for media in lines if media.direction in (None, "sendrecv", "recvonly")
    )
    return Answer(ufrag, password, fingerprints, receives)
