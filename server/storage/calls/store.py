"""Calls in one unit of work: kept as `media.call` has them, with their tracks, consents and measurements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

import orjson
from sqlalchemy import RowMapping, Select, and_, case, delete, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from media.call import Call, CameraControls, Participant, Zoom
from media.grading import Level, Stretch
from protocol.call import Step
from protocol.errors import ErrorCode, Refused
from server.storage.inserting import insert_or_leave
from server.storage.schema import (
    call_consents,
    call_held,
    call_marks,
    call_participants,
    call_quality,
    calls,
)

_OF_CALL = (
    "id",
    "media",
    "invited_by",
    "rang_at",
    "ring_until",
    "state",
    "due",
    "answered_at",
    "connected_at",
    "ended_at",
    "reason",
    "ended_by",
    "recording",
    "recording_code",
    "revision",
)
_OF_PARTICIPANT = tuple(Participant.__dataclass_fields__)
SLOT_MS = 10_000
"""Twice as long as between two measurements that are kept: one in which nothing was measured is a gap."""
LIVE = calls.c.state != literal("ended", literal_execute=True)
HERE = call_participants.c.state != literal("left", literal_execute=True)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call with where it belongs. `quality` is level and step by participant, as they were last told."""

    call: Call
    shop_id: str
    conversation_id: str
    buyer_id: str
    client_id: str
    boot_id: str | None = None
    marks: int = 0
    quality: Mapping[str, tuple[str, str]] = field(default_factory=dict)


FRAME_LATE_MS = 5_000
"""No live picture is older on the way to a screen; a page that tells so has another clock."""


@dataclass(frozen=True, slots=True)
class StoredMark:
    """One row of the track of marks; `body` is the mark as it came."""

    seq: int
    participant_id: str
    at: int
    body: dict[str, Any]

    @property
    def placed(self) -> int:
        """Where it belongs in a recording: when its frame came, else when the mark did (epoch ms)."""
        told: int = self.body["frame_at"]
        return told if self.at - FRAME_LATE_MS <= told <= self.at else self.at


@dataclass(frozen=True, slots=True)
class Connection:
    """Somebody's measurements in one call, taken together. `loss` is a share, `frozen_ms` a sum.

    `slots`: one for each `SLOT_MS` since 1970 with a measurement in it, of its worst word and lowest step.
    """

    participant_id: str
    measured: int
    fair: int
    poor: int
    slots: tuple[Stretch, ...]
    sent_kbps: float
    received_kbps: float
    loss: float
    jitter_ms: float
    round_trip_ms: float | None
    freezes: int
    frozen_ms: int
    legs: int


@dataclass(frozen=True, slots=True)
class GuestLink:
    """A guest's link: whose part in which call it opens, and until when (epoch ms)."""

    participant_id: str
    call_id: str
    shop_id: str
    name: str
    until: int
    over: bool


class Calls:
    """The calls of one transaction. Whoever writes holds the conversation's row first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, record: CallRecord) -> bool:
        """Store a new call. False when the conversation has one already: then nothing is written.

        Raises `Refused(busy)` when its agent is in another call; the unit of work must then be left.
        """
        values = {name: getattr(record.call, name) for name in _OF_CALL} | {
            "shop_id": record.shop_id,
            "conversation_id": record.conversation_id,
            "buyer_id": record.buyer_id,
            "client_id": record.client_id,
            "boot_id": record.boot_id,
            "next_due": record.call.next_due,
        }
        added = await self._connection.execute(
            insert_or_leave(self._connection, calls)
            .values(values)
            .on_conflict_do_nothing()
            .returning(calls.c.id)
        )
        if added.one_or_none() is None:
            return False
        await self._put_participants(record.call, ())
        return True

    async def put(self, before: CallRecord, after: Call) -> CallRecord:
        """Store a step. Raises `Refused(retry)` when another step came in between, `busy` as `add` does."""
        if after == before.call:
            return before
        values = {name: getattr(after, name) for name in _OF_CALL if name != "id"}
        changed = await self._connection.execute(
            update(calls)
            .where(calls.c.id == after.id, calls.c.revision == before.call.revision)
            .values(**values, next_due=after.next_due)
        )
        if changed.rowcount != 1:
            raise Refused(ErrorCode.retry)
        if after.state == "ended":
            await self._connection.execute(delete(call_held).where(call_held.c.call_id == after.id))
        await self._put_participants(after, before.call.participants)
        return replace(before, call=after)

    async def _put_participants(self, call: Call, before: Sequence[Participant]) -> None:
        """Who left goes first: his place may be another's in the same step."""
        places = {each.id: place for place, each in enumerate(call.participants)}
        known = {each.id: each for each in before}
        changed = [each for each in call.participants if known.get(each.id) != each]
        try:
            for each in sorted(changed, key=lambda each: each.state != "left"):
                values = {name: getattr(each, name) for name in _OF_PARTICIPANT}
                values["controls"] = asdict(each.controls)
                if each.id in known:
                    await self._connection.execute(
                        update(call_participants).where(call_participants.c.id == each.id).values(values)
                    )
                else:
                    await self._connection.execute(
                        insert(call_participants).values(**values, call_id=call.id, place=places[each.id])
                    )
        except IntegrityError:
            raise Refused(ErrorCode.busy, why="agent_in_call") from None

    async def get(self, call_id: str) -> CallRecord | None:
        """The call as it stands."""
        return next(iter(await self._records(calls.c.id == call_id)), None)

    async def live_of(self, conversation_id: str) -> CallRecord | None:
        """The conversation's call that is not over, if there is one."""
        found = await self._records(and_(calls.c.conversation_id == conversation_id, LIVE))
        return next(iter(found), None)

    async def of_conversation(self, conversation_id: str, limit: int) -> Sequence[CallRecord]:
        """The newest calls of a conversation, the newest first."""
        query = select(calls.c.id).where(calls.c.conversation_id == conversation_id)
        newest = query.order_by(calls.c.rang_at.desc(), calls.c.id.desc()).limit(limit)
        return (await self._records(calls.c.id.in_(newest.scalar_subquery())))[::-1]

    async def by_client(self, conversation_id: str, client_id: str) -> CallRecord | None:
        """The call that an invitation with this client id made."""
        found = await self._records(
            and_(calls.c.conversation_id == conversation_id, calls.c.client_id == client_id)
        )
        return next(iter(found), None)

    async def live_of_person(self, person_id: str, limit: int) -> Sequence[CallRecord]:
        """The living calls that a buyer, an agent, a supervisor or a guest has a part in."""
        part = select(call_participants.c.call_id).where(call_participants.c.person_id == person_id, HERE)
        return await self._records(and_(LIVE, calls.c.id.in_(part)), limit)

    async def live_of_shop(self, shop_id: str, limit: int) -> Sequence[CallRecord]:
        """The living calls of a shop, the oldest first."""
        return await self._records(and_(LIVE, calls.c.shop_id == shop_id), limit)

    async def among(self, call_ids: Collection[str]) -> Sequence[CallRecord]:
        """These calls as they stand; the order says nothing."""
        return await self._records(calls.c.id.in_(call_ids))

    async def living(self) -> dict[str, tuple[int, int]]:
        """Revision and number of marks of every living call, by its id."""
        query = select(calls.c.id, calls.c.revision, calls.c.marks).where(LIVE)
        return {row.id: (row.revision, row.marks) for row in await self._connection.execute(query)}

    async def live_on_others(self, runs: Collection[str]) -> Sequence[CallRecord]:
        """The living calls that none of these runs carries."""
        return await self._records(and_(LIVE, or_(calls.c.boot_id.is_(None), calls.c.boot_id.not_in(runs))))

    async def due(self, now: int, limit: int) -> Sequence[tuple[str, str]]:
        """Call and conversation ids of what a sweep has to look at, the longest due first."""
        query = select(calls.c.id, calls.c.conversation_id).where(LIVE, calls.c.next_due <= now)
        rows = await self._connection.execute(query.order_by(calls.c.next_due).limit(limit))
        return [(call_id, conversation_id) for call_id, conversation_id in rows]

    async def agent_busy(self, person_id: str) -> bool:
        """Whether he is the agent of a call that is not over."""
        query = select(literal(1)).where(
            call_participants.c.person_id == person_id, call_participants.c.role == "agent", HERE
        )
        return await self._connection.scalar(query.limit(1)) is not None

    async def house(self, call_id: str, boot_id: str) -> None:
        """This run carries the call from now on."""
        await self._connection.execute(update(calls).where(calls.c.id == call_id).values(boot_id=boot_id))

    async def _records(self, condition: Any, limit: int | None = None) -> list[CallRecord]:
        query = select(calls).where(condition).order_by(calls.c.rang_at, calls.c.id).limit(limit)
        rows = list((await self._connection.execute(query)).mappings())
        people = await self._people([row["id"] for row in rows])
        return [_record(row, people[row["id"]]) for row in rows]

    async def _people(self, call_ids: Collection[str]) -> dict[str, list[RowMapping]]:
        found: dict[str, list[RowMapping]] = {call_id: [] for call_id in call_ids}
        if found:
            query = select(call_participants).where(call_participants.c.call_id.in_(list(found)))
            ordered = query.order_by(call_participants.c.call_id, call_participants.c.place)
            for row in (await self._connection.execute(ordered)).mappings():
                found[row["call_id"]].append(row)
        return found

    # What is kept beside the call

    async def add_consent(
        self, call_id: str, participant_id: str, *, granted: bool, text_version: str, locale: str, now: int
    ) -> None:
        """Keep what somebody said to being recorded, and to which text."""
        number = select(func.count()).where(call_consents.c.participant_id == participant_id)
        await self._connection.execute(
            insert(call_consents).values(
                participant_id=participant_id,
                number=1 + (await self._connection.scalar(number) or 0),
                call_id=call_id,
                granted=granted,
                text_version=text_version,
                locale=locale,
                at=now,
            )
        )

    async def consents(self, call_id: str) -> Sequence[tuple[str, bool, str, str, int]]:
        """Participant, answer, text version, locale and time, in the order they were said."""
        query = select(
            call_consents.c.participant_id,
            call_consents.c.granted,
            call_consents.c.text_version,
            call_consents.c.locale,
            call_consents.c.at,
        ).where(call_consents.c.call_id == call_id)
        rows = await self._connection.execute(query.order_by(call_consents.c.at, call_consents.c.number))
        return [tuple(row) for row in rows]

    async def mark_of(self, call_id: str, mark_id: str) -> StoredMark | None:
        """The first row of a mark."""
        query = _marks().where(call_marks.c.call_id == call_id, call_marks.c.mark_id == mark_id)
        row = (await self._connection.execute(query.order_by(call_marks.c.seq).limit(1))).one_or_none()
        return None if row is None else _mark(row)

    async def add_mark(
        self, call_id: str, participant_id: str, mark_id: str, body: Mapping[str, Any], now: int
    ) -> int:
        """Append to the track of marks; its place."""
        counted = await self._connection.execute(
            update(calls)
            .where(calls.c.id == call_id)
            .values(marks=calls.c.marks + 1)
            .returning(calls.c.marks)
        )
        seq: int = counted.scalar_one()
        await self._connection.execute(
            insert(call_marks).values(
                call_id=call_id,
                seq=seq,
                participant_id=participant_id,
                mark_id=mark_id,
                at=now,
                body=orjson.dumps(body).decode(),
            )
        )
        return seq

    async def hold(self, call_id: str, participant_id: str, seq: int, picture: str) -> None:
        """Keep the frame at which this participant's picture is held now."""
        await self.let_go(call_id, participant_id)
        held = {"call_id": call_id, "participant_id": participant_id, "seq": seq, "picture": picture}
        await self._connection.execute(insert(call_held).values(held))

    async def let_go(self, call_id: str, participant_id: str) -> None:
        """Forget the frame: the picture goes on."""
        await self._connection.execute(
            delete(call_held).where(
                call_held.c.call_id == call_id, call_held.c.participant_id == participant_id
            )
        )

    async def held(self, call_id: str) -> Mapping[int, str]:
        """The frames at which pictures of the call are held now, by the marks' places in the track."""
        query = select(call_held.c.seq, call_held.c.picture).where(call_held.c.call_id == call_id)
        return {seq: picture for seq, picture in await self._connection.execute(query)}

    async def marks_after(self, call_id: str, seq: int, limit: int) -> Sequence[StoredMark]:
        """The track after a place."""
        query = _marks().where(call_marks.c.call_id == call_id, call_marks.c.seq > seq)
        rows = await self._connection.execute(query.order_by(call_marks.c.seq).limit(limit))
        return [_mark(row) for row in rows]

    async def add_quality(
        self,
        call_id: str,
        participant_id: str,
        *,
        level: str,
        step: str,
        body: Mapping[str, Any],
        most: int,
        now: int,
    ) -> bool:
        """Keep what a browser measured; False, and nothing kept, beyond `most` of a participant."""
        counted = await self._connection.execute(
            update(call_participants)
            .where(call_participants.c.id == participant_id)
            .values(reports=call_participants.c.reports + 1, level=level, step=step)
            .returning(call_participants.c.reports)
        )
        number = counted.scalar_one()
        if number > most:
            return False
        await self._connection.execute(
            insert(call_quality).values(
                participant_id=participant_id,
                number=number,
                call_id=call_id,
                at=now,
                level=level,
                body=dict(body),
            )
        )
        return True

    async def quality(self, call_id: str) -> Sequence[tuple[str, int, str, dict[str, Any]]]:
        """Participant, time, level and measurement, in order: the call's quality record."""
        query = select(
            call_quality.c.participant_id, call_quality.c.at, call_quality.c.level, call_quality.c.body
        ).where(call_quality.c.call_id == call_id)
        rows = await self._connection.execute(
            query.order_by(call_quality.c.at, call_quality.c.participant_id)
        )
        return [tuple(row) for row in rows]

    async def connections(self, call_ids: Collection[str]) -> Mapping[str, Connection]:
        """The measurements of each participant of these calls who has any, taken together."""
        within = call_quality.c.call_id.in_(list(call_ids))
        slot = (call_quality.c.at // SLOT_MS).label("slot")
        query = (
            select(call_quality.c.participant_id, slot, func.max(_LEVEL), func.max(_STEP))
            .where(within)
            .group_by(call_quality.c.participant_id, slot)
            .order_by(call_quality.c.participant_id, slot)
        )
        slots: dict[str, list[Stretch]] = {}
        for participant_id, place, level, step in await self._connection.execute(query):
            slots.setdefault(participant_id, []).append(Stretch(place, place, level, step))
        rows = await self._connection.execute(
            select(call_quality.c.participant_id, *_TOGETHER)
            .where(within)
            .group_by(call_quality.c.participant_id)
        )
        return {
            row.participant_id: Connection(**row._mapping, slots=tuple(slots[row.participant_id]))
            for row in rows
        }

    async def set_link(self, participant_id: str, link_hash: str, until: int) -> None:
        """Keep the hash of a guest's token and until when it opens the call."""
        await self._connection.execute(
            update(call_participants)
            .where(call_participants.c.id == participant_id)
            .values(link_hash=link_hash, link_until=until)
        )

    async def link(
        self, *, link_hash: str | None = None, participant_id: str | None = None
    ) -> GuestLink | None:
        """A guest's link, by its token's hash or by his part in the call."""
        column, value = (
            (call_participants.c.link_hash, link_hash)
            if link_hash is not None
            else (call_participants.c.id, participant_id)
        )
        query = (
            select(
                call_participants.c.id,
                call_participants.c.call_id,
                calls.c.shop_id,
                call_participants.c.name,
                call_participants.c.link_until,
                call_participants.c.state == "left",
            )
            .join(calls, calls.c.id == call_participants.c.call_id)
            .where(column == value, call_participants.c.link_until.is_not(None))
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else GuestLink(*row)


def _figure(*path: str) -> Any:
    return call_quality.c.body[path].as_float()


def _place(column: Any, words: Any) -> Any:
    """The place of a word in its order."""
    return case({word: place for place, word in enumerate(get_args(words))}, value=column, else_=0)


_LEVEL = _place(call_quality.c.level, Level)
_STEP = _place(call_quality.c.body["step"].as_string(), Step)
_TOGETHER = (
    func.count().label("measured"),
    func.count(case((call_quality.c.level == "fair", 1))).label("fair"),
    func.count(case((call_quality.c.level == "poor", 1))).label("poor"),
    func.avg(_figure("sent", "kbps")).label("sent_kbps"),
    func.avg(_figure("received", "kbps")).label("received_kbps"),
    func.avg(_figure("received", "loss")).label("loss"),
    func.avg(_figure("received", "jitter_ms")).label("jitter_ms"),
    func.avg(_figure("round_trip_ms")).label("round_trip_ms"),
    func.sum(call_quality.c.body[("received", "freezes")].as_integer()).label("freezes"),
    func.sum(call_quality.c.body[("received", "frozen_ms")].as_integer()).label("frozen_ms"),
    func.count(call_quality.c.body["leg_id"].as_string().distinct()).label("legs"),
)


def _participant(row: RowMapping) -> Participant:
    told = row["controls"] or {}
    zoom = told.get("zoom")
    controls = CameraControls(told.get("torch"), zoom and Zoom(**zoom))
    return Participant(**{name: row[name] for name in _OF_PARTICIPANT} | {"controls": controls})


def _record(row: RowMapping, people: Sequence[RowMapping]) -> CallRecord:
    participants = tuple(_participant(each) for each in people)
    return CallRecord(
        call=Call(**{name: row[name] for name in _OF_CALL}, participants=participants),
        shop_id=row["shop_id"],
        conversation_id=row["conversation_id"],
        buyer_id=row["buyer_id"],
        client_id=row["client_id"],
        boot_id=row["boot_id"],
        marks=row["marks"],
        quality={each["id"]: (each["level"], each["step"]) for each in people if each["level"] is not None},
    )


def _marks() -> Select[Any]:
    return select(call_marks.c.seq, call_marks.c.participant_id, call_marks.c.at, call_marks.c.body)


def _mark(row: Any) -> StoredMark:
    return StoredMark(row.seq, row.participant_id, row.at, orjson.loads(row.body))
