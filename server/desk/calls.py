"""A desk without a media worker: it refuses every command of calls by code, and the chat goes on."""

from __future__ import annotations

from typing import Any, NoReturn

from protocol.errors import ErrorCode, Refused
from signaling.ports import Actor


class NoCalls:
    """The commands of calls where no media worker is: each raises `Refused(media_away)`, whoever asks."""

    async def load_calls(self, actor: Actor, request: Any) -> NoReturn:
        """Refuses; every other command of calls is this one."""
        raise Refused(ErrorCode.media_away)

    list_calls = invite_by_buyer = invite_by_agent = answer_call = decline_call = load_calls
    join_call = describe_leg = hang_up = give_consent = set_media = report_quality = load_calls
    draw_mark = sync_marks = link_call = ask_still = listen_in = whisper = barge_in = load_calls
    take_over_call = invite_guest = revoke_guest = load_calls
