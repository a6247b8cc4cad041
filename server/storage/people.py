"""People who work in shops: their logins, memberships and skills, their sign-ins and socket tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.base import Role
from server.storage.line.rows import chunks
from server.storage.schema import (
    agent_sessions,
    group_members,
    groups,
    logins,
    memberships,
    people,
    shops,
    skills,
    socket_tokens,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in. `display_name` (花名) is all that buyers see."""

    id: str
    display_name: str
    password_hash: str
    disabled_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in. In force until `ended_at`, `expires_at` or too long a silence since `seen_at`."""

    id: str
    person_id: str
    created_at: int
    seen_at: int
    expires_at: int
    ended_at: int | None
    address: str
    browser: str
    only_shop_id: str | None


@dataclass(frozen=True, slots=True)
class SocketTicket:
    """What a socket token stood for."""

    session_id: str
    expires_at: int


_PERSON = tuple(people.c[name] for name in Person.__dataclass_fields__)
_SIGN_IN = tuple(agent_sessions.c[name] for name in SignIn.__dataclass_fields__)


class People:
    """The people of one transaction. Getters answer None for what is not there."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, person: Person, login_names: list[str]) -> bool:
        """Whether all logins were free and the person is stored with them."""
        query = select(logins.c.login).where(logins.c.login.in_(login_names))
        if (await self._connection.scalars(query)).first() is not None:
            return False
        values = {name: getattr(person, name) for name in Person.__dataclass_fields__}
        await self._connection.execute(insert(people).values(values))
        for login in login_names:
            await self._connection.execute(insert(logins).values(login=login, person_id=person.id))
        return True

    async def get(self, person_id: str) -> Person | None:
        return await self._person(select(*_PERSON).where(people.c.id == person_id))

    async def by_login(self, login: str) -> Person | None:
        """Who signs in as `login` (folded), disabled or not."""
        return await self._person(
            select(*_PERSON).join(logins, logins.c.person_id == people.c.id).where(logins.c.login == login)
        )

    async def all(self, shop_id: str | None = None) -> list[Person]:
        """Everybody, or those of one shop, by name."""
        query = select(*_PERSON).order_by(people.c.display_name, people.c.id)
        if shop_id is not None:
            query = query.join(memberships, memberships.c.person_id == people.c.id)
            query = query.where(memberships.c.shop_id == shop_id)
        return [Person(*row) for row in await self._connection.execute(query)]

    async def logins(self, person_id: str) -> list[str]:
        query = select(logins.c.login).where(logins.c.person_id == person_id).order_by(logins.c.login)
        return list(await self._connection.scalars(query))

    async def change(self, person_id: str, **values: Any) -> bool:
        """Set `display_name`, `password_hash` or `disabled_at`; whether the person is there."""
        return await self._changed(update(people).where(people.c.id == person_id).values(values))

    async def memberships(self, person_id: str) -> dict[str, Role]:
        """The role in each shop in which the person works."""
        query = select(memberships.c.shop_id, memberships.c.role)
        rows = await self._connection.execute(
            query.where(memberships.c.person_id == person_id).order_by(memberships.c.shop_id)
        )
        return {shop_id: role for shop_id, role in rows}

    async def shop_names(self, person_id: str) -> dict[str, str]:
        """The names of those shops."""
        query = select(shops.c.id, shops.c.name).join(memberships, memberships.c.shop_id == shops.c.id)
        rows = await self._connection.execute(query.where(memberships.c.person_id == person_id))
        return {shop_id: name for shop_id, name in rows}

    async def set_role(self, person_id: str, shop_id: str, role: Role | None) -> None:
        """Make the person work in the shop as `role`, or with None no longer, in its groups neither."""
        mine = (memberships.c.person_id == person_id, memberships.c.shop_id == shop_id)
        await self._connection.execute(delete(memberships).where(*mine))
        if role is not None:
            values = {"person_id": person_id, "shop_id": shop_id, "role": role}
            await self._connection.execute(insert(memberships).values(values))
            return
        of_shop = select(groups.c.id).where(groups.c.shop_id == shop_id)
        await self._connection.execute(
            delete(group_members).where(
                group_members.c.person_id == person_id, group_members.c.group_id.in_(of_shop)
            )
        )
        await self.set_skills(person_id, shop_id, {})

    async def skills(self, person_id: str, shop_id: str) -> dict[str, int]:
        """The level of each skill of the person in this shop."""
        rows = await self._connection.execute(
            select(skills.c.skill, skills.c.level)
            .where(skills.c.person_id == person_id, skills.c.shop_id == shop_id)
            .order_by(skills.c.skill)
        )
        return {skill: level for skill, level in rows}

    async def set_skills(self, person_id: str, shop_id: str, levels: Mapping[str, int]) -> None:
        """Store these as all the person's skills in this shop; the groups he is in are looked at again."""
        await self._connection.execute(
            delete(skills).where(skills.c.person_id == person_id, skills.c.shop_id == shop_id)
        )
        for skill, level in levels.items():
            await self._connection.execute(
                insert(skills).values(person_id=person_id, shop_id=shop_id, skill=skill, level=level)
            )
        his = select(group_members.c.group_id).where(group_members.c.person_id == person_id)
        await self._connection.execute(
            update(groups)
            .where(groups.c.shop_id == shop_id, groups.c.id.in_(his))
            .values(line_version=groups.c.line_version + 1)
        )

    async def add_sign_in(self, sign_in: SignIn, secret_hash: str) -> None:
        values = {name: getattr(sign_in, name) for name in SignIn.__dataclass_fields__}
        await self._connection.execute(insert(agent_sessions).values(values | {"secret_hash": secret_hash}))

    async def sign_in(
        self, *, secret_hash: str | None = None, session_id: str | None = None
    ) -> SignIn | None:
        """The sign-in behind a cookie's secret or with an id, in force or not."""
        query = select(*_SIGN_IN)
        if secret_hash is not None:
            query = query.where(agent_sessions.c.secret_hash == secret_hash)
        else:
            query = query.where(agent_sessions.c.id == session_id)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else SignIn(*row)

    async def sign_ins(self, person_id: str, *, now: int, seen_after: int, most: int) -> list[SignIn]:
        """A person's sign-ins in force, newest first."""
        query = select(*_SIGN_IN).where(
            agent_sessions.c.person_id == person_id,
            agent_sessions.c.ended_at.is_(None),
            agent_sessions.c.expires_at > now,
            agent_sessions.c.seen_at > seen_after,
        )
        query = query.order_by(agent_sessions.c.created_at.desc(), agent_sessions.c.id).limit(most)
        return [SignIn(*row) for row in await self._connection.execute(query)]

    async def seen(self, session_ids: Iterable[str], now: int) -> None:
        """These sign-ins were used just now."""
        for some in chunks(session_ids):
            await self._connection.execute(
                update(agent_sessions).where(agent_sessions.c.id.in_(some)).values(seen_at=now)
            )

    async def end_sign_ins(
        self,
        now: int,
        *,
        session_id: str | None = None,
        person_id: str | None = None,
        address: str | None = None,
        shop_id: str | None = None,
    ) -> list[str]:
        """End one sign-in, all of a person, or those made by `address` in `shop_id`'s name; their ids."""
        which = {
            agent_sessions.c.id: session_id,
            agent_sessions.c.person_id: person_id,
            agent_sessions.c.address: address,
            agent_sessions.c.only_shop_id: shop_id,
        }
        conditions = [column == value for column, value in which.items() if value is not None]
        if not conditions:
            raise ValueError("name whose sign-ins are to end")
        ended = await self._connection.scalars(
            update(agent_sessions)
            .where(agent_sessions.c.ended_at.is_(None), *conditions)
            .values(ended_at=now)
            .returning(agent_sessions.c.id)
        )
        return list(ended)

    async def end_idle(self, now: int, *, seen_before: int) -> list[str]:
        """End the sign-ins that were not used since `seen_before`; their ids."""
        ended = await self._connection.scalars(
            update(agent_sessions)
            .where(
                agent_sessions.c.ended_at.is_(None),
                agent_sessions.c.expires_at > now,
                agent_sessions.c.seen_at <= seen_before,
            )
            .values(ended_at=now)
            .returning(agent_sessions.c.id)
        )
        return list(ended)

    async def add_socket_token(self, secret_hash: str, session_id: str, expires_at: int, now: int) -> None:
        """Store a token; those that nobody used in time go at the same moment."""
        await self._connection.execute(delete(socket_tokens).where(socket_tokens.c.expires_at <= now))
        await self._connection.execute(
            insert(socket_tokens).values(
                secret_hash=secret_hash, session_id=session_id, expires_at=expires_at
            )
        )

    async def take_socket_token(self, secret_hash: str) -> SocketTicket | None:
        """Use a token up: of all who try, one gets it, and only once."""
        taken = await self._connection.execute(
            delete(socket_tokens)
            .where(socket_tokens.c.secret_hash == secret_hash)
            .returning(socket_tokens.c.session_id, socket_tokens.c.expires_at)
        )
        row = taken.one_or_none()
        return None if row is None else SocketTicket(*row)

    async def forget_sign_ins(self, before: int) -> None:
        """Delete sign-ins that were over before `before`, with their tokens."""
        over = or_(agent_sessions.c.ended_at < before, agent_sessions.c.expires_at < before)
        old = select(agent_sessions.c.id).where(over)
        await self._connection.execute(delete(socket_tokens).where(socket_tokens.c.session_id.in_(old)))
        await self._connection.execute(delete(agent_sessions).where(over))

    async def _person(self, query: Select[Any]) -> Person | None:
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Person(*row)

    async def _changed(self, statement: Any) -> bool:
        return bool((await self._connection.execute(statement)).rowcount)
