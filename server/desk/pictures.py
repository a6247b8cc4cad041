"""Pictures that buyers send: made anew and kept, put in their place in a list, shown to who may see them."""

from __future__ import annotations

from typing import Any

from aftersales import shots as asked
from aftersales.likeness import Earlier, nearest
from protocol import chat, files, shots
from protocol.base import ClientId
from protocol.catalogue import adapter
from protocol.errors import ErrorCode, Refused
from server.auth.links import LINK_MS, Viewer
from server.bridges import case_summary
from server.desk.recordings import watchable
from server.desk.world import UseCases, World, side
from server.files.pictures import Pictures
from server.files.shelf import Shelf
from server.storage.calls.recordings import RecordingFile
from server.storage.database import Reader, Unit
from server.storage.files import FileRecord
from server.storage.records import Appended, Conversation, NewEntry
from signaling import facts
from signaling.ports import Actor, Done

FILES_A_CONVERSATION = 100
"""Eight whole lists with every shot taken again; a conversation is no album."""
BYTES_A_DAY = 200 * 1024 * 1024
"""Of one buyer, as stored: four hundred pictures. Protects the shelf from one who never tires."""
DAY_MS = 86_400_000
LEFT_MS = 3_600_000
"""After so long nobody is putting a file on the shelf any more: thirty times what an upload may take."""
LEFT_AT_ONCE = 100
"""Files of one sweep that were left behind; the others are taken at the next one."""
COMPARED = 20_000
"""A shop's newest pictures that a new one is compared with: some weeks of a large shop, in 10 ms."""


class Uploads(UseCases):
    """What comes over HTTP. `admit` before the bytes are read, `store` with them."""

    def __init__(self, world: World, shelf: Shelf, maker: Pictures) -> None:
        super().__init__(world)
        self._shelf = shelf
        self._maker = maker

    async def admit(self, buyer_id: str, conversation_id: str, client_id: str) -> files.FileStored | None:
        """What is stored under this client id already, or None where the bytes are wanted.

        Raises `Refused`: bad_request, not_found, conversation_closed, too_many.
        """
        try:
            adapter(ClientId).validate_python(client_id)
        except ValueError:
            raise Refused(ErrorCode.bad_request, "The client id must be a UUIDv7.") from None
        async with self.world.db.read() as unit:
            found = await unit.conversations.of_buyer(conversation_id, buyer_id)
            known = await unit.files.of_client(conversation_id, client_id)
            if known is None:
                await self._within_limits(unit, found, buyer_id)
        return None if known is None else _stored(known)

    async def store(
        self, buyer_id: str, conversation_id: str, client_id: str, content: bytes
    ) -> files.FileStored:
        """Keeps a picture. Its row is written when its bytes are durable, so what is known can be shown.

        That it comes is noted before: of whoever is killed in between, `sweep` takes the bytes away.
        """
        made = await self._maker.make_anew(content)
        async with self.world.db.read() as unit:
            found = await unit.conversations.of_buyer(conversation_id, buyer_id)
        file = FileRecord(
            id=self.world.new_id(),
            shop_id=found.shop_id,
            conversation_id=found.id,
            buyer_id=buyer_id,
            client_id=client_id,
            media_type="image/jpeg",
            size=len(made.content),
            width=made.width,
            height=made.height,
            sha256=made.sha256,
            likeness=made.likeness,
            stored_at=self.world.clock(),
        )
        async with self.world.db.write() as unit:
            await unit.files.begin(file, now=file.stored_at)
        try:
            await self._shelf.put(file.name, made.content)
            kept = await self._add(file)
        except BaseException:
            await self._take_away(file.id, file.name)
            raise
        if kept.id != file.id:
            await self._take_away(file.id, file.name)
        return _stored(kept)

    async def sweep(self) -> None:
        """Takes away what was left on the shelf without a row. To be called every minute or so."""
        before = self.world.clock() - LEFT_MS
        async with self.world.db.write() as unit:
            left = await unit.files.give_up(before=before, limit=LEFT_AT_ONCE)
        for file_id, name in left:
            await self._take_away(file_id, name)

    async def _take_away(self, file_id: str, name: str) -> None:
        """What cannot be now is at a later sweep."""
        if await self._shelf.remove(name):
            async with self.world.db.write() as unit:
                await unit.files.forget(file_id)

    async def _add(self, file: FileRecord) -> FileRecord:
        async with self.world.db.write() as unit:
            # The lock makes whoever sends at the same instant see what the other has stored.
            found = await unit.conversations.of_buyer(file.conversation_id, file.buyer_id, lock=True)
            known = await unit.files.of_client(file.conversation_id, file.client_id)
            if known is not None:
                return known
            await self._within_limits(unit, found, file.buyer_id)
            if not await unit.files.add(file):
                raise Refused(ErrorCode.retry)
        return file

    async def _within_limits(self, unit: Reader, found: Conversation, buyer_id: str) -> None:
        if found.state != "open":
            raise Refused(ErrorCode.conversation_closed)
        if await unit.files.count(found.id) >= FILES_A_CONVERSATION:
            raise Refused(ErrorCode.too_many, limit="files_a_conversation")
        since = self.world.clock() - DAY_MS
        if await unit.files.bytes_since(buyer_id, since) >= BYTES_A_DAY:
            raise Refused(ErrorCode.too_many, limit="bytes_a_day")

    async def show(self, viewer: Actor, file_id: str) -> FileRecord | RecordingFile:
        """What is known of a file that this person may see. Another's and none are both `not_found`."""
        async with self.world.db.read() as unit:
            recorded = await unit.recordings.file(file_id)
            if recorded is not None:
                return await watchable(unit, viewer, *recorded)
            return await _visible(unit, viewer, file_id)

    async def read(self, file: FileRecord | RecordingFile, start: int, end: int) -> bytes:
        """Bytes of a file that was shown."""
        return await self._shelf.read(file.name, start, end)


class Shots(UseCases):
    """Lists of pictures: asked for, filled, skipped, asked for again."""

    async def request_shots(self, actor: Actor, request: shots.RequestShots) -> Done[chat.Sent]:
        """Writes the list into the conversation as a card."""
        card = shots.ShotsCard(shots=request.shots).model_dump(mode="json")
        entry = _new_entry(self.world, actor, request, "card", {"body": card}, request.fence)
        async with self.world.db.write() as unit:
            stored = await unit.conversations.append(entry, now=entry.sent_at)
        return _done(stored)

    async def retake_shot(self, actor: Actor, request: shots.RetakeShot) -> Done[chat.Sent]:
        """Asks for one shot again, whatever became of it."""
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_shops(request.conversation_id, actor.shops)
            body = await _of_shot(unit, found, request) | {"note": request.note}
            entry = _new_entry(self.world, actor, request, "retake", body, request.fence)
            stored = await unit.conversations.append(entry, now=entry.sent_at)
        return _done(stored)

    async def skip_shot(self, actor: Actor, request: shots.SkipShot) -> Done[chat.Sent]:
        """Leaves a shot out."""
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id)
            body = await _of_shot(unit, found, request) | {"reason": request.reason}
            entry = _new_entry(self.world, actor, request, "skipped", body)
            stored = await unit.conversations.append(entry, now=entry.sent_at)
        return _done(stored)

    async def fill_shot(self, actor: Actor, request: shots.FillShot) -> Done[chat.Sent]:
        """Puts a picture in its place, and tells the agents where it was seen before.

        Looking for it comes before the unit of work: it takes longer, and everybody who writes waits.
        """
        async with self.world.db.read() as unit:
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id)
            file = await _own_file(unit, found, request.file_id)
            seen = await _seen_before(unit, file)
        async with self.world.db.write() as unit:
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id, lock=True)
            body = await _of_shot(unit, found, request)
            body |= {
                "file_id": file.id,
                "width": file.width,
                "height": file.height,
                "size": file.size,
                "sha256": file.sha256,
                "doubts": request.doubts,
            }
            entry = _new_entry(self.world, actor, request, "still", body)
            stored = await unit.conversations.append(entry, now=entry.sent_at)
            if stored.repeated:
                return _done(stored)
            if not await unit.files.place(file.id, stored.entry.seq):
                raise Refused(ErrorCode.conflict, "This picture is in another place already.")
            told: list[facts.Fact] = [facts.EntryStored(stored.place, "public", stored.entry)]
            if seen is not None:
                told.append(await self._tell_of(unit, stored, seen))
            opened = await unit.cases.of_conversation(found.id)
            told += [facts.CaseChanged(case_summary(case)) for case in opened]
        return Done(_sent(stored), told)

    async def _tell_of(self, unit: Unit, still: Appended, seen: dict[str, Any]) -> facts.Fact:
        now = self.world.clock()
        noted = await unit.conversations.append(
            NewEntry(
                conversation_id=still.place.conversation_id,
                log="desk",
                message_id=self.world.new_id(),
                client_id=None,
                sender_kind="system",
                sender_id=None,
                sender_name=None,
                sent_at=now,
                kind="reused",
                body={"still_seq": still.entry.seq, "label": still.entry.body["label"]} | seen,
            ),
            now=now,
        )
        return facts.EntryStored(noted.place, "desk", noted.entry)

    async def link_files(self, actor: Actor, request: files.LinkFiles) -> Done[files.FileLinks]:
        """Addresses for this session alone. One file that is not his refuses them all."""
        async with self.world.db.read() as unit:
            for file_id in request.file_ids:
                await _visible(unit, actor, file_id)
        expires_at = min(self.world.clock() + LINK_MS, actor.expires_at)
        viewer = Viewer(side(actor), actor.session_id)
        links = [
            files.FileLink(file_id=name, url=self.world.links.address(viewer, name, expires_at))
            for name in request.file_ids
        ]
        return Done(files.FileLinks(links=links, expires_at=expires_at))


async def suggested(unit: Reader, found: Conversation) -> list[shots.Shot]:
    """The pictures to ask for in this conversation: the product's own list, or the usual one.

    Who comes with an order comes with its products: the first of them that has a list.
    """
    products = [found.product_id]
    if found.order_id is not None:
        order = await unit.catalogue.order(found.shop_id, found.order_id)
        products = [line.product_id for line in order.lines] if order is not None else products
    for product_id in dict.fromkeys(products):
        own = None if product_id is None else await unit.files.shot_list(found.shop_id, product_id)
        if own is not None:
            return [shots.Shot.model_validate(shot) for shot in own]
    return [
        shots.Shot(label=shot.label, hint=shot.hint, frame=shot.frame) for shot in asked.usual(found.locale)
    ]


def _done(stored: Appended) -> Done[chat.Sent]:
    # The author is told, too: what he sees of a list comes from the log, not from his own command.
    told = () if stored.repeated else (facts.EntryStored(stored.place, "public", stored.entry),)
    return Done(_sent(stored), told)


def _sent(stored: Appended) -> chat.Sent:
    return chat.Sent(message_id=stored.entry.message_id, seq=stored.entry.seq, sent_at=stored.entry.sent_at)


def _stored(file: FileRecord) -> files.FileStored:
    return files.FileStored(
        file_id=file.id,
        width=file.width,
        height=file.height,
        size=file.size,
        sha256=file.sha256,
        stored_at=file.stored_at,
    )


async def _of_shot(unit: Reader, found: Conversation, request: Any) -> dict[str, Any]:
    """What every entry of a shot says. A list that is no list, or was recalled, is not there."""
    entry = await unit.conversations.entry(found.id, request.list_seq)
    card = entry.body.get("body") if entry is not None and entry.kind == "card" else None
    if not isinstance(card, dict) or card.get("card") != "shots" or request.shot >= len(card["shots"]):
        raise Refused(ErrorCode.not_found)
    return {
        "list_seq": request.list_seq,
        "shot": request.shot,
        "label": card["shots"][request.shot]["label"],
    }


async def _own_file(unit: Reader, found: Conversation, file_id: str) -> FileRecord:
    file = await unit.files.get(file_id)
    if file is None or file.conversation_id != found.id:
        raise Refused(ErrorCode.not_found)
    return file


async def _seen_before(unit: Reader, file: FileRecord) -> dict[str, Any] | None:
    """Where the most alike of the shop's earlier pictures is, as a `reused` entry says it."""
    rows = await unit.files.elsewhere(
        file.shop_id, file.conversation_id, until=file.stored_at, limit=COMPARED
    )
    found = nearest(file.likeness, (Earlier(name, likeness) for name, likeness in rows))
    earlier = None if found is None else await unit.files.get(found[0].file_id)
    if found is None or earlier is None:
        return None
    opened = await unit.cases.of_conversation(earlier.conversation_id)
    return {
        "conversation_id": earlier.conversation_id,
        "earlier_at": earlier.stored_at,
        "case_number": opened[-1].number if opened else None,
        "bits": found[1],
    }


async def _visible(unit: Reader, actor: Actor, file_id: str) -> FileRecord:
    file = await unit.files.get(file_id)
    if file is None:
        raise Refused(ErrorCode.not_found)
    if actor.kind == "buyer":
        await unit.conversations.of_buyer(file.conversation_id, actor.id)
    elif file.shop_id not in actor.shops:
        raise Refused(ErrorCode.not_found)
    return file


def _new_entry(
    world: World, actor: Actor, request: Any, kind: str, body: dict[str, Any], fence: int | None = None
) -> NewEntry:
    return NewEntry(
        conversation_id=request.conversation_id,
        log="public",
        message_id=world.new_id(),
        client_id=request.client_id,
        sender_kind=side(actor),
        sender_id=actor.id,
        sender_name=actor.name or None,
        sent_at=world.clock(),
        kind=kind,
        body=body,
        shop_ids=frozenset(actor.shops),
        fence=fence,
    )
