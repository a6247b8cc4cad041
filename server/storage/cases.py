"""Cases and their history inside a unit of work. Every case is found by id and checked against its shop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aftersales.cases import State
from protocol.cases import CASES_PAGE
from protocol.errors import ErrorCode, Refused
from server.storage.inserting import insert_or_leave
from server.storage.schema import buyers, case_counters, case_entries, cases, files, people

FIRST_NUMBER = 1001
"""Of a shop: four digits from the first day, so that a number is known for one."""


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to open; `call_id`, if a recorded call does."""

    id: str
    shop_id: str
    conversation_id: str
    buyer_id: str
    title: str
    order_id: str | None
    holder_id: str
    client_id: str
    opened_at: int
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case with the names it is shown by. `stills`: pictures of its conversation that are shown."""

    id: str
    shop_id: str
    number: int
    title: str
    state: State
    conversation_id: str
    buyer_id: str
    buyer_name: str | None
    order_id: str | None
    holder_id: str | None
    holder_name: str | None
    call_id: str | None
    last_seq: int
    stills: int
    opened_at: int
    updated_at: int
    closed_at: int | None


@dataclass(frozen=True, slots=True)
class CaseEntryRow:
    """One entry of a history. `body` holds the fields of its kind."""

    seq: int
    client_id: str
    person_id: str
    person_name: str
    at: int
    kind: str
    body: dict[str, Any]


_STILLS = (
    select(func.count())
    .select_from(files)
    .where(files.c.conversation_id == cases.c.conversation_id, files.c.placed_seq.is_not(None))
    .scalar_subquery()
)
_ROW = (
    cases.c.id,
    cases.c.shop_id,
    cases.c.number,
    cases.c.title,
    cases.c.state,
    cases.c.conversation_id,
    cases.c.buyer_id,
    buyers.c.name.label("buyer_name"),
    cases.c.order_id,
    cases.c.holder_id,
    people.c.display_name.label("holder_name"),
    cases.c.call_id,
    cases.c.last_seq,
    _STILLS.label("stills"),
    cases.c.opened_at,
    cases.c.updated_at,
    cases.c.closed_at,
)
_ENTRY = tuple(case_entries.c[name] for name in CaseEntryRow.__dataclass_fields__)


def _rows() -> Select[Any]:
    named = cases.join(buyers, buyers.c.id == cases.c.buyer_id).outerjoin(
        people, people.c.id == cases.c.holder_id
    )
    return select(*_ROW).select_from(named)


class CaseFiles:
    """The cases of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of_shops(self, case_id: str, shop_ids: Collection[str], *, lock: bool = False) -> CaseRow:
        """A case of one of these shops. Another shop's and none are both `Refused(not_found)`."""
        if lock:
            held = select(cases.c.id).where(cases.c.id == case_id).with_for_update()
            await self._connection.execute(held)
        query = _rows().where(cases.c.id == case_id, cases.c.shop_id.in_(sorted(shop_ids)))
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise Refused(ErrorCode.not_found)
        return CaseRow(*row)

    async def of_client(self, conversation_id: str, client_id: str) -> str | None:
        """The id of the case that was opened from a conversation under this client id."""
        query = select(cases.c.id).where(
            cases.c.conversation_id == conversation_id, cases.c.client_id == client_id
        )
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def of_conversation(self, conversation_id: str) -> list[CaseRow]:
        """The cases opened from a conversation, oldest first."""
        query = _rows().where(cases.c.conversation_id == conversation_id).order_by(cases.c.number)
        return [CaseRow(*row) for row in await self._connection.execute(query)]

    async def open(self, new: NewCase) -> int:
        """Store a case under the shop's next number; the number."""
        counted = (
            insert_or_leave(self._connection, case_counters)
            .values(shop_id=new.shop_id, last=FIRST_NUMBER)
            .on_conflict_do_update(index_elements=["shop_id"], set_={"last": case_counters.c.last + 1})
            .returning(case_counters.c.last)
        )
        number = int((await self._connection.execute(counted)).scalar_one())
        values = {name: getattr(new, name) for name in NewCase.__dataclass_fields__}
        await self._connection.execute(
            insert(cases).values(values | _FRESH | {"number": number, "updated_at": new.opened_at})
        )
        return number

    async def entry_of(self, case_id: str, person_id: str, client_id: str) -> CaseEntryRow | None:
        """What a person stored under this client id."""
        query = select(*_ENTRY).where(
            case_entries.c.case_id == case_id,
            case_entries.c.person_id == person_id,
            case_entries.c.client_id == client_id,
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else CaseEntryRow(*row)

    async def append(self, case: CaseRow, entry: CaseEntryRow, **changes: Any) -> None:
        """Store the next entry of a case's history, and what it changes. The case must be locked."""
        values = {name: getattr(entry, name) for name in CaseEntryRow.__dataclass_fields__}
        await self._connection.execute(insert(case_entries).values(values | {"case_id": case.id}))
        await self._connection.execute(
            update(cases)
            .where(cases.c.id == case.id)
            .values({"last_seq": entry.seq, "updated_at": entry.at} | changes)
        )

    async def history(self, case_id: str) -> list[CaseEntryRow]:
        """The whole history, oldest first."""
        query = select(*_ENTRY).where(case_entries.c.case_id == case_id).order_by(case_entries.c.seq)
        return [CaseEntryRow(*row) for row in await self._connection.execute(query)]

    async def page(
        self,
        shop_ids: Collection[str],
        *,
        state: State | None = None,
        holder_id: str | None = None,
        search: str = "",
        before: int | None = None,
        limit: int = CASES_PAGE,
    ) -> tuple[list[CaseRow], bool]:
        """Cases of these shops, last changed first, and whether there are others beyond `limit`.

        `before` is the last `updated_at` of the page before; a page ends between two times. `search`: a
        number, or the beginning of an order's id or a buyer's name.
        """
        query = _rows().where(cases.c.shop_id.in_(sorted(shop_ids)))
        if state is not None:
            query = query.where(cases.c.state == state)
        if holder_id is not None:
            query = query.where(cases.c.holder_id == holder_id)
        if before is not None:
            query = query.where(cases.c.updated_at < before)
        if wanted := search.strip().removeprefix("#"):
            begins = [
                cases.c.order_id.startswith(wanted, autoescape=True),
                buyers.c.name.startswith(wanted, autoescape=True),
            ]
            if wanted.isascii() and wanted.isdigit() and len(wanted) <= _DIGITS:
                begins.append(cases.c.number == int(wanted))
            query = query.where(or_(*begins))
        query = query.order_by(cases.c.updated_at.desc(), cases.c.id.desc()).limit(limit + 1)
        rows = [CaseRow(*row) for row in await self._connection.execute(query)]
        if len(rows) <= limit:
            return rows, False
        cut = rows[limit].updated_at
        return [row for row in rows[:limit] if row.updated_at != cut] or rows[:limit], True


_FRESH = {"state": "open", "last_seq": 0}
_DIGITS = 9
"""Of a case's number, which is an integer of the database."""
