"""How commands are declared: who may give them, and the refusals that several share."""

from __future__ import annotations

from typing import Any

from protocol.base import Command, Ownership, RateClass, Role
from protocol.errors import ErrorCode as E

AGENTS: frozenset[Role] = frozenset({"agent", "supervisor", "admin"})
LEADS: frozenset[Role] = frozenset({"supervisor", "admin"})

OWNED = (E.not_found, E.forbidden, E.stale_fence, E.conversation_closed)


def buyer(
    name: str, owns: Ownership, rate: RateClass, request: Any, reply: Any, about: str, *errors: E
) -> Command:
    """A command of `/buyer`."""
    return Command("/buyer", name, frozenset({"buyer"}), owns, rate, request, reply, about, errors)


def agent(
    name: str,
    owns: Ownership,
    rate: RateClass,
    request: Any,
    reply: Any,
    about: str,
    *errors: E,
    roles: frozenset[Role] = AGENTS,
) -> Command:
    """A command of `/agent`, for everybody who works there unless `roles` says otherwise."""
    return Command("/agent", name, roles, owns, rate, request, reply, about, errors)


def guest(name: str, rate: RateClass, request: Any, reply: Any, about: str, *errors: E) -> Command:
    """A command of `/guest`, on the one call."""
    return Command("/guest", name, frozenset({"guest"}), "call", rate, request, reply, about, errors)
