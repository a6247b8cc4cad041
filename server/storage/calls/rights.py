"""Who is in a living call and has no right to it any more: read from the rows that give the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import and_, case, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.calls.store import HERE
from server.storage.schema import agent_sessions, call_participants, calls, memberships, people

Taken = Literal["disabled", "role", "signed_out", "link_over"]
"""What took the right: the person is disabled, his role in the shop does not give it (any more), no sign-in
of his is in force there, or the time of the guest's link is over."""


class Lost(NamedTuple):
    """Somebody's part in a call that has lost its right."""

    call_id: str
    participant_id: str
    taken: Taken


class CallRights:
    """The rights of those in calls, in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lost(
        self, now: int, limit: int, *, seen_after: int, leads: Sequence[str], call_id: str | None = None
    ) -> Sequence[Lost]:
        """Agents, supervisors and guests in living calls, or in one, who have no right to it at `now`.

        A sign-in not used after `seen_after` is not in force; a supervisor's part needs one of the roles
        `leads` in the call's shop, an agent's any. One sign-in in force is enough.
        """
        part = call_participants.c
        signed_in = exists().where(
            agent_sessions.c.person_id == part.person_id,
            agent_sessions.c.ended_at.is_(None),
            agent_sessions.c.expires_at > now,
            agent_sessions.c.seen_at > seen_after,
            or_(agent_sessions.c.only_shop_id.is_(None), agent_sessions.c.only_shop_id == calls.c.shop_id),
        )
        role = memberships.c.role
        staff = part.role.in_(("agent", "supervisor"))
        taken = case(
            (and_(part.role == "guest", part.link_until <= now), "link_over"),
            (and_(staff, people.c.disabled_at.is_not(None)), "disabled"),
            (and_(staff, or_(role.is_(None), and_(part.role == "supervisor", role.not_in(leads)))), "role"),
            (and_(staff, ~signed_in), "signed_out"),
        )
        query = (
            select(part.call_id, part.id, taken)
            .join(calls, calls.c.id == part.call_id)
            .outerjoin(people, people.c.id == part.person_id)
            .outerjoin(
                memberships,
                and_(memberships.c.person_id == part.person_id, memberships.c.shop_id == calls.c.shop_id),
            )
            .where(HERE, taken.is_not(None))
            .order_by(part.call_id, part.place)
            .limit(limit)
        )
        if call_id is not None:
            query = query.where(part.call_id == call_id)
        return [Lost(*row) for row in await self._connection.execute(query)]
