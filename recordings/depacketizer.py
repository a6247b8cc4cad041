"""Packets back into frames: order, assembly, and what may be kept after a loss.

`Reordering` puts the packets of one source in order and waits a while for the missing ones, because they are
asked for again upstream. `VideoAssembler` and `AudioAssembler` make frames of them. Nothing here raises,
whatever the packets hold; what cannot be used is left out and marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from recordings import opus, vp8
from recordings.rtp import Packet

# How long a missing packet is waited for: two or three rounds of asking again on a phone network. Together
# with the span of a cluster it bounds what a kill can lose.
PATIENCE_NS = 400_000_000

# How many packets are held behind a missing one. Two seconds of a good camera; more is memory that a sender
# chooses, and what the sender can still repeat ends there, too.
HELD_PACKETS_MAX = 512

# So many packets from before the place we are at, one after the other, mean that the sender counts anew.
RESTARTED_AFTER = 64

# The largest frame that is put together. A key frame of 1080p has a tenth of it; a frame that never ends
# would otherwise take the memory.
FRAME_BYTES_MAX = 1 << 20

# While nothing can be decoded a key frame is asked for again after this time: the first wish may be lost.
ASK_AGAIN_NS = 1_000_000_000

# As in `rtp`: a tuple of names without a call in Python.
_made = tuple.__new__


class Arrived(NamedTuple):
    """A packet and when it came."""

    packet: Packet
    arrival_ns: int


class Lost(NamedTuple):
    """So many packets will not come any more."""

    packets: int


class Frame(NamedTuple):
    """A whole frame as the decoder wants it.

    `timestamp` is the sender's, 32 bit. `size` is given with key frames of video. `lost`: something before
    this frame is missing, `dropped` frames at least.
    """

    timestamp: int
    arrival_ns: int
    data: bytes
    key: bool
    size: tuple[int, int] | None = None
    lost: bool = False
    dropped: int = 0


class Reordering:
    """The packets of one source, each once and in order, with `Lost` in place of what did not come."""

    def __init__(self) -> None:
        self._next = -1  # the sequence number that comes next, once one came
        self._held: dict[int, Arrived] = {}
        self._waiting_since_ns = 0
        self._late = 0

    def follows(self, sequence: int) -> bool:
        """Whether the packet of this number is the next one, with none held behind it; then it counts as
        pushed and may be used at once."""
        if self._held or (sequence != self._next and self._next >= 0):
            return False
        self._next = (sequence + 1) & 0xFFFF
        self._late = 0
        return True

    def push(self, packet: Packet, arrival_ns: int) -> Iterable[Arrived | Lost]:
        """What may be used now that `packet` came."""
        if self.follows(packet.sequence):
            return (Arrived(packet, arrival_ns),)
        ahead = (packet.sequence - self._next) & 0xFFFF
        if ahead >= 0x8000:
            return self._late_one(packet, arrival_ns)
        self._late = 0
        if not self._held:
            self._waiting_since_ns = arrival_ns
        self._held.setdefault(packet.sequence, Arrived(packet, arrival_ns))
        ready: list[Arrived | Lost] = list(self._in_order())
        while len(self._held) > HELD_PACKETS_MAX:
            ready += self._skip()
        return [*ready, *self.tick(arrival_ns)]

    def tick(self, now_ns: int) -> list[Arrived | Lost]:
        """What may be used because a missing packet was waited for long enough."""
        ready: list[Arrived | Lost] = []
        while self._held and now_ns - self._waiting_since_ns >= PATIENCE_NS:
            ready += self._skip()
        return ready

    def drain(self) -> list[Arrived | Lost]:
        """Everything that is held: nothing will come any more."""
        ready: list[Arrived | Lost] = []
        while self._held:
            ready += self._skip()
        return ready

    def _late_one(self, packet: Packet, arrival_ns: int) -> Iterable[Arrived | Lost]:
        self._late += 1
        if self._late < RESTARTED_AFTER:
            return ()
        ready = self.drain()
        self._next = (packet.sequence + 1) & 0xFFFF
        self._late = 0
        return [*ready, Lost(1), Arrived(packet, arrival_ns)]

    def _in_order(self) -> Iterator[Arrived]:
        released = False
        while (found := self._held.pop(self._next, None)) is not None:
            self._next = (self._next + 1) & 0xFFFF
            released = True
            yield found
        if released and self._held:
            # A new hole: it shows since the oldest packet behind it came.
            self._waiting_since_ns = min(held.arrival_ns for held in self._held.values())

    def _skip(self) -> list[Arrived | Lost]:
        at = self._next
        missing = min((sequence - at) & 0xFFFF for sequence in self._held)
        self._next = (at + missing) & 0xFFFF
        return [Lost(missing), *self._in_order()]


@dataclass(slots=True)
class _Partial:
    """A frame that is being put together. `inside` is the descriptor of each packet after the first, if the
    sender tells the same in all of them."""

    descriptor: vp8.Descriptor
    inside: bytes
    timestamp: int
    arrival_ns: int
    parts: list[bytes]
    size: int


class VideoAssembler:
    """VP8 frames of one source, from the first key frame on.

    After a loss frames are kept as long as their references are here: a lost frame that none refers to, or a
    higher temporal layer, costs only itself. Where a reference is missing, frames are dropped up to the next
    key frame and `wants_key` says that one should be asked for.
    """

    def __init__(self) -> None:
        self._partial: _Partial | None = None
        self._last: vp8.Descriptor | None = None
        self.waiting = True
        """Whether frames are dropped until a key frame comes."""
        self._lost = False
        self._marked = False
        self._dropped = 0
        self._discarded = 0
        self._asked_ns: int | None = None
        self._seen_ns = 0

    def wants_key(self) -> bool:
        """Whether a key frame is to be asked for now; once said, it is not repeated for a second."""
        if not self.waiting:
            return False
        if self._asked_ns is not None and self._seen_ns - self._asked_ns < ASK_AGAIN_NS:
            return False
        self._asked_ns = self._seen_ns
        return True

    def push(self, item: Arrived | Lost) -> Iterable[Frame]:
        """The frames that `item` completes: none, one, or two."""
        if isinstance(item, Lost):
            self._abandon()
            self._lost = self._marked = True
            return ()
        return self.take(*item)

    def take(self, packet: Packet, arrival_ns: int) -> Iterable[Frame]:
        """The frames that the next packet completes: none, one, or two."""
        self._seen_ns = arrival_ns
        payload, partial = packet.payload, self._partial
        if (
            partial is not None
            and packet.timestamp == partial.timestamp
            and payload.startswith(partial.inside)
            and partial.size + len(payload) <= FRAME_BYTES_MAX
        ):
            body = payload[len(partial.inside) :]
            partial.parts.append(body)
            partial.size += len(body)
            return self._finish(partial) if packet.marker else ()
        return self._begin(packet, arrival_ns)

    def _begin(self, packet: Packet, arrival_ns: int) -> Iterable[Frame]:
        """The first packet of a frame, or one that does not fit to those before it."""
        if not packet.payload:
            return ()
        read = vp8.descriptor(packet.payload)
        if read is None:
            self._damaged()
            return ()
        finished: list[Frame] = []
        partial = self._partial
        if partial is not None and (packet.timestamp != partial.timestamp or read.start):
            # The sender did not mark its end, and nothing is missing in between.
            finished += self._finish(partial)
            partial = None
        body = packet.payload[read.size :]
        if partial is not None:
            partial.parts.append(body)
            partial.size += len(body)
        elif read.start:
            inside = bytes((packet.payload[0] & ~0x10,)) + packet.payload[1 : read.size]
            partial = _Partial(read, inside, packet.timestamp, arrival_ns, [body], len(body))
        else:
            # The middle of a frame whose beginning was lost.
            if packet.marker:
                self._drop(read)
            self._lost = self._marked = True
            return finished
        self._partial = partial
        if partial.size > FRAME_BYTES_MAX:
            self._damaged()
        elif packet.marker:
            finished += self._finish(partial)
        return finished

    def _finish(self, partial: _Partial) -> Iterable[Frame]:
        self._partial = None
        data = b"".join(partial.parts)
        key = vp8.is_key(data)
        size = vp8.key_frame_size(data) if key else None
        if not data or (key and size is None):
            self._drop(partial.descriptor)
            self._lost = self._marked = True
            return ()
        if not key and (self.waiting or (self._lost and not self._has_references(partial.descriptor))):
            self._drop(partial.descriptor)
            return ()
        marked, dropped = self._marked, self._dropped
        frame = _made(Frame, (partial.timestamp, partial.arrival_ns, data, key, size, marked, dropped))
        self._last = partial.descriptor
        self.waiting = self._lost = self._marked = False
        self._dropped = self._discarded = 0
        self._asked_ns = None
        return (frame,)

    def _has_references(self, frame: vp8.Descriptor) -> bool:
        """Whether a frame after a loss can be decoded; where it cannot be told, or never again, we wait."""
        last = self._last
        if last is None:
            return False
        if (
            frame.picture_id is not None
            and last.picture_id is not None
            and frame.picture_ids == last.picture_ids
            and (frame.picture_id - last.picture_id - 1) % frame.picture_ids == self._discarded
        ):
            return True  # what was lost was padding, or frames that none refers to
        if frame.layer is not None and frame.base_index is not None and last.base_index is not None:
            if frame.layer == 0 and frame.base_index == (last.base_index + 1) % 256:
                return True  # the base layer is whole
            if frame.layer > 0 and frame.base_index == last.base_index:
                return (
                    frame.layer_sync
                )  # the base layer stands; a later frame of this layer may go on from it
        self.waiting = True
        return False

    def _abandon(self) -> None:
        if self._partial is not None:
            self._drop(self._partial.descriptor)
            self._partial = None

    def _damaged(self) -> None:
        self._abandon()
        self._lost = self._marked = True

    def _drop(self, frame: vp8.Descriptor) -> None:
        self._dropped += 1
        self._marked = True
        if frame.discardable:
            self._discarded += 1


class AudioAssembler:
    """Opus packets of one source: each is a frame of its own."""

    waiting = False

    def __init__(self) -> None:
        self._lost = 0

    def wants_key(self) -> bool:
        return False

    def push(self, item: Arrived | Lost) -> Iterable[Frame]:
        """The frame in `item`, if there is one."""
        if isinstance(item, Lost):
            self._lost += item.packets
            return ()
        return self.take(*item)

    def take(self, packet: Packet, arrival_ns: int) -> Iterable[Frame]:
        """The frame in the next packet, if there is one."""
        if opus.duration_ms(packet.payload) is None:
            return ()
        lost, self._lost = self._lost, 0
        return (_made(Frame, (packet.timestamp, arrival_ns, packet.payload, True, None, lost > 0, lost)),)
