"""Who may ask what: every command by who asks. Written by hand; a command that is not here fails the tests.

`ok`: the use case is called. Any other word is the code of the refusal, and no use case is called.
A person asks on his own namespace; on the other one he is nobody, which the columns of that side show.
"""

from __future__ import annotations

from typing import Literal

Asker = Literal["nobody", "buyer", "agent", "supervisor", "admin", "guest"]
ASKERS: tuple[Asker, ...] = ("nobody", "buyer", "agent", "supervisor", "admin", "guest")

NO = "unauthenticated"
_BUYERS = ("unauthenticated", "ok", NO, NO, NO, NO)
_AGENTS = ("unauthenticated", NO, "ok", "ok", "ok", NO)
_LEADS = ("unauthenticated", NO, "forbidden", "ok", "ok", NO)
_GUESTS = ("unauthenticated", NO, NO, NO, NO, "ok")

EXPECTED: dict[tuple[str, str], tuple[str, str, str, str, str, str]] = {
    ("/buyer", "conversation.open"): _BUYERS,
    ("/buyer", "conversation.list"): _BUYERS,
    ("/buyer", "conversation.close"): _BUYERS,
    ("/buyer", "conversation.reopen"): _BUYERS,
    ("/buyer", "chat.send"): _BUYERS,
    ("/buyer", "chat.recall"): _BUYERS,
    ("/buyer", "chat.sync"): _BUYERS,
    ("/buyer", "chat.mark"): _BUYERS,
    ("/buyer", "chat.type"): _BUYERS,
    ("/buyer", "shots.fill"): _BUYERS,
    ("/buyer", "shots.skip"): _BUYERS,
    ("/buyer", "file.link"): _BUYERS,
    ("/buyer", "session.renew"): _BUYERS,
    ("/agent", "desk.load"): _AGENTS,
    ("/agent", "presence.set"): _AGENTS,
    ("/agent", "wall.load"): _LEADS,
    ("/agent", "conversation.list"): _AGENTS,
    ("/agent", "conversation.look"): _AGENTS,
    ("/agent", "conversation.unlook"): _AGENTS,
    ("/agent", "conversation.watch"): _AGENTS,
    ("/agent", "conversation.accept"): _AGENTS,
    ("/agent", "conversation.decline"): _AGENTS,
    ("/agent", "conversation.transfer"): _AGENTS,
    ("/agent", "conversation.close"): _AGENTS,
    ("/agent", "conversation.reopen"): _AGENTS,
    ("/agent", "chat.send"): _AGENTS,
    ("/agent", "chat.note"): _AGENTS,
    ("/agent", "chat.recall"): _AGENTS,
    ("/agent", "chat.sync"): _AGENTS,
    ("/agent", "chat.mark"): _AGENTS,
    ("/agent", "chat.type"): _AGENTS,
    ("/agent", "shots.request"): _AGENTS,
    ("/agent", "shots.retake"): _AGENTS,
    ("/agent", "file.link"): _AGENTS,
    ("/agent", "case.open"): _AGENTS,
    ("/agent", "case.list"): _AGENTS,
    ("/agent", "case.read"): _AGENTS,
    ("/agent", "case.note"): _AGENTS,
    ("/agent", "case.hold"): _AGENTS,
    ("/agent", "case.close"): _AGENTS,
    ("/agent", "case.reopen"): _AGENTS,
    ("/agent", "recording.open"): _AGENTS,
    ("/agent", "recording.marks"): _AGENTS,
    ("/agent", "recording.erase"): _LEADS,
    ("/agent", "recording.restrict"): _LEADS,
    ("/buyer", "call.load"): _BUYERS,
    ("/buyer", "call.join"): _BUYERS,
    ("/buyer", "call.describe"): _BUYERS,
    ("/buyer", "call.hang_up"): _BUYERS,
    ("/buyer", "call.consent"): _BUYERS,
    ("/buyer", "call.set"): _BUYERS,
    ("/buyer", "call.report"): _BUYERS,
    ("/buyer", "call.mark"): _BUYERS,
    ("/buyer", "call.sync"): _BUYERS,
    ("/buyer", "call.invite"): _BUYERS,
    ("/buyer", "call.answer"): _BUYERS,
    ("/buyer", "call.decline"): _BUYERS,
    ("/buyer", "call.link"): _BUYERS,
    ("/agent", "call.load"): _AGENTS,
    ("/agent", "call.join"): _AGENTS,
    ("/agent", "call.describe"): _AGENTS,
    ("/agent", "call.hang_up"): _AGENTS,
    ("/agent", "call.consent"): _AGENTS,
    ("/agent", "call.set"): _AGENTS,
    ("/agent", "call.report"): _AGENTS,
    ("/agent", "call.mark"): _AGENTS,
    ("/agent", "call.sync"): _AGENTS,
    ("/agent", "call.invite"): _AGENTS,
    ("/agent", "call.answer"): _AGENTS,
    ("/agent", "call.decline"): _AGENTS,
    ("/agent", "call.still"): _AGENTS,
    ("/agent", "call.invite_guest"): _AGENTS,
    ("/agent", "call.revoke_guest"): _AGENTS,
    ("/agent", "call.list"): _LEADS,
    ("/agent", "call.listen"): _LEADS,
    ("/agent", "call.whisper"): _LEADS,
    ("/agent", "call.barge"): _LEADS,
    ("/agent", "call.take_over"): _LEADS,
    ("/guest", "call.load"): _GUESTS,
    ("/guest", "call.join"): _GUESTS,
    ("/guest", "call.describe"): _GUESTS,
    ("/guest", "call.hang_up"): _GUESTS,
    ("/guest", "call.consent"): _GUESTS,
    ("/guest", "call.set"): _GUESTS,
    ("/guest", "call.report"): _GUESTS,
    ("/guest", "call.mark"): _GUESTS,
    ("/guest", "call.sync"): _GUESTS,
}
