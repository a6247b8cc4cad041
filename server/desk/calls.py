"""Calls as long as no media service is there: every command says so, and the chat goes on."""

from __future__ import annotations

from typing import Any, NoReturn

from protocol.errors import ErrorCode, Refused
from server.desk.world import Cases
from signaling.ports import Actor


class Calls(Cases):
    """The commands of calls, on a server without a media service."""

    async def load_calls(self, actor: Actor, request: Any) -> NoReturn:
        """No media service is here."""
        raise Refused(ErrorCode.media_away)

    list_calls = invite_by_buyer = invite_by_agent = answer_call = decline_call = load_calls
    join_call = describe_leg = hang_up = give_consent = set_media = report_quality = load_calls
    draw_mark = sync_marks = link_call = ask_still = listen_in = whisper = barge_in = load_calls
    take_over_call = invite_guest = revoke_guest = load_calls
