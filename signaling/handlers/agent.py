"""The commands of `/agent`, each with the use case that answers it."""

from __future__ import annotations

from collections.abc import Mapping

from signaling.handlers import guest
from signaling.handlers.table import Handler
from signaling.ports import AgentDesk


def handlers(desk: AgentDesk) -> Mapping[str, Handler]:
    """Command name → use case."""
    return {
        **guest.handlers(desk),
        "call.list": desk.list_calls,
        "call.invite": desk.invite_by_agent,
        "call.book": desk.book_by_agent,
        "call.unbook": desk.unbook_by_agent,
        "call.answer": desk.answer_call,
        "call.decline": desk.decline_call,
        "call.still": desk.ask_still,
        "call.adjust": desk.adjust_camera,
        "call.listen": desk.listen_in,
        "call.whisper": desk.whisper,
        "call.barge": desk.barge_in,
        "call.take_over": desk.take_over_call,
        "call.invite_guest": desk.invite_guest,
        "call.revoke_guest": desk.revoke_guest,
        "desk.load": desk.load_desk,
        "presence.set": desk.set_presence,
        "wall.load": desk.load_wall,
        "conversation.list": desk.list_conversations,
        "conversation.look": desk.look,
        "conversation.unlook": desk.unlook,
        "conversation.watch": desk.watch,
        "conversation.accept": desk.accept_offer,
        "conversation.decline": desk.decline_offer,
        "conversation.transfer": desk.transfer,
        "conversation.close": desk.close_by_agent,
        "conversation.reopen": desk.reopen_by_agent,
        "chat.send": desk.send_by_agent,
        "chat.note": desk.write_note,
        "chat.recall": desk.recall_by_agent,
        "chat.sync": desk.sync_by_agent,
        "chat.mark": desk.mark_by_agent,
        "chat.type": desk.type_by_agent,
        "shots.request": desk.request_shots,
        "shots.retake": desk.retake_shot,
        "file.link": desk.link_files,
        "case.open": desk.open_case,
        "case.list": desk.list_cases,
        "case.read": desk.read_case,
        "case.note": desk.note_case,
        "case.hold": desk.hold_case,
        "case.close": desk.close_case,
        "case.reopen": desk.reopen_case,
        "recording.open": desk.open_recording,
        "recording.marks": desk.read_recording_marks,
        "recording.compose": desk.compose_recording,
        "recording.erase": desk.erase_recording,
        "recording.restrict": desk.restrict_recording,
    }
