"""Rights that are taken away end media: whoever may not be in a call any more is put out of it.

Decided from the database alone, on every node: it does not matter where his socket was, or whether any node
saw it close.
"""

from __future__ import annotations

import logging

from media import steps
from server.auth.agents import IDLE_MS
from server.desk.calls.stepping import LEADS, Calling
from server.storage.audit import Audited
from server.storage.calls.rights import Lost
from server.storage.database import Reader

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Parts that one sweep ends; the next is a second later."""


class Rights(Calling):
    """Ends the parts in calls of those whose right was taken: disabled, lowered, signed out, link over."""

    async def sweep(self) -> None:
        """Put out whoever lost his right. To be called every second; on several nodes it is done once."""
        async with self.world.db.read() as unit:
            lost = await self._lost(unit, self.world.clock())
        for call_id in dict.fromkeys(each.call_id for each in lost):
            try:
                await self._put_out(call_id)
            except Exception:
                log.exception("a right could not be enforced in a call", extra={"call_id": call_id})

    async def _lost(self, unit: Reader, now: int, call_id: str | None = None) -> list[Lost]:
        seen_after = now - IDLE_MS
        return list(
            await unit.call_rights.lost(now, AT_ONCE, seen_after=seen_after, leads=LEADS, call_id=call_id)
        )

    async def _put_out(self, call_id: str) -> None:
        now = self.world.clock()
        async with self.world.db.write() as unit:
            telling = self.world.telling(unit, now)
            record = await self._held(unit, call_id)
            # Looked at again under the lock: he may have got his right back, or another part, meanwhile.
            for each in await self._lost(unit, now, call_id):
                who = record.call.of(each.participant_id) if record is not None else None
                if record is None or who is None or who.state == "left":
                    continue
                if who.role == "agent":
                    step = steps.agent_gone(record.call, now=now)
                else:
                    step = steps.hang_up(record.call, who.id, now=now)
                if each.taken == "signed_out":
                    # Before his conversation waits again: he would be the next whom the line gives it to.
                    await unit.line.shut_out(who.person_id, now=now)
                about = {"role": who.role, "taken": each.taken}
                line = Audited(
                    self.world.new_id(), record.shop_id, now, who.person_id, "call.put_out", call_id, about
                )
                await unit.audit.add(line)
                record = await self._step_on(unit, telling, record, step, now)
            told = await telling.all()
        self.world.publish(told)
        self.world.wake(None)
