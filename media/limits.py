"""How many a media process takes: by what it measures of itself, not by a number of calls.

A call that is refused can be called back; a call that stutters cannot be mended, and makes the others
stutter.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Of one core: above it packets begin to wait for each other. One loop cannot use more than one core.
MOST_CPU = 0.75
#: The loop's delay at the 95th percentile. What browsers keep in hand against jitter takes up such a delay;
#: 20 ms refused the only call of two cores that ran both its browsers and much else (load 12).
MOST_LAG_S = 0.05
#: What a participant costs until he is measured. Of one core 0.0042 to 0.0044 were measured with 10 and with
#: 20 sessions of 1280x720 at 1.5 Mbit/s both ways, on 2 cores, unrecorded (`benchmarks.media --clip`);
#: taken twice, because recording is not in that figure.
CPU_EACH = 0.009
#: Buyer, agent, supervisor and third party: as many as there are seats, and the one who sits.
MOST_PARTICIPANTS = 4
#: Buyer and agent: a room takes them once it is open, since its call was let in with both.
CALL = 2
#: Rooms without anybody connected, and with; a bound for memory, far above what the CPU admits.
MOST_ROOMS = 1_000


@dataclass(frozen=True, slots=True)
class Load:
    """A media process as it measured itself over the last seconds."""

    cpu: float
    """Of one core, 0 to 1."""
    lag_s: float
    """How late the loop ran its timers, at the 95th percentile."""
    unmeasured: int
    """Participants that joined since and are not in these figures yet."""


def places(load: Load, neighbours: bool) -> int:
    """How many more participants can be taken without making those of other calls worse.

    Without such neighbours a call can: what it measures then is its own start and the machine's other work.
    """
    free = 0
    if load.lag_s <= MOST_LAG_S:
        # Rounded, so that what exactly fits does fit.
        free = max(0, int(round((MOST_CPU - load.cpu) / CPU_EACH, 6)) - load.unmeasured)
    return free if neighbours else max(free, CALL)
