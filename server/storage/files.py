"""What is known of the files on the shelf, and the lists of pictures to ask for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.inserting import insert_or_leave
from server.storage.schema import files, shot_lists, uploads


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it is stored. `likeness` is 64 bits; `placed_seq` the entry that shows it, if one does."""

    id: str
    shop_id: str
    conversation_id: str
    buyer_id: str
    client_id: str
    media_type: str
    size: int
    width: int
    height: int
    sha256: str
    likeness: int
    stored_at: int
    placed_seq: int | None = None

    @property
    def name(self) -> str:
        """Its name on the shelf: nothing of it comes from outside."""
        return f"{self.shop_id}/{self.id}"


_FILE = tuple(files.c[name] for name in FileRecord.__dataclass_fields__)


class Files:
    """The files of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, file_id: str) -> FileRecord | None:
        """The file of this id."""
        return _record((await self._connection.execute(select(*_FILE).where(files.c.id == file_id))).first())

    async def of_client(self, conversation_id: str, client_id: str) -> FileRecord | None:
        """The file that was sent to a conversation under this client id."""
        query = select(*_FILE).where(
            files.c.conversation_id == conversation_id, files.c.client_id == client_id
        )
        return _record((await self._connection.execute(query)).first())

    async def begin(self, file: FileRecord, *, now: int) -> None:
        """Note that its bytes will be put on the shelf, before they are."""
        values = {"id": file.id, "name": file.name, "begun_at": now, "given_up": False}
        await self._connection.execute(insert(uploads).values(values))

    async def forget(self, file_id: str) -> None:
        """Nothing of it is on the shelf any more."""
        await self._connection.execute(delete(uploads).where(uploads.c.id == file_id))

    async def give_up(self, *, before: int, limit: int) -> list[tuple[str, str]]:
        """Ids and names of what was begun before a time and never got a row; from now on none gets one."""
        old = select(uploads.c.id).where(uploads.c.begun_at < before)
        oldest = old.order_by(uploads.c.begun_at).limit(limit).with_for_update(skip_locked=True)
        given_up = (
            update(uploads)
            .where(uploads.c.id.in_(oldest.scalar_subquery()))
            .values(given_up=True)
            .returning(uploads.c.id, uploads.c.name)
        )
        return [(file_id, name) for file_id, name in await self._connection.execute(given_up)]

    async def add(self, file: FileRecord) -> bool:
        """Store what is known of a file whose bytes are on the shelf; False where it was given up."""
        begun = delete(uploads).where(uploads.c.id == file.id, uploads.c.given_up.is_(False))
        if (await self._connection.execute(begun)).rowcount != 1:
            return False
        values = {name: getattr(file, name) for name in FileRecord.__dataclass_fields__}
        await self._connection.execute(insert(files).values(values | {"likeness": f"{file.likeness:016x}"}))
        return True

    async def count(self, conversation_id: str) -> int:
        """How many files a conversation has."""
        query = select(func.count()).where(files.c.conversation_id == conversation_id)
        return int((await self._connection.execute(query)).scalar_one())

    async def bytes_since(self, buyer_id: str, since: int) -> int:
        """How many bytes a buyer has sent since a time."""
        query = select(func.coalesce(func.sum(files.c.size), 0)).where(
            files.c.buyer_id == buyer_id, files.c.stored_at >= since
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def place(self, file_id: str, seq: int) -> bool:
        """Say which entry shows the file; False where another one does already."""
        done = await self._connection.execute(
            update(files).where(files.c.id == file_id, files.c.placed_seq.is_(None)).values(placed_seq=seq)
        )
        return done.rowcount == 1

    async def placed(self, conversation_ids: Collection[str]) -> dict[str, int]:
        """How many files are shown in each of these conversations that has any."""
        query = (
            select(files.c.conversation_id, func.count())
            .where(files.c.conversation_id.in_(sorted(conversation_ids)), files.c.placed_seq.is_not(None))
            .group_by(files.c.conversation_id)
        )
        return {name: count for name, count in await self._connection.execute(query)}

    async def elsewhere(
        self, shop_id: str, conversation_id: str, *, until: int, limit: int
    ) -> list[tuple[str, int]]:
        """Ids and likeness of the shop's newest files of other conversations, oldest first."""
        query = (
            select(files.c.id, files.c.likeness)
            .where(
                files.c.shop_id == shop_id,
                files.c.conversation_id != conversation_id,
                files.c.stored_at <= until,
                files.c.placed_seq.is_not(None),
            )
            .order_by(files.c.stored_at.desc(), files.c.id.desc())
            .limit(limit)
        )
        rows = [(name, int(likeness, 16)) for name, likeness in await self._connection.execute(query)]
        return rows[::-1]

    async def shot_list(self, shop_id: str, product_id: str) -> list[dict[str, Any]] | None:
        """The product's own list of pictures to ask for."""
        query = select(shot_lists.c.shots).where(
            shot_lists.c.shop_id == shop_id, shot_lists.c.product_id == product_id
        )
        found: list[dict[str, Any]] | None = (await self._connection.execute(query)).scalar_one_or_none()
        return found

    async def put_shot_list(
        self, shop_id: str, product_id: str, shots: list[dict[str, Any]], *, now: int
    ) -> bool:
        """Store a product's list, or take it away where `shots` is empty; False where it is as it was."""
        known = await self.shot_list(shop_id, product_id)
        if known == (shots or None):
            return False
        if not shots:
            await self._connection.execute(
                delete(shot_lists).where(
                    shot_lists.c.shop_id == shop_id, shot_lists.c.product_id == product_id
                )
            )
            return True
        changed = {"shots": shots, "updated_at": now}
        await self._connection.execute(
            insert_or_leave(self._connection, shot_lists)
            .values(shop_id=shop_id, product_id=product_id, **changed)
            .on_conflict_do_update(index_elements=["shop_id", "product_id"], set_=changed)
        )
        return True


def _record(row: Any) -> FileRecord | None:
    if row is None:
        return None
    values = dict(row._mapping)
    return FileRecord(**values | {"likeness": int(values["likeness"], 16)})
