"""The live session that runs in the demo's room: its clock, what has happened, and who is told of it.

Two listeners hear the same: the pages, at once, and the desk, through its public ingest, in order and again
until it has them. The stream and the story loop together, so the session's clock alone says where both are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from server.demo.script import DELAY_MS, Due, Script, due

log = logging.getLogger(__name__)

TICK_S = 0.25
"""How late something of the story may be seen."""
CAUGHT_UP_S = 60.0
"""Of a longer sleep (a closed lid) only so much is told afterwards."""
ENTRIES_KEPT = 200
"""What a page that was away can still be told; a minute has some eighty."""
SHOWN_AT_FIRST = 8
"""Earlier entries that a page begins with."""
EVENTS_A_CALL = 500
"""The ingest's own bound; also what waits at most for a desk that does not answer."""
AGAIN_AFTER_S = 1.0
NEWS_AT_LEAST_EVERY_S = 15.0
"""A page hears something in this time, so that a lost connection is noticed on both sides."""


class DeskAway(Exception):
    """The desk did not answer, or asked to try again later."""


class DeskRefuses(Exception):
    """The desk answered that this is wrong; the text is its sentence."""


class Ingest(Protocol):
    """The part of the desk's public API that a live session needs. Raises `DeskAway` or `DeskRefuses`."""

    async def announce(self, session: Mapping[str, Any]) -> None: ...
    async def append(self, session_id: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """What is going on: the product being explained and the host on air, None for neither."""

    explaining: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """Something said or written in the room. `buyer`: who wrote it, where the shop knows him."""

    number: int
    kind: str
    by: str
    text: str
    buyer: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What a page is told: how the room is, and the entries it has not had. `number` is where it goes on."""

    number: int
    moment: Moment
    viewers: int
    entries: tuple[Entry, ...]


def moment_at(script: Script, at_s: float) -> Moment:
    """What the story says is going on. Pure."""
    explaining: str | None = None
    host: str | None = None
    for one in due(script, at_s - script.length_s, at_s):
        match one.kind:
            case "explain_start":
                explaining = one.fields["product_id"]
            case "explain_end" if explaining == one.fields["product_id"]:
                explaining = None
            case "host_on":
                host = one.fields["host"]
            case "host_off" if host == one.fields["host"]:
                host = None
    return Moment(explaining, host)


def viewers_at(at_s: float) -> int:
    """The demo's made-up audience: it grows for some minutes and then breathes. Pure."""
    grown = 1 - math.exp(-at_s / 240)
    return round(860 + 420 * grown + 37 * math.sin(at_s / 61) + 11 * math.sin(at_s / 17))


def event_of(one: Due, started_at: int) -> dict[str, Any]:
    """An item of the story in the words of the ingest. Pure."""
    event = {"source_event_id": one.id, "kind": one.kind, "at": iso(started_at + round(one.at_s * 1_000))}
    if one.until_s is not None:
        event["until"] = iso(started_at + round(one.until_s * 1_000))
    return event | dict(one.fields)


def iso(at_ms: int) -> str:
    """A time as the desk's API takes it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


class Room:
    """A live session from its announcement to its end. `run` plays it; `close` may be called twice."""

    def __init__(self, script: Script, ingest: Ingest, clock: Callable[[], int]) -> None:
        self._script = script
        self._ingest = ingest
        self._clock = clock
        self.started_at = clock()
        self.session_id = f"live-{self.started_at}"
        self._played_s = 0.0
        self._entries: deque[Entry] = deque(maxlen=ENTRIES_KEPT)
        self._number = 0
        self._comments = 0
        self._untold: deque[dict[str, Any]] = deque(maxlen=EVENTS_A_CALL)
        self._moved = asyncio.Condition()
        self._closed = False

    @property
    def now(self) -> int:
        """The session's clock, epoch milliseconds."""
        return self._clock()

    @property
    def position_s(self) -> float:
        """How far into the session it is."""
        return max(0.0, (self._clock() - self.started_at) / 1_000)

    async def run(self) -> None:
        """Announces the session, then plays the story and tells the desk, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._play())
            tasks.create_task(self._tell())

    async def comment(self, buyer: str | None, name: str, text: str) -> None:
        """A viewer writes something. It is about the product being explained, if one is."""
        at_s = self.position_s
        explaining = moment_at(self._script, at_s).explaining
        self._comments += 1
        event = {
            "source_event_id": f"viewer-{self._comments}",
            "kind": "comment",
            "at": iso(self._clock()),
            "name": name,
            "text": text,
        }
        if buyer is not None:
            event["buyer"] = buyer
        if explaining is not None:
            event["product_id"] = explaining
        async with self._moved:
            self._say("comment", name, text, buyer)
            self._untold.append(event)
            self._moved.notify_all()

    async def news(self, after: int | None) -> AsyncIterator[News]:
        """What happens, from the entry numbered `after` on (None: from a few before now), until the end."""
        seen = self._number - SHOWN_AT_FIRST if after is None or after > self._number else after
        while not self._closed:
            moment = moment_at(self._script, self.position_s)
            entries = tuple(entry for entry in self._entries if entry.number > seen)
            seen = self._number
            yield News(seen, moment, viewers_at(self.position_s), entries)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NEWS_AT_LEAST_EVERY_S), self._moved:
                    await self._moved.wait_for(partial(self._is_news, seen, moment))

    async def close(self) -> None:
        """Ends the session for the pages and, as far as it answers, for the desk."""
        if self._closed:
            return
        async with self._moved:
            self._advance()
            self._closed = True
            self._moved.notify_all()
        now = iso(self._clock())
        self._untold.append({"source_event_id": "end", "kind": "session_end", "at": now})
        with contextlib.suppress(DeskAway, DeskRefuses):
            await self._ingest.announce(self._announcement() | {"ended_at": now})
            await self._send()

    def _announcement(self) -> dict[str, Any]:
        return {
            "id": self.session_id,
            "room": self._script.room,
            "title": self._script.title,
            "started_at": iso(self.started_at),
            "delay_ms": DELAY_MS,
        }

    def _is_news(self, seen: int, told: Moment) -> bool:
        return self._closed or self._number > seen or moment_at(self._script, self.position_s) != told

    async def _play(self) -> None:
        while True:
            async with self._moved:
                self._advance()
                self._moved.notify_all()
            await asyncio.sleep(TICK_S)

    def _advance(self) -> None:
        """Lets happen what the story has up to now."""
        until_s = self.position_s
        for one in due(self._script, max(self._played_s, until_s - CAUGHT_UP_S), until_s):
            if one.kind in ("said", "promise", "comment"):
                by = one.fields.get("host") or one.fields["name"]
                self._say(one.kind, by, one.fields["text"])
            self._untold.append(event_of(one, self.started_at))
        self._played_s = until_s

    def _say(self, kind: str, by: str, text: str, buyer: str | None = None) -> None:
        self._number += 1
        self._entries.append(Entry(self._number, kind, by, text, buyer))

    async def _tell(self) -> None:
        announced = False
        while True:
            try:
                if not announced:
                    await self._ingest.announce(self._announcement())
                    announced = True
                await self._send()
                async with self._moved:
                    await self._moved.wait_for(lambda: bool(self._untold))
            except (DeskAway, DeskRefuses) as deaf:
                log.warning("the desk does not hear the live session: %s", deaf)
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _send(self) -> None:
        """Sends what is untold; what has no answer is sent again, and the desk knows it by its id."""
        while self._untold:
            events = list(self._untold)
            self._untold.clear()
            try:
                results = await self._ingest.append(self.session_id, events)
            except BaseException:
                self._untold = deque([*events, *self._untold], maxlen=EVENTS_A_CALL)
                raise
            for result in results:
                if not result["accepted"]:
                    log.error("the desk refuses %s: %s", result["source_event_id"], result["message"])
