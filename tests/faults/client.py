"""A client as it should be, with a journal: one outbox with client ids, views strictly by seq, a cursor.

It sends a message under the same client id until it is answered, comes back when the connection is gone and
reads on from its cursor then, and reads at once what a gap shows to be missing. Nothing here trusts a push.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import aiohttp
import orjson

from server.identifiers import new_client_id
from tests.journal.checker import Journal, Sent

ANSWER_WITHIN_S = 2.0
"""Without an answer for so long, a command is sent again."""
PAUSE_S = (0.01, 0.08)
"""Before connecting or sending again, by chance between these."""
WITHIN_S = 20.0
"""How long anything that must happen may take before a test fails."""
AGAIN = frozenset({"retry", "rate_limited", "internal", "session_expired"})
"""Refusals after which the same command may succeed."""

Token = Callable[[], Awaitable[str]]


class CommandRefused(Exception):
    """A refusal that will stay."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]


class Later(Exception):
    """A refusal that will pass, after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class Gone(Exception):
    """The connection is over, or its handshake was refused."""


class Connection:
    """One WebSocket in one namespace. Raises `Gone` from everything once it is over.

    `silent_s` without a ping, as the server promised it, say that the line is dead though nobody closed it.
    """

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, namespace: str, silent_s: float) -> None:
        self.ws = ws
        self.silent_s = silent_s
        self.awake = asyncio.Event()
        """While it is not set, nothing is read."""
        self.awake.set()
        self._namespace = namespace
        self._ids = itertools.count(1)
        self._open: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.over = asyncio.Event()

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, url: str, namespace: str, token: str) -> Connection:
        """Connects and is admitted. Raises `Gone`, or `CommandRefused` where the server says no."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                ws = await http.ws_connect(
                    f"{url}/socket.io/?EIO=4&transport=websocket",
                    max_msg_size=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
                )
                try:
                    promised = orjson.loads((await ws.receive_str())[1:])
                    await ws.send_str(f"40{namespace},{orjson.dumps({'token': token}).decode()}")
                    answer = await ws.receive_str()
                except BaseException:
                    await ws.close()
                    raise
        except (aiohttp.ClientError, OSError, TimeoutError, TypeError) as error:
            # TypeError is how aiohttp says that the frame was a goodbye and not a text.
            raise Gone from error
        if answer.startswith("44"):
            await ws.close()
            raise CommandRefused(orjson.loads(answer[answer.index(",") + 1 :])["data"])
        return cls(ws, namespace, (promised["pingInterval"] + promised["pingTimeout"]) / 1000)

    async def read(self, hear: Callable[[str, Any], None]) -> None:
        """Reads until the end: answers go to who asked, events to `hear`, pings are answered."""
        head, answered = f"42{self._namespace},", f"43{self._namespace},"
        try:
            while True:
                await self.awake.wait()
                async with asyncio.timeout(self.silent_s):
                    message = await self.ws.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                packet = message.data
                if packet == "2":
                    await self.ws.send_str("3")
                elif packet.startswith(head):
                    hear(*orjson.loads(packet[len(head) :]))
                elif packet.startswith(answered):
                    start = packet.index("[")
                    waiting = self._open.pop(int(packet[len(answered) : start]), None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(orjson.loads(packet[start:])[0])
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass
        finally:
            self.end()

    def end(self) -> None:
        """Nobody is answered any more."""
        self.over.set()
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(Gone())
        self._open.clear()

    async def call(self, command: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """A command's envelope. Raises `Gone`, or TimeoutError when it is not answered."""
        if self.over.is_set():
            raise Gone
        number = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            words = orjson.dumps([command, payload]).decode()
            await self.ws.send_str(f"42{self._namespace},{number}{words}")
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await answer
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Gone from error
        finally:
            self._open.pop(number, None)
            answer.cancel()


class View:
    """A conversation as its client shows it: each entry once and in the log's order."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.held: dict[int, dict[str, Any]] = {}
        self.shown_at: dict[str, float] = {}
        self.gaps: list[float] = []
        """For how long each gap stood open, in seconds."""
        self._gap_since = 0.0

    @property
    def last_seq(self) -> int:
        return len(self.entries)

    def put(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        """Takes an entry in; what is shown by it, in order. What comes before its turn is held."""
        whole = not self.held
        if entry["seq"] > self.last_seq:
            self.held[entry["seq"]] = entry
        shown = []
        while (following := self.held.pop(self.last_seq + 1, None)) is not None:
            self.entries.append(following)
            self.shown_at[following["message_id"]] = time.monotonic()
            shown.append(following)
        if whole and self.held:
            self._gap_since = time.monotonic()
        elif not whole and not self.held:
            self.gaps.append(time.monotonic() - self._gap_since)
        return shown


class Chatter:
    """One person's client. `heard` holds every event; `journal` is for the checker."""

    def __init__(
        self, name: str, url: str, namespace: str, token: Token, http: aiohttp.ClientSession, seed: int
    ) -> None:
        self.name = name
        self.url = url
        self.journal = Journal(name)
        self.views: dict[str, View] = {}
        self.fences: dict[str, int] = {}
        """Conversations this agent owns, as far as he was told, with their fences."""
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.merges = False
        self.connections = 0
        self.changed = asyncio.Condition()
        self.acked_at: dict[str, float] = {}
        self._namespace = namespace
        self._token = token
        self._http = http
        self._chance = random.Random(seed)
        self._epoch: str | None = None
        self._line: Connection | None = None
        self._ready = asyncio.Event()
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._spoken: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._staying = asyncio.create_task(self._stay())
        self._staying.add_done_callback(lambda _: self._tell_soon())

    # What a person does

    async def ask(self, command: str, **payload: Any) -> dict[str, Any]:
        """Asks until it is answered. Raises `CommandRefused` for a refusal that will stay."""
        while True:
            await self._ready.wait()
            assert self._line is not None
            try:
                return self._answered(await self._line.call(command, payload))
            except Later as later:
                await asyncio.sleep(later.seconds)  # as it was told, and by chance a little more
            except (Gone, TimeoutError):
                pass
            await self._pause()

    async def once(self, command: str, **payload: Any) -> dict[str, Any]:
        """Asks once on the present connection. Raises `CommandRefused`, `Later`, `Gone`, TimeoutError."""
        assert self._line is not None
        return self._answered(await self._line.call(command, payload))

    def _answered(self, envelope: dict[str, Any]) -> dict[str, Any]:
        if envelope["ok"]:
            return envelope["data"]  # type: ignore[no-any-return]
        error = envelope["error"]
        if error["code"] in AGAIN:
            raise Later(error["data"].get("retry_after_ms", 0) / 1000)
        raise CommandRefused(error)

    async def open(self, **where: Any) -> str:
        """A buyer opens his conversation, or goes on with it."""
        opened = await self.ask("conversation.open", client_id=new_client_id(), **where)
        self._epoch = opened["epoch"]
        conversation_id: str = opened["conversation_id"]
        self.views.setdefault(conversation_id, View())
        await self.read_on(conversation_id)
        return conversation_id

    async def send(self, conversation_id: str, text: str, *, client_id: str | None = None) -> Sent:
        """Writes a text and sends it until it is acknowledged, or refused for good (shown as failed)."""
        sent = Sent(conversation_id, client_id or new_client_id(), text)
        self.journal.sent.append(sent)
        more = {} if self._namespace == "/buyer" else {"fence": self.fences[conversation_id]}
        try:
            stored = await self.ask(
                "chat.send",
                conversation_id=conversation_id,
                client_id=sent.client_id,
                kind="text",
                text=text,
                **more,
            )
        except CommandRefused:
            sent.failed = True
            raise
        self.acked_at[stored["message_id"]] = time.monotonic()
        sent.acks.append((stored["message_id"], stored["seq"]))
        sender = {"kind": self._namespace[1:]}
        self._put(
            conversation_id,
            {
                "seq": stored["seq"],
                "message_id": stored["message_id"],
                "client_id": sent.client_id,
                "sender": sender,
                "kind": "text",
                "text": text,
            },
        )
        return sent

    async def mark(self, conversation_id: str) -> None:
        """Says that everything shown is read."""
        last = self.views[conversation_id].last_seq
        await self.ask("chat.mark", conversation_id=conversation_id, delivered_seq=last, read_seq=last)

    # What he waits for

    async def until(self, true: Callable[[], object], within_s: float = WITHIN_S) -> None:
        """Waits for something about this client. Raises TimeoutError."""

        def seen() -> bool:
            if self._staying.done():
                self._staying.result()
            return bool(true())

        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(seen)

    async def shows(self, conversation_id: str, seq: int, within_s: float = WITHIN_S) -> None:
        """Waits until the view has come so far."""
        view = self.views.setdefault(conversation_id, View())
        await self.until(lambda: view.last_seq >= seq, within_s)

    async def hears(
        self,
        event: str,
        fits: Callable[[dict[str, Any]], object] = lambda _: True,
        *,
        since: int = 0,
        within_s: float = WITHIN_S,
    ) -> dict[str, Any]:
        """The first such event after the first `since` events, waiting for it."""

        def found() -> list[dict[str, Any]]:
            return [said for name, said in self.heard[since:] if name == event and fits(said)]

        await self.until(found, within_s)
        return found()[0]

    async def online(self, after: int = 0) -> None:
        """Waits until more than so many connections were admitted and the newest stands."""
        await self.until(lambda: self.connections > after and self._ready.is_set())

    # Connection

    async def move(self, url: str) -> None:
        """From now on another node is asked."""
        self.url = url
        await self.cut()

    async def cut(self) -> None:
        """Drops the present connection, as a reload would."""
        if self._line is not None:
            self._line.end()
            await self._line.ws.close()

    def doze(self) -> Connection:
        """Reads nothing more from the present connection until that is awake again."""
        assert self._line is not None
        self._line.awake.clear()
        return self._line

    async def close(self) -> None:
        """Leaves; may be called twice."""
        self._staying.cancel()
        for task in (*self._tasks, *self._reading.values()):
            task.cancel()
        await asyncio.gather(self._staying, *self._tasks, *self._reading.values(), return_exceptions=True)
        await self.cut()

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.uniform(*PAUSE_S))

    async def _stay(self) -> None:
        while True:
            reader: asyncio.Task[None] | None = None
            line: Connection | None = None
            try:
                line = await Connection.open(self._http, self.url, self._namespace, await self._token())
                self._line = line
                reader = asyncio.create_task(line.read(self._hear))
                await self._arrive(line)
                self.connections += 1
                self._ready.set()
                await self._tell()
                for conversation_id in list(self.views):
                    self._read_soon(conversation_id)
                await line.over.wait()
            except (Gone, Later, TimeoutError, CommandRefused, aiohttp.ClientError, OSError):
                pass
            finally:
                self._ready.clear()
                if line is not None:
                    line.end()
                    await line.ws.close()
                if reader is not None:
                    reader.cancel()
                    await asyncio.gather(reader, return_exceptions=True)
            await self._pause()

    async def _arrive(self, line: Connection) -> None:
        """What this kind of client asks first on every connection."""

    # Reading

    def _hear(self, event: str, payload: dict[str, Any]) -> None:
        self.heard.append((event, payload))
        conversation_id = payload.get("conversation_id")
        match event:
            case "chat.posted" | "chat.recalled":
                self._put(payload["conversation_id"], payload["entry"])
            case "chat.marked":
                marks = self.journal.marks.setdefault(payload["conversation_id"], [{}])
                told, before = payload["marks"], marks[-1]
                # Two nodes' pushes may cross, so there the journal holds what a client shows: the highest.
                marks.append(
                    {name: max(told[name], before.get(name, 0)) for name in told} if self.merges else told
                )
            case "conversation.taken":
                self._owned(payload["summary"], payload["owner_id"], payload["fence"])
            case "conversation.changed":
                summary = payload["summary"]
                self._owned(summary, summary["owner_id"], summary["fence"])
                self._spoken_of(summary["conversation_id"], summary["last_seq"])
            case "conversation.closed" | "conversation.reopened":
                self._spoken_of(str(conversation_id), payload["seq"])
        self._tell_soon()

    def _owned(self, summary: dict[str, Any], owner_id: str | None, fence: int) -> None:
        """Who owns a conversation was told; for agents."""

    def _spoken_of(self, conversation_id: str, seq: int) -> None:
        self._spoken[conversation_id] = max(seq, self._spoken.get(conversation_id, 0))
        if conversation_id in self.views and self.views[conversation_id].last_seq < seq:
            self._read_soon(conversation_id)

    def _put(self, conversation_id: str, entry: dict[str, Any]) -> None:
        view = self.views.setdefault(conversation_id, View())
        for shown in view.put(entry):
            self.journal.show(conversation_id, shown["seq"], shown["message_id"])
        if view.held:
            self._read_soon(conversation_id)
        self._tell_soon()

    def _read_soon(self, conversation_id: str) -> None:
        running = self._reading.get(conversation_id)
        if running is None or running.done():
            self._reading[conversation_id] = asyncio.create_task(self._read_all(conversation_id))

    async def _read_all(self, conversation_id: str) -> None:
        """Reads until nothing is known to be missing: more may have been heard of while it read.

        Nothing is awaited between the last look and the end, so whatever is heard later finds it ended.
        """
        view = self.views.setdefault(conversation_id, View())
        while True:
            await self.read_on(conversation_id)
            if not view.held and view.last_seq >= self._spoken.get(conversation_id, 0):
                return

    async def read_on(self, conversation_id: str) -> None:
        """Reads everything after the cursor."""
        view = self.views.setdefault(conversation_id, View())
        while True:
            page = await self.ask(
                "chat.sync",
                conversation_id=conversation_id,
                after_seq=view.last_seq,
                epoch=self._epoch or await self._read_epoch(conversation_id),
            )
            for entry in page["entries"]:
                self._put(conversation_id, entry)
            if "fence" in page:
                self._owned({"conversation_id": conversation_id}, page["owner_id"], page["fence"])
            if not page["more"]:
                break
        await self._tell()

    async def _read_epoch(self, conversation_id: str) -> str:
        while self._epoch is None:
            await self._ready.wait()
            assert self._line is not None
            with contextlib.suppress(Gone, TimeoutError):
                answer = await self._line.call(
                    "chat.sync", {"conversation_id": conversation_id, "after_seq": 0, "epoch": "unknown"}
                )
                self._epoch = str(answer["error"]["data"]["epoch"])
        return self._epoch

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def _tell_soon(self) -> None:
        self._do_soon(self._tell())

    def _do_soon(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Buyer(Chatter):
    """A buyer."""


class Agent(Chatter):
    """An agent who is ready whenever he is connected, takes what is offered and knows what is his."""

    person_id = ""
    state = "ready"
    takes = True
    """Whether he takes offers."""

    def _hear(self, event: str, payload: dict[str, Any]) -> None:
        super()._hear(event, payload)
        if event == "conversation.offered" and self.takes:
            self._do_soon(self._take(payload["offer_id"], payload["fence"]))

    async def _take(self, offer_id: str, fence: int) -> None:
        with contextlib.suppress(CommandRefused):  # it may be over by now
            await self.ask("conversation.accept", offer_id=offer_id, fence=fence)

    async def owns(self, conversation_id: str, within_s: float = WITHIN_S) -> int:
        """Waits until he knows that a conversation is his; its fence."""
        await self.until(lambda: conversation_id in self.fences, within_s)
        return self.fences[conversation_id]

    async def _arrive(self, line: Connection) -> None:
        for command, payload in (
            ("desk.load", {}),
            ("presence.set", {"state": self.state}),
            ("conversation.list", {"tab": "mine"}),
        ):
            data = self._answered(await line.call(command, payload))
            if command == "desk.load":
                self._epoch, self.person_id = data["epoch"], data["person_id"]
            elif command == "conversation.list":
                for row in data["conversations"]:
                    self.fences[row["conversation_id"]] = row["fence"]
                    self.views.setdefault(row["conversation_id"], View())

    def _owned(self, summary: dict[str, Any], owner_id: str | None, fence: int) -> None:
        conversation_id = summary["conversation_id"]
        if owner_id == self.person_id:
            if fence >= self.fences.get(conversation_id, 0):
                self.fences[conversation_id] = fence
            if "last_seq" in summary:
                self.views.setdefault(conversation_id, View())
                self._spoken_of(conversation_id, summary["last_seq"])
        elif fence > self.fences.get(conversation_id, fence):
            del self.fences[conversation_id]
