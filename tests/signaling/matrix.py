"""Who may ask what: every command by who asks. Written by hand; a command that is not here fails the tests.

`ok`: the use case is called. Any other word is the code of the refusal, and no use case is called.
A person asks on his own namespace; on the other one he is nobody, which the columns of that side show.
"""

from __future__ import annotations

from typing import Literal

Asker = Literal["nobody", "buyer", "agent", "supervisor", "admin"]
ASKERS: tuple[Asker, ...] = ("nobody", "buyer", "agent", "supervisor", "admin")

NO = "unauthenticated"
_BUYERS = ("unauthenticated", "ok", NO, NO, NO)
_AGENTS = ("unauthenticated", NO, "ok", "ok", "ok")
_LEADS = ("unauthenticated", NO, "forbidden", "ok", "ok")

EXPECTED: dict[tuple[str, str], tuple[str, str, str, str, str]] = {
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
}
