"""Introduces everyone to everyone: the one place that knows what is real.

Tests call the same function with other settings, limits, a clock or a failpoint; nothing is opened at import.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from protocol import session
from protocol.errors import ErrorCode, Refused
from queues.dispatcher import Dispatcher
from queues.presence import RENEW_EVERY_MS
from server.asks import Asks
from server.auth.agents import SignIns
from server.auth.buyers import BuyerSessions
from server.auth.keys import ApiKeys
from server.auth.links import Links
from server.auth.passwords import Passwords
from server.auth.sessions import SocketSessions
from server.bridges import summary
from server.catchup import CatchUp
from server.cluster import Cluster
from server.config import ConfigurationRefused, Settings
from server.desk.calls.absent import NoCalls, NoMedia
from server.desk.calls.bookings import Bookings
from server.desk.calls.company import Company
from server.desk.calls.course import Calls
from server.desk.calls.legs import Legs
from server.desk.calls.marks import Marks
from server.desk.calls.rights import Rights
from server.desk.cases import CaseDesk
from server.desk.line import Attending, DecidingLine, LineCases
from server.desk.merchant import Merchant
from server.desk.messages import Messages
from server.desk.opening import Opening
from server.desk.pictures import Shots, Uploads
from server.desk.recordings import RecordingDesk
from server.desk.selftests import Selftests
from server.desk.views import Views
from server.desk.world import Composed, Happened, Media, World
from server.files.pictures import Pictures
from server.files.shelf import Shelf
from server.http.client import Proxies
from server.identifiers import epoch_ms, new_id
from server.media.carriers import MediaCarriers
from server.media.rooms import MediaRooms
from server.media.turn import Turn
from server.metrics import Metrics
from server.rates import Rate, Rates
from server.recordings.composing import Composing
from server.recordings.finishing import Finishing
from server.recordings.keeping import Keeping
from server.storage.database import Database
from server.storage.line.leases import SqlDecidingLease
from signaling import server as signaling
from signaling.dispatch import Failpoint
from signaling.facts import RowChanged
from signaling.limits import Limits
from signaling.ports import Actor, Done

log = logging.getLogger(__name__)

TIDY_EVERY_S = 60.0
"""How often idle sign-ins are ended and old sessions forgotten."""


SWEEP_EVERY_S = 1.0
"""How late a ring may end, or the wait for somebody who was lost."""

HOLD_EVERY_S = 2.0
"""Between two words of a node that it carries calls: two may be lost before it counts as dead."""
FINISH_EVERY_S = 2.0
"""How late a recording begins to be finished: of the minute that it may take, little."""
KEEPING_EVERY_S = 60.0
"""How late a recording is ended: its period counts days."""
COMPOSING = "composing"
"""Below the data directory: what one MP4 is made of, while it is made."""
RECORDINGS = "recordings"
"""Below the data directory: where media processes write, and recordings are finished."""


AGAIN_AFTER_S = 0.25
"""How soon something that happened in a call is followed again after the database asked for another try."""


class Desk(Opening, Messages, LineCases, Views, Shots, CaseDesk, RecordingDesk):
    """Every command but those of calls."""

    async def renew_session(self, actor: Actor, request: session.Renew) -> Done[session.Renewed]:
        """A fresh token on a session that is not revoked."""
        return Done(await self.world.renewal.renew(actor))


class DeskWithCalls(Bookings, Desk, Calls, Legs, Marks, Company):
    """Every command of the catalogue."""


class DeskWithoutCalls(Desk, NoCalls):
    """The same, where calls are refused by code."""


@dataclass
class Livedesk:
    """A node: everything built, and its endings."""

    settings: Settings
    db: Database
    rates: Rates
    passwords: Passwords
    buyers: BuyerSessions
    sign_ins: SignIns
    keys: ApiKeys
    sockets: SocketSessions
    proxies: Proxies
    metrics: Metrics
    merchant: Merchant
    uploads: Uploads
    selftests: Selftests
    links: Links
    signaling: signaling.Signaling
    dispatcher: Dispatcher
    lease: SqlDecidingLease
    attending: Attending
    cluster: Cluster | None
    catch_up: CatchUp | None
    legs: Legs
    rights: Rights
    bookings: Bookings
    media: Media
    carriers: MediaCarriers
    asks: Asks | None
    finishing: Finishing
    keeping: Keeping
    composing: Composing
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def handed_over(self, shop_id: str, conversation_id: str) -> None:
        """A visitor's open conversation went on under the verified buyer: agents see his name now."""
        async with self.db.read() as unit:
            row = await unit.lists.summary(conversation_id)
        if row is not None:
            self.signaling.publish([RowChanged(summary(row))])

    def _heard_again(self) -> None:
        """Other nodes are heard again: what they said before was not, nor what was said here."""
        if self.catch_up is not None:
            self.catch_up.soon()
        self.media.tell_routed()

    async def tidy(self) -> None:
        """Ends sign-ins that nobody uses, except with a socket here, and removes files that a crash left."""
        await self.sockets.end_idle(self.signaling.audience().sign_ins)
        await self.uploads.sweep()
        await self.selftests.sweep()

    async def _bring_back(self) -> None:
        if self.settings.no_calls is None:
            await self.bookings.bring_back()

    async def start(self) -> None:
        """Begins to serve the line and to hear other nodes."""
        if self.cluster is not None and self.asks is not None:
            await self.carriers.hold()
            self.cluster.start(self.dispatcher.wake, self._heard_again, self.asks.heard)
        await self.signaling.start()
        if self.db.dialect == "sqlite":
            await self.lease.outlive()
        await self.legs.recover()
        self.dispatcher.start()
        self._tasks = [
            asyncio.create_task(_every(SWEEP_EVERY_S, self.legs.sweep)),
            asyncio.create_task(_every(SWEEP_EVERY_S, self.rights.sweep)),
            asyncio.create_task(_every(SWEEP_EVERY_S, self._bring_back)),
            asyncio.create_task(_every(RENEW_EVERY_MS / 1000, self.attending.renew)),
            asyncio.create_task(_every(TIDY_EVERY_S, self.tidy)),
            asyncio.create_task(_every(FINISH_EVERY_S, self.finishing.sweep)),
            asyncio.create_task(_every(KEEPING_EVERY_S, self.keeping.sweep)),
        ]
        await self.media.start()
        self._tasks.append(asyncio.create_task(_each(self.media.happenings, self.legs.happened)))
        if self.catch_up is not None:
            self._tasks += [
                asyncio.create_task(self.catch_up.run()),
                asyncio.create_task(_every(HOLD_EVERY_S, self.carriers.hold)),
                asyncio.create_task(_every(SWEEP_EVERY_S, self.carriers.sweep)),
                asyncio.create_task(_every(SWEEP_EVERY_S, self.legs.recover)),
            ]

    async def stop(self) -> None:
        """Sends sockets away, finishes what is under way, closes. Twice is harmless."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.finishing.close()
        await self.composing.close()
        if self.asks is not None:
            # Before sockets are sent away: whoever comes to another node finds his call free to be carried.
            await self.carriers.release()
            await self.asks.close()
        await self.signaling.stop()
        await self.media.close()
        await self.dispatcher.stop()
        if self.cluster is not None:
            await self.cluster.close()
        await self.rates.close()
        self.passwords.close()
        await self.db.close()


async def bootstrap(
    settings: Settings,
    *,
    clock: Callable[[], int] = epoch_ms,
    limits: Limits | None = None,
    rates: Mapping[str, Rate] | None = None,
    failpoint: Failpoint | None = None,
    check: bool = False,
    media: Callable[[Settings, str], Media] | None = None,
) -> Livedesk:
    """Opens the database and builds a node on it; `start` sets it going. `rates` by name replace its own.

    `media` makes what carries calls, of the settings and the name of this run.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationRefused(
            f"The data folder {settings.data} (LIVEDESK_DATA) cannot be used: {error.strerror}."
        ) from error
    db = await Database.open(settings.database, clock=clock)
    node_id = new_id()
    metrics = Metrics()
    counter = Rates(settings.redis_url, overrides=rates)
    passwords = Passwords()
    buyers = BuyerSessions(db, counter, settings.own_origins)
    proxies = Proxies(settings.trusted_proxies)
    sockets = SocketSessions(db, settings.own_origins)
    cluster = Cluster(settings.redis_url, node_id) if settings.redis_url else None
    late = _Late()
    links = Links(db.secret)
    shelf = Shelf(settings.files_url, settings.data, settings.files_encryption)
    if settings.no_calls is not None:
        log.info("no calls are carried: %s", settings.no_calls)
    carried = (media or media_of)(settings, node_id) if settings.no_calls is None else NoMedia(node_id)
    asks = Asks(cluster, node_id, new_id) if cluster is not None else None
    carriers = MediaCarriers(carried, db, clock, asks)
    world = World(
        db=db,
        clock=clock,
        new_id=new_id,
        wake=late.wake,
        publish=late.publish,
        renewal=buyers,
        links=links,
        node_id=node_id,
        carriers=carriers,
        meter=metrics.calls,
        compose=late.compose,
    )
    calling = DeskWithCalls(world)
    desk = calling if settings.no_calls is None else DeskWithoutCalls(world)
    deciding = DecidingLine(world)
    attending = Attending(world)
    lease = SqlDecidingLease(db, node_id)
    dispatcher = Dispatcher(
        store=deciding,
        lease=lease,
        announce=deciding.moved,
        new_id=new_id,
        clock=clock,
        on_error=lambda error: log.error("a pass of the line failed", exc_info=error),
    )
    floor = signaling.build(
        desk,
        desk,
        desk,
        sockets,
        attending,
        proxies.client_of,
        metrics,
        client_manager=cluster.manager if cluster else None,
        limits=limits,
        shared=counter if settings.redis_url else None,
        failpoint=failpoint,
        check=check,
    )
    late.signaling = floor
    late.dispatcher = dispatcher
    late.cluster = cluster
    late.composing = Composing(world, shelf, settings.data / COMPOSING)
    return Livedesk(
        settings=settings,
        db=db,
        rates=counter,
        passwords=passwords,
        buyers=buyers,
        sign_ins=SignIns(db, counter, passwords),
        keys=ApiKeys(db, counter),
        sockets=sockets,
        proxies=proxies,
        metrics=metrics,
        merchant=Merchant(world),
        uploads=Uploads(world, shelf, Pictures()),
        selftests=Selftests(db),
        links=links,
        signaling=floor,
        dispatcher=dispatcher,
        lease=lease,
        attending=attending,
        cluster=cluster,
        catch_up=CatchUp(db, floor, clock) if cluster else None,
        legs=calling,
        rights=Rights(world),
        bookings=calling,
        media=carried,
        carriers=carriers,
        asks=asks,
        finishing=Finishing(world, shelf, settings.data / RECORDINGS),
        keeping=Keeping(world, shelf, [settings.data / RECORDINGS, settings.data / COMPOSING]),
        composing=late.composing,
    )


def media_of(settings: Settings, boot: str, module: str = "server.media.worker") -> MediaRooms:
    """Calls in processes of their own, each of which runs `module`; started with the first call."""
    recordings = settings.data.absolute() / RECORDINGS
    command = [
        sys.executable,
        "-m",
        module,
        "--bind",
        settings.media_address,
        "--ports",
        settings.media_ports,
    ]
    if settings.media_announce is not None:
        command += ["--announce", settings.media_announce]
    command += ["--recordings", str(recordings), "--boot", boot]
    turn = Turn(settings.turn_urls, settings.turn_secret) if settings.turn_secret else None
    return MediaRooms(command, recordings, boot=boot, new_id=new_id, turn=turn, count=settings.media_workers)


class _Late:
    """The two ways out of the use cases, known only after everything that uses them is built."""

    signaling: signaling.Signaling
    dispatcher: Dispatcher
    cluster: Cluster | None
    composing: Composing

    def compose(self, recording_id: str) -> Composed:
        return self.composing.ask(recording_id)

    def wake(self, group_id: str | None) -> None:
        self.dispatcher.wake(group_id)
        if self.cluster is not None and not self.dispatcher.deciding:
            self.cluster.wake(group_id)

    def publish(self, facts: Any) -> None:
        self.signaling.publish(facts)


async def _each(queue: asyncio.Queue[Happened], act: Callable[[Happened], Any]) -> None:
    """Acts on each of a queue, in order; a failure is logged and the next one comes all the same.

    While the database asks for another try, all wait: whose media is there must not be told as lost.
    """
    while True:
        event = await queue.get()
        while True:
            try:
                await act(event)
            except Refused as refused:
                if refused.code is ErrorCode.retry:
                    await asyncio.sleep(AGAIN_AFTER_S)
                    continue
                log.warning("something of a call could not be followed: %s", refused.code)
            except Exception:
                log.exception("something of a call could not be followed", extra={"what": event.what})
            break


async def _every(seconds: float, act: Callable[[], Any]) -> None:
    """Acts again and again; a failure is logged and the next turn comes all the same."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await act()
        except Exception:
            log.exception("a recurring task failed")
