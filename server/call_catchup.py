"""What other nodes' calls did and nobody told here: each as it stands, and the newest of its marks.

A page folds a call by its revision and reads marks that it misses, so this is all that it needs.
"""

from __future__ import annotations

from collections.abc import Set

from media.call import Call
from server.call_bridges import mark_entry, place, view
from server.storage.calls.store import CallRecord
from server.storage.database import Reader
from signaling import facts
from signaling.told import Told


class CallCatchUp:
    """Compares the living calls, and those that were living at the last look, with what was told here."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._known: Set[str] = frozenset()

    async def look(self, unit: Reader) -> list[facts.Fact]:
        """What is to be told here; whoever gets it tells it."""
        living = await unit.calls.living()
        behind = {
            call_id: marks
            for call_id, (revision, marks) in living.items()
            if (revision, marks) != self._told.call(call_id)
        }
        over = self._known - living.keys()
        self._known = living.keys()
        found = await unit.calls.among([*behind, *over])
        heads = await unit.heads.these({each.conversation_id for each in found})
        told: list[facts.Fact] = []
        for record in found:
            where = place(heads[record.conversation_id].place, record.call)
            revision, marks = self._told.call(record.call.id)
            if record.call.revision > revision:
                told.append(facts.CallChanged(where, _event(record.call), view(record)))
            if record.marks > marks and record.call.state != "ended":
                told += await _newest_mark(unit, where, record)
        return told


async def _newest_mark(unit: Reader, where: facts.CallPlace, record: CallRecord) -> list[facts.Fact]:
    found = await unit.calls.marks_after(record.call.id, record.marks - 1, 1)
    held = await unit.calls.held(record.call.id)
    return [facts.MarkDrawn(where, record.call.id, mark_entry(each, held.get(each.seq))) for each in found]


def _event(call: Call) -> facts.CallEventName:
    match call.state:
        case "ringing":
            return "call.rang"
        case "ended":
            return "call.ended"
        case _:
            return "call.changed"
