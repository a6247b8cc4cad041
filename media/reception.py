"""What arrived of one stream, what is missing, and what to say of it: counted, without clock or wire.

`now` is in seconds of one monotonic clock. Sequence numbers are kept extended by their cycles (RFC 3550
appendix A.1), so they only grow.
"""

from __future__ import annotations

from dataclasses import dataclass

from media.rtcp import ReportBlock

#: A retransmission is asked for so often, a round trip apart; each loses with the link's own chance.
MOST_TRIES = 8
#: After this a picture is too late to be worth repairing: a new keyframe is quicker.
REPAIR_WITHIN_S = 1.0
#: A jump further than this is a new start of the numbers, and more missing are not waited for: no cache holds
#: as much.
LARGEST_GAP = 512
#: What one NACK asks for, so that it fits into a datagram however far apart they are.
MOST_ASKED = 256
#: Between tries on a link whose round trip is not known, and at the least on a very short one.
FIRST_RTT_S, SHORTEST_RETRY_S = 0.1, 0.02
#: What W3C counts as a freeze (webrtc-stats, `freezeCount`): an interval of three usual ones, and 150 ms more
#: than a usual one, where the usual is the mean of the last 30; longer than 5 s is a pause (`pauseCount`): a
#: camera that was off, or a participant who was away.
_FREEZE_FRAMES, _FREEZE_EXTRA_S, _USUAL_OF, _PAUSE_S = 3.0, 0.15, 30, 5.0


@dataclass(slots=True)
class _Missing:
    since: float
    tries: int = 0
    asked_at: float = 0.0
    due_at: float = 0.0


class Reception:
    """One incoming stream. `rate` is its clock rate, `frames` whether timestamps count pictures."""

    __slots__ = (
        "_at_report", "_frame_at", "_frame_s", "_transit", "arrived_at", "expected", "first", "frames",
        "freezes", "frozen_s", "given_up", "jitter", "missing", "octets", "packets", "pictures", "rate",
        "repaired", "rtt", "timestamp",
    )  # fmt: skip

    def __init__(self, rate: int, frames: bool) -> None:
        self.rate = rate
        self.frames = frames
        self.first = self.expected = -1
        self.timestamp = -1
        """Of the newest packet."""
        self.arrived_at = 0.0
        self.packets = self.octets = 0
        self.jitter = 0.0
        """RFC 3550 appendix A.8, in units of the clock rate."""
        self.missing: dict[int, _Missing] = {}
        self.repaired = self.given_up = 0
        self.rtt = FIRST_RTT_S
        """From asking for a packet to having it, in seconds: what the next try waits for."""
        self.pictures = self.freezes = 0
        self.frozen_s = 0.0
        self._transit: float | None = None
        self._frame_at = float("-inf")
        self._frame_s = 0.0
        self._at_report = (0, 0)

    def received(self, sequence: int, timestamp: int, length: int, now: float) -> int:
        """Count a packet. Its extended number, or -1 if it was here before and is not to be used again."""
        ahead = (sequence - self.expected) & 0xFFFF
        if ahead == 0 and self.expected >= 0:
            number = self.expected
            self.expected = number + 1
        elif self.expected < 0:
            # Room below, for packets that are older than the first one to come.
            self.first = number = sequence + 0x10000
            self.expected = number + 1
        elif ahead < 0x8000:
            number = self.expected + ahead
            self._gap(number, now)
        else:
            number = self.expected - 0x10000 + ahead
            if not self._filled(number, now):
                return -1
            timestamp = self.timestamp
        self.packets += 1
        self.octets += length
        self.arrived_at = now
        if timestamp != self.timestamp:
            self._moment(timestamp, now)
        return number

    def _gap(self, number: int, now: float) -> None:
        gap = number - self.expected
        if gap > LARGEST_GAP:
            self.given_up += len(self.missing) + 1
            self.missing.clear()
            # The numbers begin anew, nothing of the jump was lost.
            self.first += gap
        elif gap + len(self.missing) > LARGEST_GAP:
            self.given_up += len(self.missing) + gap
            self.missing.clear()
        else:
            for missed in range(self.expected, number):
                self.missing[missed] = _Missing(now)
        self.expected = number + 1

    def _filled(self, number: int, now: float) -> bool:
        found = self.missing.pop(number, None)
        if found is None:
            return False
        if found.tries == 1:
            # Only one request was out, so this answers it.
            self.rtt += (now - found.asked_at - self.rtt) / 4
        self.repaired += found.tries > 0
        return True

    def _moment(self, timestamp: int, now: float) -> None:
        """The first packet of a new timestamp: jitter and the pace of pictures."""
        transit = now * self.rate - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            # A timestamp that jumped is a new clock and no jitter.
            if change < self.rate:
                self.jitter += (change - self.jitter) / 16
        self._transit = transit
        self.timestamp = timestamp
        if self.frames:
            self._picture(now)

    def _picture(self, now: float) -> None:
        self.pictures += 1
        interval, self._frame_at = now - self._frame_at, now
        if interval > _PAUSE_S:
            return  # the first one, too
        usual = self._frame_s
        if usual and interval > max(_FREEZE_FRAMES * usual, usual + _FREEZE_EXTRA_S):
            self.freezes += 1
            self.frozen_s += interval
        # A freeze counts as well, so that a picture a second is soon what is usual.
        self._frame_s += (interval - usual) / (_USUAL_OF if usual else 1)

    @property
    def retry_s(self) -> float:
        """How long to wait for an answer before asking again."""
        return max(SHORTEST_RETRY_S, 1.2 * self.rtt)

    def due(self, now: float) -> list[int]:
        """The sequence numbers to ask for now, oldest first. They count as asked; hopeless ones go."""
        asked: list[int] = []
        for number, missing in list(self.missing.items()):
            exhausted = missing.tries >= MOST_TRIES and now >= missing.due_at
            if exhausted or now - missing.since > REPAIR_WITHIN_S:
                del self.missing[number]
                self.given_up += 1
            elif now >= missing.due_at and len(asked) < MOST_ASKED:
                missing.tries += 1
                missing.asked_at = now
                missing.due_at = now + self.retry_s
                asked.append(number & 0xFFFF)
        return asked

    def next_due(self) -> float | None:
        """When `due` has something to do again."""
        return min((missing.due_at for missing in self.missing.values()), default=None)

    @property
    def lost(self) -> int:
        """Packets that never came (RFC 3550 section 6.4.1)."""
        return max(0, self.expected - self.first - self.packets) if self.packets else 0

    def report(self, ssrc: int, lsr: int, dlsr: int) -> ReportBlock:
        """The report block since the last one. Repaired packets count as received."""
        expected = self.expected - self.first
        before, received_before = self._at_report
        self._at_report = expected, self.packets
        due, came = expected - before, self.packets - received_before
        fraction = min(255, max(0, due - came) * 256 // due) if due > 0 else 0
        return ReportBlock(
            ssrc, fraction, self.lost, self.expected - 1 & 0xFFFFFFFF, int(self.jitter), lsr, dlsr
        )
