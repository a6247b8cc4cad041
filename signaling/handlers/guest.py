"""The commands of `/guest`: those that everybody in a call has, each with the use case that answers it."""

from __future__ import annotations

from collections.abc import Mapping

from signaling.handlers.table import Handler
from signaling.ports import CallDesk


def handlers(desk: CallDesk) -> Mapping[str, Handler]:
    """Command name → use case."""
    return {
        "call.load": desk.load_calls,
        "call.join": desk.join_call,
        "call.describe": desk.describe_leg,
        "call.hang_up": desk.hang_up,
        "call.consent": desk.give_consent,
        "call.set": desk.set_media,
        "call.report": desk.report_quality,
        "call.mark": desk.draw_mark,
        "call.sync": desk.sync_marks,
    }
