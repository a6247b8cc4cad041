"""The control protocol of a media process: requests, replies and events as frames over a Unix socket.

A frame is its length in four bytes, then so many bytes of JSON, an object (RFC 8259). A request is
`{"id", "verb", ...arguments}`, its reply `{"id", "ok": {...}}` or `{"id", "error": {"code", "message"}}`; the
replies come in the order of the requests. What happens by itself comes as `{"event", ...}` to a connection
that said `subscribe`. This module loads no media: it is what the server holds in its hand.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from media.errors import CODES, MediaError

#: An SDP answer of the greatest length, escaped, and room to spare.
LONGEST_FRAME: Final = 256 * 1024
#: Waiting to be written to one connection: more than a minute of events. Who reads nothing is let go.
MOST_WAITING: Final = 1 << 20
#: Names of rooms and participants.
LONGEST_NAME: Final = 128
#: A reply takes milliseconds; a join may wait for the loop behind others.
REPLY_WITHIN_S: Final = 10.0

Object = dict[str, Any]
_KINDS = ("audio", "video")


def name(value: object) -> bool:
    """A name of a room or participant."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME


def role(value: object) -> bool:
    """Who is heard from the start, and who is not."""
    return value in ("speaker", "listener")


def kinds(value: object) -> bool:
    """What of another one hears and sees; may be empty."""
    return isinstance(value, list) and len(value) <= len(_KINDS) and all(kind in _KINDS for kind in value)


def flag(value: object) -> bool:
    """Yes or no."""
    return isinstance(value, bool)


def text(value: object) -> bool:
    """Any text; its own length has its own code."""
    return isinstance(value, str)


Arguments = Mapping[str, Callable[[object], bool]]

#: Every verb of a media process and what its arguments must be.
VERBS: Final[Mapping[str, Arguments]] = {
    "open": {"room": name},
    "join": {"room": name, "participant": name, "role": role},
    "answer": {"room": name, "participant": name, "sdp": text},
    "role": {"room": name, "participant": name, "role": role},
    "leave": {"room": name, "participant": name},
    "route": {"room": name, "listener": name, "source": name, "kinds": kinds},
    "sends": {"room": name, "participant": name, "anything": flag},
    "close": {"room": name},
    "stats": {},
    "subscribe": {},
}


def checked(request: Object, arguments: Arguments) -> Object:
    """The arguments of a request, all there and nothing else. Raises `arguments_invalid`."""
    given = {key: value for key, value in request.items() if key not in ("id", "verb")}
    if set(given) != set(arguments) or not all(good(given[key]) for key, good in arguments.items()):
        raise MediaError("arguments_invalid")
    return given


def packed(message: Object) -> bytes:
    """A frame."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > LONGEST_FRAME:
        raise MediaError("frame_too_large")
    return len(body).to_bytes(4) + body


async def read(reader: StreamReader) -> Object:
    """The next frame. Raises `frame_too_large`, `frame_malformed`, or `EOFError` at the other side's end."""
    try:
        length = int.from_bytes(await reader.readexactly(4))
        if length > LONGEST_FRAME:
            raise MediaError("frame_too_large")
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as fault:
        raise EOFError from fault
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise MediaError("frame_malformed") from fault
    if not isinstance(message, dict):
        raise MediaError("frame_malformed")
    return message


def failure(identifier: object, code: str) -> Object:
    """The reply that says what went wrong."""
    return {"id": identifier, "error": {"code": code, "message": CODES[code]}}


class Control:
    """One connection to a media process. `on_event` gets every event, `on_lost` is called once at its end."""

    def __init__(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        on_event: Callable[[Object], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._on_event, self._on_lost = on_event, on_lost
        self._replies: dict[int, asyncio.Future[Object]] = {}
        self._number = 0
        self._reading = asyncio.create_task(self._read(reader))

    @classmethod
    async def connect(
        cls, path: Path, on_event: Callable[[Object], None], on_lost: Callable[[], None]
    ) -> Control:
        """Connect and subscribe. Raises `OSError` if nobody listens."""
        reader, writer = await asyncio.open_unix_connection(path)
        control = cls(reader, writer, on_event, on_lost)
        try:
            await control.call("subscribe")
        except BaseException:
            await control.close()
            raise
        return control

    async def call(self, verb: str, **arguments: Any) -> Object:
        """Ask and wait. Raises `MediaError`: the process's own code, `worker_lost` or `timed_out`."""
        if self._reading.done():
            raise MediaError("worker_lost")
        self._number += 1
        number = self._number
        reply: asyncio.Future[Object] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            self._writer.write(packed({"id": number, "verb": verb, **arguments}))
            async with asyncio.timeout(REPLY_WITHIN_S):
                message = await reply
        except TimeoutError:
            raise MediaError("timed_out") from None
        finally:
            del self._replies[number]
        if "error" in message:
            code = message["error"]["code"]
            raise MediaError(code if code in CODES else "internal")
        found: Object = message["ok"]
        return found

    async def _read(self, reader: StreamReader) -> None:
        try:
            while True:
                message = await read(reader)
                if "event" in message:
                    self._on_event(message)
                elif (reply := self._replies.get(message.get("id", 0))) is not None and not reply.done():
                    reply.set_result(message)
        except (EOFError, MediaError):
            pass
        finally:
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(MediaError("worker_lost"))
            self._writer.close()
            self._on_lost()

    async def close(self) -> None:
        """End the connection. Twice is harmless."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
