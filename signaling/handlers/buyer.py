"""The commands of `/buyer`, each with the use case that answers it."""

from __future__ import annotations

from collections.abc import Mapping

from signaling.handlers import guest
from signaling.handlers.table import Handler
from signaling.ports import BuyerDesk


def handlers(desk: BuyerDesk) -> Mapping[str, Handler]:
    """Command name → use case."""
    return {
        **guest.handlers(desk),
        "call.invite": desk.invite_by_buyer,
        "call.answer": desk.answer_call,
        "call.decline": desk.decline_call,
        "call.link": desk.link_call,
        "call.book": desk.book_by_buyer,
        "call.unbook": desk.unbook_by_buyer,
        "conversation.open": desk.open_conversation,
        "conversation.list": desk.list_own,
        "conversation.close": desk.close_by_buyer,
        "conversation.reopen": desk.reopen_by_buyer,
        "chat.send": desk.send_by_buyer,
        "chat.recall": desk.recall_by_buyer,
        "chat.sync": desk.sync_by_buyer,
        "chat.mark": desk.mark_by_buyer,
        "chat.type": desk.type_by_buyer,
        "shots.fill": desk.fill_shot,
        "shots.skip": desk.skip_shot,
        "file.link": desk.link_files,
        "session.renew": desk.renew_session,
    }
