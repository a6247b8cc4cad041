"""A process that records a call in real time until it is killed, or until something of its own stops it.

Arguments: the root folder, and the number of further files it may open (or nothing). Each line it prints is
how many milliseconds of the call it has tapped, and at the end the code of the recording's end.
"""

import resource
import sys
import time
from pathlib import Path

from tests.recordings.calls import Desk, at, call


def main(root: Path, files: int | None) -> None:
    tapped = call(12)
    desk = Desk(root)
    if files is not None:
        taken = len(list(Path("/proc/self/fd").iterdir())) - 1  # one of them was for looking
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken + files, taken + files))
    recording = desk.start("buyer", "agent")
    began, told_ms = time.monotonic(), 0
    for one in tapped:
        time.sleep(max(0.0, began + one.at_ms / 1000 - time.monotonic()))
        recording.tap(one.participant, one.kind)(one.packet, at(one.at_ms).monotonic_ns / 1e9)
        if one.at_ms - told_ms >= 250:  # as often as a media process
            told_ms = one.at_ms
            recording.tick(at(told_ms))
            print(told_ms, flush=True)
        if desk.ends:
            break
    recording.stop("call_ended", at(told_ms))
    desk.recorder.close()
    print(desk.ends[0], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
