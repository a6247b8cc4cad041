"""Socket.IO packets as bytes: read strictly, written once for all who hear them. JSON only, no attachments.

The format (socket.io-protocol 5): `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson
from socketio import packet as socketio_packet

from protocol.base import MAX_DEPTH
from protocol.errors import ErrorCode, Refused

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)

# An ack id is a number that stays exact in a browser. The body is whatever follows and is read as JSON later,
# so that a broken body can still be answered.
_HEAD = re.compile(
    rb"([0-6])(?:\d{1,10}-)?(?:(/[\w.:-]{0,63})(?:\?[^,]{0,255})?(?:,|\Z))?(\d{1,16})?(?![\d/])"
)
_NAMESPACES = {None: "/", b"/": "/", b"/buyer": "/buyer", b"/agent": "/agent", b"/guest": "/guest"}
TEXT, PONG = 0x81, 0x8A


class Arrived(NamedTuple):
    """A packet as it came in. `ack` is the id to answer under, None when no answer is awaited."""

    kind: int
    namespace: str
    ack: bytes | None
    body: bytes


def read(packet: bytes) -> Arrived:
    """Splits a packet. Raises `Refused` (bad_request) when there is no reading it."""
    head = _HEAD.match(packet)
    if head is None:
        raise Refused(ErrorCode.bad_request)
    kind, namespace, ack = head.groups()
    known = _NAMESPACES.get(namespace)
    return Arrived(
        kind[0] - 48, known if known is not None else namespace.decode("ascii"), ack, packet[head.end() :]
    )


def loads(body: bytes) -> Any:
    """Reads JSON: UTF-8 only, no NaN, no lone surrogates; of a repeated key the last counts everywhere.

    Raises `Refused` (bad_request, too_deep).
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if error.msg == "depth limit exceeded":
            raise Refused(ErrorCode.too_deep) from None
        raise Refused(ErrorCode.bad_request, "This is not JSON.") from None


def read_command(body: bytes) -> tuple[str, Any]:
    """The name and the one argument of an event. Raises `Refused` (bad_request, too_deep)."""
    match loads(body):
        case [str() as name, argument]:
            pass
        case _:
            raise Refused(ErrorCode.bad_request, "A command is a name and one object.")
    # Counting the brackets is far cheaper than walking; only suspicious ones are walked.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH + 1 and deeper_than(argument, MAX_DEPTH):
        raise Refused(ErrorCode.too_deep)
    return name, argument


def deeper_than(value: Any, limit: int) -> bool:
    """Whether lists and objects nest deeper than `limit`; a scalar has depth 0, an empty list 1."""
    containers = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        containers = [
            child
            for container in containers
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
    return bool(containers)


def frame(message: bytes, opcode: int = TEXT) -> bytes:
    """A whole, unmasked WebSocket frame (RFC 6455, section 5.2): written once, sent to many."""
    size = len(message)
    if size < 126:
        return bytes((opcode, size)) + message
    if size < 65_536:
        return bytes((opcode, 126)) + size.to_bytes(2, "big") + message
    return bytes((opcode, 127)) + size.to_bytes(8, "big") + message


def event_frame(namespace: str, event: str, payload: Any) -> bytes:
    """The frame of an event."""
    return frame(b'42%b,["%b",%b]' % (namespace.encode(), event.encode(), orjson.dumps(payload)))


def ack_frame(namespace: str, ack: bytes, data: bytes) -> bytes:
    """The frame of a command's success. `data` is JSON already."""
    return frame(b'43%b,%b[{"ok":true,"data":%b}]' % (namespace.encode(), ack, data))


def refusal_frame(namespace: str, ack: bytes, error: dict[str, Any]) -> bytes:
    """The frame of a command's refusal."""
    return frame(
        b'43%b,%b[{"ok":false,"error":%b}]' % (namespace.encode(), ack, orjson.dumps(error, default=str))
    )


def connected_frame(namespace: str, sid: str) -> bytes:
    """The frame that accepts a CONNECT."""
    return frame(b"40%b,%b" % (namespace.encode(), orjson.dumps({"sid": sid})))


def connect_refused_frame(namespace: str, error: dict[str, Any]) -> bytes:
    """The frame that refuses a CONNECT; clients read `message` and `data`."""
    body = orjson.dumps({"message": error["message"], "data": error})
    return frame(b"44%b,%b" % (namespace.encode(), body))


def disconnect_frame(namespace: str) -> bytes:
    """The frame that ends a namespace: a client does not come back by itself."""
    return frame(b"41%b," % namespace.encode())


class Json:
    """orjson in the shape that python-socketio expects of a JSON module."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes) -> Any:
        return orjson.loads(text)


class Packet(socketio_packet.Packet):  # type: ignore[misc]  # published without types
    """What python-socketio itself (its Redis manager above all) writes and reads: the same rules.

    A declared attachment would otherwise be waited for in memory without an end.
    """

    uses_binary_events = False
    json = Json

    def decode(self, encoded_packet: str | bytes) -> int:
        raw = encoded_packet.encode() if isinstance(encoded_packet, str) else encoded_packet
        arrived = read(raw)
        if arrived.kind in (BINARY_EVENT, BINARY_ACK):
            raise Refused(ErrorCode.binary_refused)
        self.packet_type = arrived.kind
        self.namespace = arrived.namespace
        self.id = None if arrived.ack is None else int(arrived.ack)
        self.data = loads(arrived.body) if arrived.body else None
        return 0
