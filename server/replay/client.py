"""A buyer's or agent's client that survives its server: same client id until an ack, a view in seq order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import socketio
from socketio.exceptions import SocketIOError

from server.identifiers import new_client_id

ACK_WITHIN_S = 10.0
"""A command without an answer for so long is sent again, under the same client id."""
RETRY_S = (0.05, 0.5)
"""Pause before connecting or sending again, by chance between these."""
AGAIN = frozenset({"retry", "rate_limited", "internal", "unauthenticated", "session_expired"})
"""Refusals after which the same command may succeed."""

Token = Callable[[], Awaitable[str]]


class CommandRefused(Exception):
    """A command's refusal: its code and sentence."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]


class View:
    """One conversation as a client shows it: entries strictly by seq, each once."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._held: dict[int, dict[str, Any]] = {}

    @property
    def last_seq(self) -> int:
        """The last seq shown."""
        return len(self.entries)

    def put(self, entry: dict[str, Any]) -> bool:
        """Shows an entry, or holds it until those before it are there. False: a gap is open."""
        if entry["seq"] > self.last_seq:
            self._held[entry["seq"]] = entry
        while (following := self._held.pop(self.last_seq + 1, None)) is not None:
            self.entries.append(following)
        return not self._held

    def texts(self) -> list[tuple[str, str]]:
        """(who, text) of every written message, in order."""
        return [(entry["sender"]["kind"], entry["text"]) for entry in self.entries if entry["kind"] == "text"]


class Client:
    """One person's socket. `token` is asked before each connection; `on` hears every event."""

    def __init__(self, url: str, namespace: str, token: Token) -> None:
        self.views: dict[str, View] = {}
        self._finished: set[str] = set()
        self.changed = asyncio.Condition()
        self.taken: dict[str, int] = {}
        self.on_taken: Callable[[str], None] = lambda _: None
        self._url = url
        self._namespace = namespace
        self._token = token
        self._http = aiohttp.ClientSession()
        self._socket: Any = None
        self._gone = asyncio.Event()
        self._epoch: str | None = None
        self._closing = False
        self._connected = asyncio.Event()
        self._task = asyncio.create_task(self._stay_connected())
        self._after_connect: Callable[[], Awaitable[None]] | None = None

    def after_connect(self, act: Callable[[], Awaitable[None]]) -> None:
        """Runs `act` after every connection before anything else is sent."""
        self._after_connect = act

    async def close(self) -> None:
        """Leaves; may be called twice."""
        self._closing = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._socket is not None:
            with contextlib.suppress(SocketIOError, OSError):
                await self._socket.disconnect()
        await self._http.close()

    def finish(self, conversation_id: str) -> None:
        """Forgets a conversation that is over: what still comes of it is not shown."""
        self.views.pop(conversation_id, None)
        self._finished.add(conversation_id)

    async def ask(self, command: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Sends a command until it is answered. Raises `CommandRefused` for a refusal that will stay."""
        while True:
            await self._connected.wait()
            with contextlib.suppress(SocketIOError, TimeoutError, OSError):
                answer = await self._call(command, payload)
                if answer["ok"]:
                    return answer["data"]  # type: ignore[no-any-return]
                if answer["error"]["code"] not in AGAIN:
                    raise CommandRefused(answer["error"])
            await asyncio.sleep(random.uniform(*RETRY_S))

    async def send(self, conversation_id: str, text: str, fence: int | None = None) -> None:
        """Sends a text until it is acknowledged, then shows it at its place."""
        client_id = new_client_id()
        payload = {"conversation_id": conversation_id, "client_id": client_id, "kind": "text", "text": text}
        if fence is not None:
            payload["fence"] = fence  # type: ignore[assignment]
        sent = await self.ask("chat.send", payload)
        kind = "agent" if self._namespace == "/agent" else "buyer"
        await self.show(
            conversation_id,
            {
                "seq": sent["seq"],
                "message_id": sent["message_id"],
                "client_id": client_id,
                "sender": {"kind": kind},
                "kind": "text",
                "text": text,
            },
        )

    async def show(self, conversation_id: str, entry: dict[str, Any]) -> None:
        """Puts an entry into the view; a gap is read at once."""
        whole = self.views.setdefault(conversation_id, View()).put(entry)
        if not whole:
            await self.read_on(conversation_id)
        async with self.changed:
            self.changed.notify_all()

    async def read_on(self, conversation_id: str) -> None:
        """Reads everything after the cursor."""
        view = self.views.setdefault(conversation_id, View())
        while True:
            page = await self.ask(
                "chat.sync",
                {
                    "conversation_id": conversation_id,
                    "after_seq": view.last_seq,
                    "epoch": self._epoch or await self._read_epoch(conversation_id),
                },
            )
            for entry in page["entries"]:
                view.put(entry)
            if not page["more"]:
                break
        async with self.changed:
            self.changed.notify_all()

    async def until(self, conversation_id: str, texts: int, within_s: float) -> None:
        """Waits until the view shows so many written messages. Raises TimeoutError."""
        view = self.views.setdefault(conversation_id, View())
        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(lambda: len(view.texts()) >= texts)

    async def _read_epoch(self, conversation_id: str) -> str:
        answer = await self._call(
            "chat.sync", {"conversation_id": conversation_id, "after_seq": 0, "epoch": "unknown"}
        )
        self._epoch = str(answer["error"]["data"]["epoch"])
        return self._epoch

    def know_epoch(self, epoch: str) -> None:
        """The database's epoch, as `conversation.open` and `desk.load` tell it."""
        self._epoch = epoch

    async def _call(self, command: str, payload: dict[str, Any]) -> dict[str, Any]:
        """An answer's envelope. Raises ConnectionError when the socket is gone; it would wait on."""
        calling = asyncio.create_task(
            self._socket.call(command, payload, namespace=self._namespace, timeout=ACK_WITHIN_S)
        )
        leaving = asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait((calling, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                raise ConnectionError("the socket is gone")
            return calling.result()  # type: ignore[no-any-return]
        finally:
            calling.cancel()
            leaving.cancel()

    async def _stay_connected(self) -> None:
        while not self._closing:
            reading: asyncio.Task[None] | None = None
            gone = asyncio.Event()
            socket = socketio.AsyncClient(reconnection=False, http_session=self._http)
            socket.on("chat.posted", self._posted, namespace=self._namespace)
            socket.on("conversation.taken", self._taken, namespace=self._namespace)
            socket.on("disconnect", lambda *_, gone=gone: gone.set(), namespace=self._namespace)
            self._socket, self._gone = socket, gone
            try:
                await socket.connect(
                    self._url,
                    auth={"token": await self._token()},
                    namespaces=[self._namespace],
                    transports=["websocket"],
                    wait_timeout=ACK_WITHIN_S,
                )
                if self._after_connect is not None:
                    await self._after_connect()
                self._connected.set()
                # In a task of its own: while it waits for an answer the end must be seen.
                reading = asyncio.create_task(self._read_all())
                await gone.wait()
            except (SocketIOError, OSError, TimeoutError):
                pass
            finally:
                self._connected.clear()
                if reading is not None:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
                with contextlib.suppress(SocketIOError, OSError):
                    await socket.disconnect()
            await asyncio.sleep(random.uniform(*RETRY_S))

    async def _read_all(self) -> None:
        for conversation_id in list(self.views):
            await self.read_on(conversation_id)

    async def direct(self, command: str, payload: dict[str, Any]) -> dict[str, Any]:
        """One command on the socket that is just being connected. Raises what the socket raises."""
        answer = await self._call(command, payload)
        if not answer["ok"]:
            raise ConnectionError(answer["error"]["code"])
        return answer["data"]  # type: ignore[no-any-return]

    async def _posted(self, event: dict[str, Any]) -> None:
        if event["conversation_id"] in self._finished:
            return
        await self.show(event["conversation_id"], event["entry"])

    async def _taken(self, event: dict[str, Any]) -> None:
        self.taken[event["conversation_id"]] = event["fence"]
        self.on_taken(event["conversation_id"])
