"""A load client that costs little: Socket.IO packets by hand over one WebSocket, one per person."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

ANSWER_WITHIN_S = 20.0


class Wire:
    """One socket. `namespace` is "" for the default one. Waiters are kept by ack id and by client id."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, namespace: str) -> None:
        self._ws = ws
        self._prefix = f"{namespace}," if namespace else ""
        self._next_id = 0
        self._acks: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, http: aiohttp.ClientSession, url: str, namespace: str, token: str) -> Wire:
        """Opens the socket and the namespace."""
        ws = await http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0)
        wire = cls(ws, namespace)
        await ws.receive_str()
        await ws.send_str(f"40{wire._prefix}{json.dumps({'token': token})}")
        opened = await ws.receive_str()
        if not opened.startswith("40"):
            raise ConnectionError(opened)
        wire._reader = asyncio.create_task(wire._read())
        return wire

    async def close(self) -> None:
        """Closes the socket; twice is harmless."""
        if self._reader is not None:
            self._reader.cancel()
        await self._ws.close()

    async def ask(self, command: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Sends a command and returns its data. Raises RuntimeError when it was refused."""
        self._next_id += 1
        answer = self._acks[self._next_id] = asyncio.get_running_loop().create_future()
        await self._ws.send_str(f"42{self._prefix}{self._next_id}{json.dumps([command, payload])}")
        envelope = await asyncio.wait_for(answer, ANSWER_WITHIN_S)
        if not envelope["ok"]:
            raise RuntimeError(f"{command}: {envelope['error']}")
        return envelope["data"]  # type: ignore[no-any-return]

    def event(self, key: str) -> asyncio.Future[dict[str, Any]]:
        """Resolves with the payload of the next event of this key: a client id, or an event's name."""
        return self._events.setdefault(key, asyncio.get_running_loop().create_future())

    async def _read(self) -> None:
        async for frame in self._ws:
            text = frame.data
            if text == "2":
                await self._ws.send_str("3")
            elif text.startswith("43"):
                head, _, body = text[2 + len(self._prefix) :].partition("[")
                self._acks.pop(int(head)).set_result(json.loads("[" + body)[0])
            elif text.startswith("42"):
                name, payload = json.loads(text[2 + len(self._prefix) :])
                key = payload["entry"].get("client_id") if name == "chat.posted" else name
                waiter = self._events.pop(key, None)
                if waiter is not None and not waiter.done():
                    waiter.set_result(payload)
