"""Writing and reading messages: the path that every chat takes, a few dozen times."""

from __future__ import annotations

from typing import Any

from protocol import chat
from protocol.base import Empty, Wire
from protocol.errors import ErrorCode, Refused
from server.desk import cards
from server.desk.world import UseCases, side
from server.storage.database import Reader
from server.storage.records import Appended, Conversation, Marked, NewEntry, NewMark, Synced
from signaling import facts
from signaling.ports import Actor, Done
from signaling.present import Audience, desk_entry, public_entry


class Messages(UseCases):
    """Sending, noting, recalling, reading on from a cursor, marking and typing."""

    async def send_by_buyer(self, actor: Actor, request: chat.BuyerText | chat.BuyerCard) -> Done[chat.Sent]:
        """Stores a buyer's message; done only when it is durable."""
        return await self._store(actor, request, "public", request.kind, await self._body(actor, request))

    async def send_by_agent(self, actor: Actor, request: chat.AgentText | chat.AgentCard) -> Done[chat.Sent]:
        """Stores the owner's message under his fence."""
        body = await self._body(actor, request)
        return await self._store(actor, request, "public", request.kind, body, fence=request.fence)

    async def write_note(self, actor: Actor, request: chat.WriteNote) -> Done[chat.Sent]:
        """Stores an internal note; buyers have no way to it."""
        return await self._store(actor, request, "desk", "note", {"text": request.text})

    async def recall_by_buyer(self, actor: Actor, request: chat.BuyerRecall) -> Done[chat.Sent]:
        """Takes back the buyer's own message."""
        return await self._store(actor, request, "public", "recall", {}, recalls=request.seq)

    async def recall_by_agent(self, actor: Actor, request: chat.AgentRecall) -> Done[chat.Sent]:
        """Takes back the agent's own message."""
        return await self._store(
            actor, request, "public", "recall", {}, recalls=request.seq, fence=request.fence
        )

    async def _body(
        self, actor: Actor, request: chat.BuyerText | chat.BuyerCard | chat.AgentText | chat.AgentCard
    ) -> dict[str, Any]:
        if isinstance(request, chat.BuyerText | chat.AgentText):
            body: dict[str, Any] = {"text": request.text}
            if request.quote_seq is not None:
                body["quote_seq"] = request.quote_seq
            return body
        async with self.world.db.read() as unit:
            found = await _conversation(unit, actor, request.conversation_id)
            return {"body": wire(await cards.of_reference(unit, found, request.body, actor.orders))}

    async def _store(
        self,
        actor: Actor,
        request: Any,
        log: facts.Log,
        kind: str,
        body: dict[str, Any],
        *,
        fence: int | None = None,
        recalls: int | None = None,
    ) -> Done[chat.Sent]:
        stored = await self.world.db.append(
            NewEntry(
                conversation_id=request.conversation_id,
                log=log,
                message_id=self.world.new_id(),
                client_id=request.client_id,
                sender_kind=side(actor),
                sender_id=actor.id,
                sender_name=actor.name or None,
                sent_at=self.world.clock(),
                kind=kind,
                body=body,
                shop_ids=frozenset(actor.shops),
                fence=fence,
                recalls=recalls,
            )
        )
        return Done(_sent(stored), _told(stored, log, actor.sid))

    async def sync_by_buyer(self, actor: Actor, request: chat.BuyerSync) -> Done[chat.BuyerSynced]:
        """Everything the buyer may see after his cursor."""
        self._same_epoch(request.epoch)
        async with self.world.db.read() as unit:
            await unit.conversations.of_buyer(request.conversation_id, actor.id)
            page = await unit.conversations.sync(request.conversation_id, after_seq=request.after_seq)
            position = await _position(unit, page.conversation)
        return Done(
            chat.BuyerSynced.model_validate(
                _synced(self.world.db.epoch, page, position, entries=_public(page, "buyer"))
            )
        )

    async def sync_by_agent(self, actor: Actor, request: chat.AgentSync) -> Done[chat.AgentSynced]:
        """Both logs after their cursors, with owner and fence."""
        self._same_epoch(request.epoch)
        async with self.world.db.read() as unit:
            await unit.conversations.of_shops(request.conversation_id, actor.shops)
            page = await unit.conversations.sync(
                request.conversation_id, after_seq=request.after_seq, desk_after_seq=request.desk_after_seq
            )
            position = await _position(unit, page.conversation)
        found = page.conversation
        return Done(
            chat.AgentSynced.model_validate(
                _synced(self.world.db.epoch, page, position, entries=_public(page, "agents"))
                | {
                    "desk_entries": [desk_entry(entry) for entry in page.desk_entries],
                    "desk_more": page.desk_more,
                    "desk_last_seq": found.desk_last_seq,
                    "owner_id": found.owner_id,
                    "fence": found.fence,
                }
            )
        )

    def _same_epoch(self, epoch: str) -> None:
        if epoch != self.world.db.epoch:
            raise Refused(ErrorCode.resync, epoch=self.world.db.epoch)

    async def mark_by_buyer(self, actor: Actor, request: chat.Mark) -> Done[chat.Marked]:
        """Moves the buyer's marks forward."""
        return await self._mark(actor, request)

    async def mark_by_agent(self, actor: Actor, request: chat.Mark) -> Done[chat.Marked]:
        """Moves the desk's marks forward; only the owner's reading counts."""
        return await self._mark(actor, request)

    async def _mark(self, actor: Actor, request: chat.Mark) -> Done[chat.Marked]:
        marked = await self.world.db.mark(
            NewMark(
                conversation_id=request.conversation_id,
                side=side(actor),
                reader_id=actor.id,
                delivered=request.delivered_seq,
                read=request.read_seq,
                shop_ids=frozenset(actor.shops),
            )
        )
        return Done(chat.Marked(marks=marks(marked)), _moved(marked))

    async def type_by_buyer(self, actor: Actor, request: chat.Typing) -> Done[Empty]:
        """Tells the owner that the buyer is typing."""
        async with self.world.db.read() as unit:
            found = await unit.conversations.of_buyer(request.conversation_id, actor.id)
        return Done(Empty(), (facts.TypingSeen(found.place, "buyer"),))

    async def type_by_agent(self, actor: Actor, request: chat.Typing) -> Done[Empty]:
        """Tells the buyer that the owner is typing."""
        async with self.world.db.read() as unit:
            found = await unit.conversations.of_shops(request.conversation_id, actor.shops)
        if found.owner_id != actor.id:
            raise Refused(ErrorCode.forbidden)
        return Done(Empty(), (facts.TypingSeen(found.place, "agent"),))


def wire(value: Wire) -> dict[str, Any]:
    """A wire model as it is stored in a log's body: without what is not said."""
    return value.model_dump(mode="json", exclude_none=True)


def _sent(stored: Appended) -> chat.Sent:
    entry = stored.entry
    return chat.Sent(message_id=entry.message_id, seq=entry.seq, sent_at=entry.sent_at)


def _told(stored: Appended, log: facts.Log, sid: str | None) -> tuple[facts.Fact, ...]:
    # Of a repetition, too: its first try may have been stored although its sender was told to try again, and
    # then nobody heard of it. Who did drops it by its seq.
    return (facts.EntryStored(stored.place, log, stored.entry, by_sid=sid),)


def marks(marked: Marked | Conversation) -> chat.Marks:
    """How far each side has received and read."""
    return chat.Marks(
        buyer_delivered=marked.buyer_delivered,
        buyer_read=marked.buyer_read,
        agent_delivered=marked.agent_delivered,
        agent_read=marked.agent_read,
    )


def _moved(marked: Marked) -> tuple[facts.Fact, ...]:
    if not marked.moved:
        return ()
    return (
        facts.MarksMoved(
            marked.place,
            marked.buyer_delivered,
            marked.buyer_read,
            marked.agent_delivered,
            marked.agent_read,
        ),
    )


async def _conversation(unit: Reader, actor: Actor, conversation_id: str) -> Conversation:
    if actor.kind == "buyer":
        return await unit.conversations.of_buyer(conversation_id, actor.id)
    return await unit.conversations.of_shops(conversation_id, actor.shops)


async def _position(unit: Reader, found: Conversation) -> int | None:
    if found.state == "closed" or found.owner_id is not None:
        return None
    return await unit.line.position(found.id)


def _public(page: Synced, audience: Audience) -> list[dict[str, Any]]:
    return [public_entry(entry, audience) for entry in page.entries]


def _synced(epoch: str, page: Synced, position: int | None, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "entries": entries,
        "more": page.more,
        "last_seq": page.conversation.last_seq,
        "state": page.conversation.state,
        "agent_name": page.owner_name,
        "position": position,
        "marks": marks(page.conversation),
    }
