"""The catalogue: every Socket.IO command and event. Docs, types, fuzz and the role matrix come from here."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from protocol import chat, conversation, line, provenance, session
from protocol.base import Command, Empty, Event, Namespace, Ownership, RateClass, Role
from protocol.errors import ErrorCode as E

_AGENTS: frozenset[Role] = frozenset({"agent", "supervisor", "admin"})
_LEADS: frozenset[Role] = frozenset({"supervisor", "admin"})

ALWAYS: tuple[E, ...] = (
    E.bad_request,
    E.unknown_command,
    E.too_large,
    E.too_deep,
    E.rate_limited,
    E.unauthenticated,
    E.session_expired,
    E.session_revoked,
    E.retry,
    E.internal,
)
"""Refusals that any command may meet; the others are declared with the command."""


def _buyer(
    name: str, owns: Ownership, rate: RateClass, request: Any, reply: Any, about: str, *errors: E
) -> Command:
    return Command("/buyer", name, frozenset({"buyer"}), owns, rate, request, reply, about, errors)


def _agent(
    name: str,
    owns: Ownership,
    rate: RateClass,
    request: Any,
    reply: Any,
    about: str,
    *errors: E,
    roles: frozenset[Role] = _AGENTS,
) -> Command:
    return Command("/agent", name, roles, owns, rate, request, reply, about, errors)


_OWNED = (E.not_found, E.forbidden, E.stale_fence, E.conversation_closed)

COMMANDS: tuple[Command, ...] = (
    _buyer(
        "conversation.open",
        "none",
        "write",
        conversation.Open,
        conversation.Opened,
        "Opens the conversation with the shop or goes on with the open one.",
        E.not_found,
    ),
    _buyer(
        "conversation.list",
        "person",
        "read",
        conversation.ListOwn,
        conversation.BuyerHistory,
        "The buyer's conversations with this shop, on whatever device they were.",
    ),
    _buyer(
        "conversation.close",
        "conversation",
        "write",
        conversation.CloseByBuyer,
        conversation.Closed,
        "Ends the conversation; ending a closed one answers the same.",
        E.not_found,
    ),
    _buyer(
        "conversation.reopen",
        "conversation",
        "write",
        conversation.Reopen,
        conversation.Reopened,
        "Goes on with a closed conversation.",
        E.not_found,
        E.conflict,
    ),
    _buyer(
        "chat.send",
        "conversation",
        "write",
        chat.BuyerSend,
        chat.Sent,
        "Stores a message; acknowledged after the durable commit.",
        E.not_found,
        E.conversation_closed,
    ),
    _buyer(
        "chat.recall",
        "conversation",
        "write",
        chat.BuyerRecall,
        chat.Sent,
        "Takes back one's own message within two minutes.",
        E.not_found,
        E.conversation_closed,
        E.recall_refused,
    ),
    _buyer(
        "chat.sync",
        "conversation",
        "read",
        chat.BuyerSync,
        chat.BuyerSynced,
        "Everything after a cursor, with the state as of the same read.",
        E.not_found,
        E.resync,
    ),
    _buyer(
        "chat.mark",
        "conversation",
        "mark",
        chat.Mark,
        chat.Marked,
        "Moves the buyer's delivered and read marks forward.",
        E.not_found,
    ),
    _buyer("chat.type", "conversation", "hint", chat.Typing, Empty, "The buyer is typing.", E.not_found),
    _buyer(
        "session.renew",
        "none",
        "read",
        session.Renew,
        session.Renewed,
        "A fresh token on a session that is not revoked.",
    ),
    _agent(
        "desk.load", "none", "read", line.LoadDesk, line.Desk, "The console's start state as of one read."
    ),
    _agent(
        "presence.set",
        "person",
        "write",
        line.SetPresence,
        line.Seat,
        "Ready, break, wrapping up or gone.",
        E.conflict,
    ),
    _agent(
        "wall.load",
        "shop",
        "read",
        line.LoadWall,
        line.Wall,
        "The supervisor's wall of one shop.",
        E.not_found,
        E.forbidden,
        roles=_LEADS,
    ),
    _agent(
        "conversation.list",
        "shop",
        "read",
        conversation.List,
        conversation.Listed,
        "Mine, waiting or all, of the caller's shops.",
        E.not_found,
    ),
    _agent(
        "conversation.look",
        "conversation",
        "read",
        conversation.Look,
        conversation.Context,
        "What the context column shows; from now on the caller hears this conversation.",
        E.not_found,
    ),
    _agent(
        "conversation.unlook",
        "conversation",
        "read",
        conversation.Unlook,
        Empty,
        "Stops hearing a conversation that is not one's own.",
        E.not_found,
    ),
    _agent(
        "conversation.watch",
        "shop",
        "read",
        conversation.Watch,
        conversation.Watched,
        "The rows of a list that is looked at, as they are now; from now on the caller hears them.",
    ),
    _agent(
        "conversation.accept",
        "person",
        "write",
        conversation.Answer,
        conversation.Accepted,
        "Takes an offer.",
        E.not_found,
        E.already_taken,
        E.offer_ended,
        E.stale_fence,
        E.at_capacity,
    ),
    _agent(
        "conversation.decline",
        "person",
        "write",
        conversation.Answer,
        Empty,
        "Declines an offer; the conversation goes back to the front.",
        E.not_found,
        E.offer_ended,
        E.stale_fence,
    ),
    _agent(
        "conversation.transfer",
        "assignment",
        "write",
        conversation.Transfer,
        Empty,
        "Hands the conversation on with a note.",
        *_OWNED,
        E.too_many,
    ),
    _agent(
        "conversation.close",
        "assignment",
        "write",
        conversation.CloseByAgent,
        conversation.Closed,
        "Ends the conversation; ending a closed one answers the same.",
        E.not_found,
        E.forbidden,
        E.stale_fence,
    ),
    _agent(
        "conversation.reopen",
        "conversation",
        "write",
        conversation.Reopen,
        conversation.Reopened,
        "Goes on with a closed conversation as its owner.",
        E.not_found,
        E.conflict,
    ),
    _agent(
        "chat.send",
        "assignment",
        "write",
        chat.AgentSend,
        chat.Sent,
        "Stores a message of the owner; acknowledged after the durable commit.",
        *_OWNED,
    ),
    _agent(
        "chat.note",
        "conversation",
        "write",
        chat.WriteNote,
        chat.Sent,
        "Stores an internal note in the desk log.",
        E.not_found,
    ),
    _agent(
        "chat.recall",
        "assignment",
        "write",
        chat.AgentRecall,
        chat.Sent,
        "Takes back one's own message within two minutes.",
        *_OWNED,
        E.recall_refused,
    ),
    _agent(
        "chat.sync",
        "conversation",
        "read",
        chat.AgentSync,
        chat.AgentSynced,
        "Both logs after their cursors, with the state as of the same read.",
        E.not_found,
        E.resync,
    ),
    _agent(
        "chat.mark",
        "assignment",
        "mark",
        chat.Mark,
        chat.Marked,
        "Moves the agents' delivered and read marks forward; only the owner's count.",
        E.not_found,
        E.forbidden,
    ),
    _agent(
        "chat.type",
        "assignment",
        "hint",
        chat.Typing,
        Empty,
        "The agent is typing.",
        E.not_found,
        E.forbidden,
    ),
)

_BOTH: frozenset[Namespace] = frozenset({"/buyer", "/agent"})
_TO_BUYER: frozenset[Namespace] = frozenset({"/buyer"})
_TO_AGENT: frozenset[Namespace] = frozenset({"/agent"})

EVENTS: tuple[Event, ...] = (
    Event("chat.posted", _BOTH, chat.Posted, "An entry of the public log was stored."),
    Event("chat.noted", _TO_AGENT, chat.DeskPosted, "An entry of the desk log was stored."),
    Event("chat.recalled", _BOTH, chat.Recalled, "A message was taken back."),
    Event("chat.marked", _BOTH, chat.MarksMoved, "Delivered or read marks went forward."),
    Event("chat.typing", _BOTH, chat.TypingNow, "The other side is typing (a hint, not stored)."),
    Event("queue.moved", _TO_BUYER, line.Moved, "The place in line changed."),
    Event("conversation.offered", _TO_AGENT, conversation.Offered, "An offer with a deadline."),
    Event("conversation.offer_ended", _TO_AGENT, conversation.OfferEnded, "An offer is over."),
    Event("conversation.assigned", _TO_BUYER, conversation.AssignedToBuyer, "An agent took over."),
    Event("conversation.taken", _TO_AGENT, conversation.AssignedToAgent, "The conversation has an owner."),
    Event("conversation.closed", _BOTH, conversation.ClosedEvent, "The conversation ended."),
    Event("conversation.reopened", _BOTH, conversation.ReopenedEvent, "The conversation goes on."),
    Event("conversation.changed", _TO_AGENT, conversation.Changed, "A row of the lists is new or different."),
    Event("provenance.bound", _TO_AGENT, provenance.ProvenanceBound, "A newer provenance of an order line."),
    Event("presence.changed", _TO_AGENT, line.Seat, "An agent's state, units or connection changed."),
    Event("session.ended", _BOTH, session.Ended, "The session is over; the socket closes."),
    Event("server.stopped", _BOTH, session.ServerStopped, "This server stops; connect again after a moment."),
)

COMMAND_OF: dict[tuple[str, str], Command] = {(c.namespace, c.name): c for c in COMMANDS}
EVENT_OF: dict[str, Event] = {e.name: e for e in EVENTS}


@cache
def adapter(shape: Any) -> TypeAdapter[Any]:
    """The validator of a request or payload shape, built once."""
    return TypeAdapter(shape)
