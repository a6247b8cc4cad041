"""What is told of recordings: a line in the conversation's desk log, and that its cases are different.

Only who works in the shop ever sees either.
"""

from __future__ import annotations

from protocol.recordings import RecordingCode, RecordingStage, RecordingSummary
from server.bridges import Telling
from server.storage.calls.recordings import RecordingRow


def recording_summary(row: RecordingRow) -> RecordingSummary:
    """A recording as a case lists it."""
    return RecordingSummary(
        recording_id=row.id,
        shop_id=row.shop_id,
        call_id=row.call_id,
        conversation_id=row.conversation_id,
        state=row.state,
        code=row.code,
        ended_code=row.ended_code,
        began_at=row.began_at,
        duration_ms=row.duration_ms,
    )


async def tell(
    telling: Telling,
    conversation_id: str,
    *,
    recording_id: str,
    call_id: str,
    state: RecordingStage,
    code: RecordingCode | None = None,
    duration_ms: int | None = None,
) -> None:
    """Writes the line of what became of a recording, and tells it to whoever looks at its cases."""
    line = {
        "recording_id": recording_id,
        "call_id": call_id,
        "state": state,
        "code": code,
        "duration_ms": duration_ms,
    }
    await telling.system(conversation_id, "recording", line, log="desk")
    telling.row(conversation_id)
    await telling.cases(conversation_id)
