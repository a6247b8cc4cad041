"""What every use case stands on, handed in by `bootstrap`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from protocol import session
from server.auth.links import Links
from server.storage.database import Database
from signaling.facts import Fact
from signaling.ports import Actor

Clock = Callable[[], int]
"""Epoch milliseconds."""

Publish = Callable[[Sequence[Fact]], None]
"""Tells committed facts; never waits and never raises."""


class Renewal(Protocol):
    """Extends a buyer's session; `server.auth` knows how."""

    async def renew(self, actor: Actor) -> session.Renewed:
        """A fresh token. Raises `Refused(session_revoked)` when the session was ended."""


@dataclass(frozen=True, slots=True)
class World:
    """Storage, time, ids and the ways out. `wake` tells the deciding node that a group's line changed."""

    db: Database
    clock: Clock
    new_id: Callable[[], str]
    wake: Callable[[str | None], None]
    publish: Publish
    renewal: Renewal
    links: Links
    node_id: str


def side(actor: Actor) -> Literal["buyer", "agent"]:
    """As whom he writes and reads in a conversation. Guests of a call have no command that gets here."""
    return "buyer" if actor.kind == "buyer" else "agent"


class Cases:
    """A family of use cases on one world."""

    def __init__(self, world: World) -> None:
        self.world = world
