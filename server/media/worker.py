"""The entry of a media process: calls forwarded by `media`, recorded by `recordings`, introduced here.

Beside the verbs of `media.control` it understands those of a recording. A recording begins with the first
participant who agreed and takes in the others as they agree; whoever did not is forwarded and never written.
Its end comes as an event, `{"event": "recording_ended", "room", "recording", "code"}`, whatever ended it; the
call goes on. What a killed process left unfinished is ended by `server.recordings.finishing`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from media import worker
from media.control import Arguments, Object, name
from media.errors import MediaError
from media.ice import Ports
from media.worker import Verb, Worker
from recordings.manifest import Consent, EndCode, Instant, PauseReason
from recordings.recorder import FREE_FLOOR_BYTES, Recorder, Recording, RecordingRefused

log = logging.getLogger(__name__)

TURN_S = 0.25
"""How often a recording takes what came, and notices what waited long enough and what went wrong."""
TURN_PARTS = 5
"""Some recordings at a time: one by one they would find cold caches, and all at once hold up every call."""
TEXT_LONGEST = 64
STOPS: tuple[EndCode, ...] = ("stopped", "consent_withdrawn")
"""Why the desk ends a recording whose call goes on."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def token(value: object) -> bool:
    """An id that may name a file."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def label(value: object) -> bool:
    """A person's id, a version, a language."""
    return isinstance(value, str) and 0 < len(value) <= TEXT_LONGEST


def moment(value: object) -> bool:
    """Epoch milliseconds."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


VERBS: Mapping[str, Arguments] = {
    "record": {
        "room": name,
        "recording": token,
        "call": token,
        "participant": token,
        "actor": label,
        "text_version": label,
        "locale": label,
        "utc_ms": moment,
    },
    "withdraw": {"room": name, "participant": token},
    "pause": {"room": name, "reason": get_args(PauseReason).__contains__},
    "resume": {"room": name},
    "stop_recording": {"room": name, "code": STOPS.__contains__},
}
"""`record` is one participant's consent; `{"refused": code}` in its reply says why nothing is written."""


@dataclass(frozen=True, slots=True)
class _Running:
    id: str
    recording: Recording
    part: int
    """Of each turn, when its own comes."""


class RecordingWorker(Worker):
    """A media process that also writes what its participants agreed to."""

    def __init__(self, ports: Ports, root: Path, boot_id: str, floor_bytes: int = FREE_FLOOR_BYTES) -> None:
        super().__init__(ports)
        self._root = root
        self._recorder = Recorder(root, boot_id, floor_bytes)
        self._running: dict[str, _Running] = {}
        self._parts = itertools.cycle(range(TURN_PARTS))
        handlers = {
            "record": self._record,
            "withdraw": self._withdraw,
            "pause": self._pause,
            "resume": self._resume,
            "stop_recording": self._stop_recording,
        }
        self.verbs |= {verb: Verb(VERBS[verb], handle) for verb, handle in handlers.items()}
        self.verbs["close"] = Verb(self.verbs["close"].arguments, self._close_recorded)

    async def _record(self, asked: Object) -> Object:
        room = self.room(asked["room"])
        if not room.knows(asked["participant"]):
            raise MediaError("participant_unknown")
        consent = Consent(
            asked["participant"], asked["actor"], asked["text_version"], asked["locale"], asked["utc_ms"]
        )
        running = self._running.get(asked["room"])
        try:
            if running is not None:
                running.recording.agree(consent, _now())
            else:
                self._begin(asked["room"], asked["recording"], asked["call"], consent)
        except RecordingRefused as refused:
            return {"refused": refused.code}
        room.request_keyframe(asked["participant"])
        return {"refused": None}

    def _begin(self, room_name: str, recording_id: str, call_id: str, consent: Consent) -> None:
        room = self.room(room_name)

        def need_key(participant: str) -> None:
            if room.knows(participant):
                room.request_keyframe(participant)

        def ended(code: EndCode) -> None:
            room.record(None)
            self._running.pop(room_name, None)
            self.tell(
                {"event": "recording_ended", "room": room_name, "recording": recording_id, "code": code}
            )

        recording = self._recorder.start(recording_id, call_id, [consent], _now(), need_key, ended)
        self._running[room_name] = _Running(recording_id, recording, next(self._parts))
        room.record(recording)

    def _of(self, asked: Object) -> Recording | None:
        self.room(asked["room"])
        running = self._running.get(asked["room"])
        return running.recording if running is not None else None

    async def _withdraw(self, asked: Object) -> Object:
        if (recording := self._of(asked)) is not None:
            recording.withdraw(asked["participant"], _now())
        return {}

    async def _pause(self, asked: Object) -> Object:
        if (recording := self._of(asked)) is not None:
            recording.pause(asked["reason"], _now())
        return {}

    async def _resume(self, asked: Object) -> Object:
        if (recording := self._of(asked)) is not None:
            recording.resume(_now())
        return {}

    async def _stop_recording(self, asked: Object) -> Object:
        if (recording := self._of(asked)) is not None:
            recording.stop(asked["code"], _now())
        return {}

    async def _close_recorded(self, asked: Object) -> Object:
        if (recording := self._of(asked)) is not None:
            recording.stop("call_ended", _now())
        return await self._close(asked)

    async def keep_time(self) -> None:
        """The clock of every room and of every recording, until cancelled."""
        async with asyncio.TaskGroup() as clocks:
            clocks.create_task(super().keep_time())
            clocks.create_task(self._turn())

    async def _turn(self) -> None:
        for part in itertools.cycle(range(TURN_PARTS)):
            await asyncio.sleep(TURN_S / TURN_PARTS)
            now = _now()
            for running in [one for one in self._running.values() if one.part == part]:
                try:
                    running.recording.tick(now)
                except Exception:
                    log.exception("the clock of a recording failed: %s", running.id)

    async def close(self) -> None:
        """End every recording, then every room and connection, and wait for the disk."""
        for running in list(self._running.values()):
            running.recording.stop("call_ended", _now())
        await super().close()
        if not await asyncio.to_thread(self._recorder.close):
            log.error("recording.disk_slow: what was not written is found at the next start")


def _now() -> Instant:
    return Instant(time.monotonic_ns(), time.time_ns() // 1_000_000)


def main() -> None:
    """Run a media process until a signal, or until standard input ends."""
    parser = worker.parser()
    parser.add_argument("--recordings", type=Path, required=True, help="the folder of recordings")
    parser.add_argument("--boot", required=True, help="the id of this run of the server")
    chosen = parser.parse_args()
    process = RecordingWorker(worker.ports_from(chosen), chosen.recordings, chosen.boot)
    worker.run(process, chosen.socket)


if __name__ == "__main__":
    main()
