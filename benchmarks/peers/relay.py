"""The stock server: aiortc with its MediaRelay, as its documentation shows it; it decodes and encodes anew.

Two callers a room. `python -m benchmarks.peers.relay PORT`, then POST /join {"room", "sdp"} with an offer is
answered {"sdp"}.
"""

from __future__ import annotations

import sys
from typing import Any

import aioice.ice
from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.contrib.media import MediaRelay
from aiortc.rtcconfiguration import RTCBundlePolicy


class Room:
    """Who is there, and what the first one sends."""

    def __init__(self) -> None:
        self.relay = MediaRelay()
        self.peers: list[RTCPeerConnection] = []
        self.tracks: list[dict[str, MediaStreamTrack]] = []


def application() -> web.Application:
    """The whole server."""
    # aioice leaves 127.0.0.1 out of its addresses; the benchmark has no other.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    rooms: dict[str, Room] = {}

    async def join(request: web.Request) -> web.Response:
        asked = await request.json()
        room = rooms.setdefault(asked["room"], Room())
        return web.json_response({"sdp": await _answer(room, asked["sdp"])})

    app = web.Application()
    app.router.add_post("/join", join)
    return app


async def _answer(room: Room, offer: str) -> str:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    tracks: dict[str, MediaStreamTrack] = {}
    peer.on("track", lambda track: tracks.__setitem__(track.kind, track))
    await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    preferred = [
        codec for codec in RTCRtpSender.getCapabilities("video").codecs if codec.name in ("VP8", "rtx")
    ]
    for transceiver in peer.getTransceivers():
        transceiver.direction = "sendrecv"
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(preferred)
    for other, others_tracks in zip(room.peers, room.tracks, strict=True):
        _cross(room.relay, peer, others_tracks)
        _cross(room.relay, other, tracks)
    room.peers.append(peer)
    room.tracks.append(tracks)
    await peer.setLocalDescription(await peer.createAnswer())
    return str(peer.localDescription.sdp)


def _cross(relay: MediaRelay, to: RTCPeerConnection, tracks: dict[str, Any]) -> None:
    for sender in to.getSenders():
        sender.replaceTrack(relay.subscribe(tracks[sender.kind]))


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
