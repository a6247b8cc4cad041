"""The one mouth: only here are events sent, and only facts that are already committed.

An event is written once and handed to each socket's link; nothing here waits. With several nodes it is also
put into a bounded line for python-socketio's Redis manager: what is lost there is a hint, clients catch up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from protocol.base import Namespace
from protocol.catalogue import EVENT_OF, adapter
from signaling import packets
from signaling.facts import Fact
from signaling.link import Link
from signaling.ports import Meter
from signaling.present import Emission, present
from signaling.told import Told

log = logging.getLogger(__name__)


class Relay:
    """Tells other nodes through a python-socketio pub/sub manager, in order, and makes nobody wait."""

    def __init__(self, manager: Any, meter: Meter, limit: int) -> None:
        self._manager = manager
        self._meter = meter
        self._waiting: deque[dict[str, Any]] = deque(maxlen=limit)
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, emission: Emission) -> None:
        """Puts an event into the line; the oldest goes when it is full."""
        if len(self._waiting) == self._waiting.maxlen:
            self._meter.relay_lost(1)
        # The message of AsyncPubSubManager.emit, without its local half, which is done already.
        self._waiting.append(
            {
                "method": "emit",
                "event": emission.event,
                "data": [emission.payload],
                "binary": False,
                "namespace": emission.namespace,
                "room": list(emission.rooms),
                "skip_sid": emission.skip_sid,
                "callback": None,
                "host_id": self._manager.host_id,
            }
        )
        self._arrived.set()

    async def run(self) -> None:
        """Sends what is in the line, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                message = self._waiting.popleft()
                try:
                    # The manager tries twice, logs and returns None when Redis does not take it.
                    taken = await self._manager._publish(message) is not None
                except Exception:
                    log.exception("an event could not be given to the other nodes")
                    taken = False
                if not taken:
                    self._meter.relay_lost(1)


class Publisher:
    """Speaks of facts. `check` (tests) compares every payload with the catalogue before it is sent."""

    def __init__(
        self,
        manager: Any,
        links: Mapping[str, Link],
        meter: Meter,
        relay: Relay | None = None,
        *,
        check: bool = False,
    ) -> None:
        self.told = Told()
        self._manager = manager
        self._links = links
        self._meter = meter
        self._relay = relay
        self._check = check

    def publish(self, facts: Iterable[Fact], *, elsewhere: bool = True) -> None:
        """Tells committed facts to whom they concern. Never raises: they are true, heard or not.

        Without `elsewhere` only this node's sockets are told.
        """
        for fact in facts:
            try:
                for emission in present(fact):
                    self._emit(emission, elsewhere)
            except Exception:
                log.exception("a fact could not be told", extra={"fact": type(fact).__name__})
                if self._check:
                    raise

    def tell(self, link: Link, namespace: Namespace, event: str, payload: Mapping[str, Any]) -> None:
        """Says something to one socket only: about its own session or this server."""
        if self._check:
            check_event(namespace, event, payload)
        link.send(packets.event_frame(namespace, event, payload))
        self._meter.told(event, 1)

    def _emit(self, emission: Emission, elsewhere: bool) -> None:
        namespace, event = emission.namespace, emission.event
        if self._check:
            check_event(namespace, event, emission.payload)
        frame: bytes | None = None
        told = 0
        for sid, link_id in self._manager.get_participants(namespace, emission.rooms):
            link = self._links.get(link_id)
            if link is None or sid == emission.skip_sid:
                continue
            if frame is None:
                frame = packets.event_frame(namespace, event, emission.payload)
            link.send(frame)
            told += 1
        self._meter.told(event, told)
        if self._relay is not None:
            self.told.hear(event, emission.payload)
            if elsewhere:
                self._relay.add(emission)


def check_event(namespace: str, event: str, payload: Any) -> None:
    """Raises unless the event is declared for the namespace with a payload of this shape."""
    declared = EVENT_OF[event]
    if namespace not in declared.namespaces:
        raise ValueError(f"{event} is not declared for {namespace}")
    adapter(declared.payload).validate_python(payload)
