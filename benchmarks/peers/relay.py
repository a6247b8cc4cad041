"""The stock server: aiortc with its MediaRelay and MediaRecorder, as its documentation shows them.

It decodes and encodes anew, for the other side and once more for the file (MP4 of H.264 and AAC, one for
each side). Two callers a room. `python -m benchmarks.peers.relay PORT FOLDER`; then POST /join
{"room", "sdp"} with an offer is answered {"sdp"}, and POST /record {"room"} writes both into the folder until
POST /finish {"room"}.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import aioice.ice
import av.error
from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.contrib.media import MediaRecorder, MediaRelay
from aiortc.rtcconfiguration import RTCBundlePolicy


class Room:
    """Who is there, and what the first one sends."""

    def __init__(self) -> None:
        self.relay = MediaRelay()
        self.peers: list[RTCPeerConnection] = []
        self.tracks: list[dict[str, MediaStreamTrack]] = []
        self.recorders: list[MediaRecorder] = []


def application(folder: Path) -> web.Application:
    """The whole server."""
    # aioice leaves 127.0.0.1 out of its addresses; the benchmark has no other.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    rooms: dict[str, Room] = {}

    async def join(request: web.Request) -> web.Response:
        asked = await request.json()
        room = rooms.setdefault(asked["room"], Room())
        return web.json_response({"sdp": await _answer(room, asked["sdp"])})

    async def record(request: web.Request) -> web.Response:
        name = (await request.json())["room"]
        room = rooms[name]
        for side, tracks in enumerate(room.tracks):
            recorder = MediaRecorder(str(folder / f"{name}-{side}.mp4"))
            for track in tracks.values():
                recorder.addTrack(room.relay.subscribe(track))
            room.recorders.append(recorder)
            await recorder.start()
        return web.json_response({})

    async def finish(request: web.Request) -> web.Response:
        for recorder in rooms[(await request.json())["room"]].recorders:
            try:
                await recorder.stop()
            except av.error.FFmpegError as refused:
                # On a loaded machine its encoder gives packets out of order, which its container refuses. The
                # file ends before them; what it cost is measured by then.
                print(f"stock: the end of a file was not written: {refused}", file=sys.stderr)
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/join", join)
    app.router.add_post("/record", record)
    app.router.add_post("/finish", finish)
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
    web.run_app(
        application(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None
    )
