"""The commands and events of calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol import call
from protocol.base import Command, Empty, Event, Namespace, RateClass
from protocol.declaring import LEADS, OWNED, agent, buyer, guest
from protocol.errors import ErrorCode as E

_BUYER: frozenset[Namespace] = frozenset({"/buyer"})
_SIDES: frozenset[Namespace] = frozenset({"/buyer", "/agent"})
_ALL: frozenset[Namespace] = frozenset({"/buyer", "/agent", "/guest"})

_IN_CALL = (E.not_found, E.call_ended)
_JOINED = (*_IN_CALL, E.not_joined)
_RUNG = (E.not_found, E.ring_over, E.call_ended)


def _in_call(
    name: str,
    rate: RateClass,
    request: Any,
    reply: Any,
    about: str,
    *errors: E,
    only: frozenset[Namespace] = _ALL,
) -> tuple[Command, ...]:
    """A command that everybody in a call has, in each namespace."""
    makers = {"/buyer": buyer, "/agent": agent}
    return tuple(
        makers[namespace](name, "call", rate, request, reply, about, *errors)
        if namespace != "/guest"
        else guest(name, rate, request, reply, about, *errors)
        for namespace in ("/buyer", "/agent", "/guest")
        if namespace in only
    )


_DECLARED: tuple[Command, ...] = (
    *_in_call("call.load", "read", call.LoadCalls, call.Calls, "The living calls that the caller may join."),
    agent(
        "call.list",
        "shop",
        "read",
        call.ListCalls,
        call.ListedCalls,
        "The living calls of a shop.",
        E.not_found,
        E.forbidden,
        roles=LEADS,
    ),
    buyer(
        "call.invite",
        "conversation",
        "write",
        call.BuyerInvite,
        call.Called,
        "Asks the agent for a call; it rings for 30 s.",
        E.not_found,
        E.conversation_closed,
        E.unassigned,
        E.busy,
    ),
    agent(
        "call.invite",
        "assignment",
        "write",
        call.AgentInvite,
        call.Called,
        "Asks the buyer for a call; it rings for 30 s.",
        *OWNED,
        E.busy,
    ),
    buyer(
        "call.book",
        "conversation",
        "write",
        call.BookCall,
        call.Booked,
        "Books a call for a time; when it comes, the agents are told, in the conversation or in line.",
        E.not_found,
        E.conversation_closed,
    ),
    agent(
        "call.book",
        "assignment",
        "write",
        call.AgentBook,
        call.Booked,
        "Books a call for a time that the buyer wished for.",
        *OWNED,
    ),
    buyer(
        "call.unbook",
        "conversation",
        "write",
        call.UnbookCall,
        call.Booked,
        "Takes a booking back, also of a closed conversation.",
        E.not_found,
    ),
    agent(
        "call.unbook",
        "assignment",
        "write",
        call.AgentUnbook,
        call.Booked,
        "Takes a booking back.",
        *OWNED,
    ),
    *_in_call(
        "call.answer",
        "write",
        call.OfCall,
        call.Called,
        "Answers a ring; answering again answers the same.",
        *_RUNG,
        E.busy,
        only=_SIDES,
    ),
    *_in_call(
        "call.decline",
        "write",
        call.OfCall,
        call.Called,
        "Declines a ring; the conversation stays.",
        *_RUNG,
        only=_SIDES,
    ),
    *_in_call(
        "call.join",
        "write",
        call.Join,
        call.Joined,
        "Opens a leg for the caller's media: the server's offer, TURN servers and the token to rejoin with.",
        *_IN_CALL,
        E.elsewhere,
        E.busy,
        E.conflict,
    ),
    *_in_call(
        "call.describe",
        "write",
        call.Describe,
        Empty,
        "The browser's answer for a leg.",
        *_IN_CALL,
        E.stale_leg,
        E.description_refused,
    ),
    *_in_call(
        "call.hang_up",
        "write",
        call.OfCall,
        call.Called,
        "Leaves; when buyer or agent leaves, the call ends. Repeated, it answers the same.",
        E.not_found,
    ),
    *_in_call(
        "call.consent",
        "write",
        call.GiveConsent,
        call.Called,
        "Agrees to being recorded, refuses, or withdraws; each with the text that was shown.",
        *_IN_CALL,
    ),
    *_in_call(
        "call.set",
        "write",
        call.SetMedia,
        call.Called,
        "Tells the others what one sends: camera and what of it can be set, microphone, screen.",
        *_IN_CALL,
        E.forbidden,
    ),
    *_in_call(
        "call.report",
        "mark",
        call.QualityReport,
        Empty,
        "What the browser measured in the last seconds.",
        *_JOINED,
        E.stale_leg,
    ),
    *_in_call(
        "call.mark",
        "draw",
        call.DrawMark,
        call.Drawn,
        "Draws on a picture of the call, live or frozen.",
        *_JOINED,
        E.forbidden,
        E.too_many,
    ),
    *_in_call(
        "call.sync", "read", call.SyncMarks, call.SyncedMarks, "The call's marks after a place.", E.not_found
    ),
    buyer(
        "call.link",
        "conversation",
        "write",
        call.LinkCall,
        call.CallLink,
        "A one-time code that lets another browser of the buyer's join, or call; what rings here is taken.",
        E.not_found,
    ),
    agent(
        "call.still",
        "call",
        "write",
        call.AskStill,
        call.StillAsked,
        "Asks the buyer's own camera for a still of high resolution.",
        *_JOINED,
        E.forbidden,
        E.stale_fence,
        E.conversation_closed,
    ),
    agent(
        "call.adjust",
        "call",
        "write",
        call.AdjustCamera,
        call.AdjustAsked,
        "Asks for torch or zoom of the buyer's camera, where it is on and can.",
        *_JOINED,
        E.forbidden,
        E.camera_incapable,
    ),
    agent(
        "call.listen",
        "call",
        "write",
        call.OfCall,
        call.Called,
        "Hears the call without being heard; from whispering or barging in, back to listening.",
        *_JOINED,
        E.forbidden,
        E.too_many,
        roles=LEADS,
    ),
    agent(
        "call.whisper",
        "call",
        "write",
        call.OfCall,
        call.Called,
        "Speaks so that only the agent hears.",
        *_JOINED,
        E.forbidden,
        E.too_many,
        roles=LEADS,
    ),
    agent(
        "call.barge",
        "call",
        "write",
        call.OfCall,
        call.Called,
        "Speaks so that all hear.",
        *_JOINED,
        E.forbidden,
        E.too_many,
        roles=LEADS,
    ),
    agent(
        "call.take_over",
        "call",
        "write",
        call.OfCall,
        call.Called,
        "Takes conversation and call from the agent.",
        *_IN_CALL,
        E.forbidden,
        E.busy,
        E.conflict,
        roles=LEADS,
    ),
    agent(
        "call.invite_guest",
        "call",
        "write",
        call.InviteGuest,
        call.GuestInvited,
        "A link for somebody from outside into this one call.",
        *_JOINED,
        E.forbidden,
        E.too_many,
        E.conflict,
    ),
    agent(
        "call.revoke_guest",
        "call",
        "write",
        call.RevokeGuest,
        call.Called,
        "Ends a guest's link and his part in the call.",
        *_IN_CALL,
        E.forbidden,
    ),
)

COMMANDS: tuple[Command, ...] = tuple(
    replace(command, errors=(*command.errors, E.media_away)) for command in _DECLARED
)
"""Each may also be refused because the server has no media worker."""

EVENTS: tuple[Event, ...] = (
    Event(
        "call.rang", _SIDES, call.CallChanged, "A call rings: at the one side it is heard, at the other seen."
    ),
    Event("call.answered", _SIDES, call.CallChanged, "The ring was answered; both sides join."),
    Event("call.joined", _ALL, call.CallChanged, "Somebody's media is there, for the first time or again."),
    Event("call.reconnecting", _ALL, call.Reconnecting, "Somebody's media was lost; he is waited for."),
    Event("call.left", _ALL, call.CallChanged, "Somebody left the call."),
    Event("call.changed", _ALL, call.CallChanged, "Camera, microphone, screen, consent or mode of somebody."),
    Event("call.recording_changed", _ALL, call.CallChanged, "Recording began, paused or stopped."),
    Event("call.ended", _ALL, call.CallChanged, "The call is over, and why."),
    Event("call.moved", _ALL, call.CallMoved, "Another page of the same person carries the call now."),
    Event("call.routed", _ALL, call.TracksRouted, "Who is on which line of the caller's leg from now on."),
    Event("call.marked", _ALL, call.MarkDrawn, "Somebody drew on a picture."),
    Event("call.quality_changed", _ALL, call.QualityChanged, "Somebody's connection is another in words."),
    Event("call.still_asked", _SIDES, call.StillAsked, "The buyer's camera is asked for a still."),
    Event("call.adjust_asked", _BUYER, call.AdjustAsked, "The buyer's camera is asked for torch or zoom."),
)
