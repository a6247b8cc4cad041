"""A desk that carries no calls: it refuses every command of calls by code, and the chat goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NoReturn

from media.call import Call
from protocol.errors import ErrorCode, Refused
from server.call_bridges import Agreed
from server.desk.world import Happened
from signaling.ports import Actor


class NoCalls:
    """The commands of calls where no media is: each raises `Refused(media_away)`, whoever asks."""

    async def load_calls(self, actor: Actor, request: Any) -> NoReturn:
        """Refuses; every other command of calls is this one."""
        raise Refused(ErrorCode.media_away)

    list_calls = invite_by_buyer = invite_by_agent = answer_call = decline_call = load_calls
    join_call = describe_leg = hang_up = give_consent = set_media = report_quality = load_calls
    draw_mark = sync_marks = link_call = ask_still = adjust_camera = listen_in = whisper = barge_in = (
        load_calls
    )
    take_over_call = invite_guest = revoke_guest = load_calls
    book_by_buyer = book_by_agent = unbook_by_buyer = unbook_by_agent = load_calls


class NoMedia:
    """What carries no calls. Those that another run of the server left are ended all the same."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self.happenings: asyncio.Queue[Happened] = asyncio.Queue()

    async def start(self) -> None:
        """There is nothing to begin."""

    async def close(self) -> None:
        """There is nothing to end."""

    async def admit(self) -> None:
        """Refuses."""
        raise Refused(ErrorCode.media_away)

    async def join(self, call: Call, participant_id: str, leg_id: str, now: int) -> NoReturn:
        """Refuses."""
        raise Refused(ErrorCode.media_away)

    async def answer(self, call_id: str, participant_id: str, leg_id: str, sdp: str) -> None:
        """Refuses."""
        raise Refused(ErrorCode.media_away)

    def follow(self, call: Call, agreed: Sequence[Agreed]) -> None:
        """There is nothing to bring anywhere."""

    def measured(self, call_id: str, participant_id: str) -> dict[str, Any]:
        """Nothing is measured."""
        return {}

    def followed(self) -> dict[str, int]:
        """No call is followed."""
        return {}

    def give_up(self, call_id: str) -> None:
        """There is nothing to close."""

    def tell_routed(self) -> None:
        """There is nobody to tell."""

    async def stats(self) -> list[Any]:
        """There is no process."""
        return []
