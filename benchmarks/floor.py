"""The floor of one forwarded packet in CPython: receive, unprotect, patch, protect, send, and nothing else.

No event loop, no routes, no numbers to keep: what any bridge in this language must pay on this machine.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import time

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from benchmarks.clip import Clip

PACKETS = 20_000
BATCH = 32
#: The profile of SRTP as OpenSSL names it: libsrtp's number, and the bytes of key and salt.
PROFILES = {
    "SRTP_AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    "SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}


def floor_us(clip: Clip, profile: str, packets: int = PACKETS) -> float:
    """CPU microseconds a packet, with the clip's own packet sizes and this profile of SRTP."""
    number, length = PROFILES[profile]
    arriving, leaving = os.urandom(length), os.urandom(length)
    source = _session(Policy.SSRC_ANY_OUTBOUND, arriving, number)
    inbound = _session(Policy.SSRC_ANY_INBOUND, arriving, number)
    outbound = _session(Policy.SSRC_ANY_OUTBOUND, leaving, number)
    payloads = [payload for frame in clip.frames for payload in frame.payloads]
    random.Random(1).shuffle(payloads)
    sender, bridge, receiver = (_socket() for _ in range(3))
    try:
        spent, done, sink = 0.0, 0, bytearray(2_048)
        at, to = bridge.getsockname(), receiver.getsockname()
        while done < packets:
            for offset in range(BATCH):
                header = struct.pack("!BBHII", 0x80, 97, (done + offset) & 0xFFFF, done, 77)
                sender.sendto(source.protect(header + payloads[(done + offset) % len(payloads)]), at)
            spent += _forward(bridge, inbound, outbound, to)
            for _ in range(BATCH):
                receiver.recv_into(sink)
            done += BATCH
    finally:
        for one in (sender, bridge, receiver):
            one.close()
    return spent / done * 1e6


def _forward(bridge: socket.socket, inbound: Session, outbound: Session, to: tuple[str, int]) -> float:
    """CPU seconds for one batch that waits in the socket."""
    buffer, length = ffi.new("char[]", 2_048), ffi.new("int *")
    view = memoryview(ffi.buffer(buffer)).cast("B")
    unprotect, protect, receive, send = (
        lib.srtp_unprotect,
        lib.srtp_protect,
        bridge.recvfrom_into,
        bridge.sendto,
    )
    from_peer, to_peer = inbound._srtp[0], outbound._srtp[0]
    read, patch = struct.Struct("!BBHII").unpack_from, struct.Struct("!I").pack_into
    failed = 0
    began = time.process_time()
    for _ in range(BATCH):
        length[0] = receive(view)[0]
        failed |= unprotect(from_peer, buffer, length)
        read(view)
        patch(view, 8, 99)
        failed |= protect(to_peer, buffer, length)
        send(view[: length[0]], to)
    spent = time.process_time() - began
    if failed:
        raise RuntimeError("libsrtp refused a packet of the floor")
    return spent


def _session(kind: int, key: bytes, profile: int) -> Session:
    return Session(Policy(key=key, ssrc_type=kind, srtp_profile=profile))


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.settimeout(1.0)
    return made
