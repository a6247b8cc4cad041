"""What every use case of calls does: find the call and who asks, take a step, answer with the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from media.call import Call, CallRefused, Participant, Side
from media.steps import Step
from protocol import call as wire
from protocol.errors import ErrorCode, Refused
from queues.ownership import Refused as LineRefused
from server.bridges import Telling
from server.call_bridges import view
from server.desk.world import UseCases
from server.storage.calls.store import CallRecord
from server.storage.database import Reader, Unit
from server.storage.records import Conversation
from signaling.ports import Actor, Done

LEADS = ("supervisor", "admin")


@dataclass(frozen=True, slots=True)
class Mine:
    """A call, its conversation as of now, and the part that whoever asks has in it."""

    record: CallRecord
    conversation: Conversation
    me: Participant


@contextmanager
def refusing(**instead: ErrorCode) -> Iterator[None]:
    """A step that is not possible, in the wire's words; `instead`, where a command has others."""
    try:
        yield
    except CallRefused as refused:
        raise Refused(instead.get(refused.code, ErrorCode(refused.code))) from None


class Calling(UseCases):
    """The ground of all use cases of calls.

    Whose call it is not gets the same answer as for one that does not exist.
    """

    async def _found(self, unit: Reader, actor: Actor, call_id: str) -> tuple[CallRecord, Conversation]:
        """A call of the asker's own shop or his own conversation; held until the unit of work ends."""
        record = await unit.calls.get(call_id)
        if record is None or record.shop_id not in actor.shops:
            raise Refused(ErrorCode.not_found)
        lock = isinstance(unit, Unit)
        conversation = await unit.conversations.head(record.conversation_id, lock=lock)
        if lock:
            # What came in between is known now that nothing more can.
            record = await unit.calls.get(call_id)
        if record is None or conversation is None:
            raise Refused(ErrorCode.not_found)
        if actor.kind == "buyer" and conversation.buyer_id != actor.id:
            raise Refused(ErrorCode.not_found)
        if actor.kind == "guest" and actor.call_id != call_id:
            raise Refused(ErrorCode.not_found)
        return record, conversation

    async def _mine(self, unit: Reader, actor: Actor, call_id: str) -> Mine:
        """The call and the asker's part in it. Raises `Refused(not_found)` where he has and had none."""
        record, conversation = await self._found(unit, actor, call_id)
        me = part_of(record.call, actor)
        if me is None:
            raise Refused(ErrorCode.not_found)
        return Mine(record, conversation, me)

    async def _walk(
        self,
        actor: Actor,
        call_id: str,
        act: Callable[[Call, Participant, int], Step],
        **instead: ErrorCode,
    ) -> Done[wire.Called]:
        """One step of the asker's own call."""
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            mine = await self._mine(unit, actor, call_id)
            with refusing(**instead):
                step = act(mine.record.call, mine.me, now)
            record = await telling.step(mine.record, step)
            told = await telling.all()
        self._freed(record)
        return Done(called(record, actor, now), told)

    async def _held(self, unit: Unit, call_id: str) -> CallRecord | None:
        """A call as it stands, with its conversation's row, which is the lock of it."""
        record = await unit.calls.get(call_id)
        if record is None:
            return None
        await unit.conversations.head(record.conversation_id, lock=True)
        return await unit.calls.get(call_id)

    async def _step_on(
        self, unit: Unit, telling: Telling, record: CallRecord, step: Step, now: int
    ) -> CallRecord:
        """The call after a step that none of its people took; without its agent it goes back to the line."""
        after = await telling.step(record, step)
        left = record.call.live("agent") is not None and after.call.live("agent") is None
        if left and after.call.state == "waiting":
            # The next agent gets the conversation with its call from the line.
            requeued = await unit.line.give_back(record.conversation_id, now=now)
            if not isinstance(requeued, LineRefused):
                await telling.line([requeued])
        return after

    def _freed(self, record: CallRecord) -> None:
        """After a call its agent has room again."""
        if record.call.state == "ended":
            self.world.wake(None)


def part_of(call: Call, actor: Actor) -> Participant | None:
    """The asker's part in a call; where he came and went, the one that is not over, else the last."""
    theirs = [
        each
        for each in call.participants
        if (actor.kind == "buyer" and each.role == "buyer")
        or (actor.kind == "guest" and each.id == actor.id)
        or (actor.kind == "agent" and each.role in ("agent", "supervisor") and each.person_id == actor.id)
    ]
    return max(theirs, key=lambda each: each.state != "left", default=None) if theirs else None


def side_of(actor: Actor) -> Side:
    """On which side of a ring he stands."""
    return "buyer" if actor.kind == "buyer" else "agent"


def called(record: CallRecord, actor: Actor, now: int) -> wire.Called:
    """The call as the asker may see it."""
    return wire.Called(now=now, call=view(record, actor.kind))
