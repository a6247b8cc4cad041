"""Shops with what belongs to them: keys of their servers, skill groups and routing rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.schema import api_keys, group_members, groups, identity_keys, routing_rules, shops


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant's shop. `origins`: exact origins of the pages that may embed its widget.

    `recordings_…`: the days of `recordings.retention.Policy`.
    """

    id: str
    name: str
    locale: str
    accent: str | None
    anonymous: bool
    origins: tuple[str, ...]
    created_at: int
    recordings_kept_days: int = 180
    recordings_statutory_days: int | None = None


@dataclass(frozen=True, slots=True)
class IdentityKeyRow:
    """A key for buyers' identities. `material`: a public JWK, or the sealed HS256 secret."""

    shop_id: str
    kid: str
    alg: str
    material: str
    created_at: int
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the shop's own server; its secret was shown once and is kept nowhere."""

    id: str
    shop_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """A skill group (技能组)."""

    id: str
    shop_id: str
    name: str
    accept: str
    offer_seconds: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """One of a shop's ordered rules. `requirements`: the least level of each skill that is needed."""

    shop_id: str
    position: int
    condition: dict[str, str]
    group_id: str
    requirements: dict[str, int]


_SHOP = tuple(shops.c[name] for name in Shop.__dataclass_fields__)
_IDENTITY_KEY = tuple(identity_keys.c[name] for name in IdentityKeyRow.__dataclass_fields__)
_API_KEY = tuple(api_keys.c[name] for name in ApiKey.__dataclass_fields__)
_GROUP = tuple(groups.c[name] for name in Group.__dataclass_fields__)
_RULE = tuple(routing_rules.c[name] for name in RoutingRule.__dataclass_fields__)


class Shops:
    """The shops of one transaction. Getters answer None for what is not there; changes say whether it was."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, shop: Shop) -> bool:
        """Whether the id was free and the shop is stored."""
        if await self.get(shop.id) is not None:
            return False
        values = {name: getattr(shop, name) for name in Shop.__dataclass_fields__}
        await self._connection.execute(insert(shops).values(values | {"origins": list(shop.origins)}))
        return True

    async def get(self, shop_id: str) -> Shop | None:
        row = (await self._connection.execute(select(*_SHOP).where(shops.c.id == shop_id))).one_or_none()
        return None if row is None else _shop(row)

    async def all(self) -> list[Shop]:
        """Every shop, by id."""
        return [_shop(row) for row in await self._connection.execute(select(*_SHOP).order_by(shops.c.id))]

    async def change(self, shop_id: str, **values: Any) -> bool:
        """Set `name`, `locale`, `accent`, `anonymous`, `origins` or the days of recordings."""
        return await self._changed(update(shops).where(shops.c.id == shop_id).values(values))

    async def add_identity_key(self, key: IdentityKeyRow) -> bool:
        """Whether the kid was free in this shop (revoked ones stay taken) and the key is stored."""
        taken = select(exists().where(identity_keys.c.shop_id == key.shop_id, identity_keys.c.kid == key.kid))
        if await self._connection.scalar(taken):
            return False
        values = {name: getattr(key, name) for name in IdentityKeyRow.__dataclass_fields__}
        await self._connection.execute(insert(identity_keys).values(values))
        return True

    async def identity_key(self, shop_id: str, kid: str) -> IdentityKeyRow | None:
        """The shop's key in force under `kid`."""
        query = select(*_IDENTITY_KEY).where(
            identity_keys.c.shop_id == shop_id,
            identity_keys.c.kid == kid,
            identity_keys.c.revoked_at.is_(None),
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else IdentityKeyRow(*row)

    async def identity_keys(self, shop_id: str) -> list[IdentityKeyRow]:
        """All keys of a shop, also revoked ones, oldest first."""
        query = select(*_IDENTITY_KEY).where(identity_keys.c.shop_id == shop_id)
        rows = await self._connection.execute(query.order_by(identity_keys.c.created_at, identity_keys.c.kid))
        return [IdentityKeyRow(*row) for row in rows]

    async def revoke_identity_key(self, shop_id: str, kid: str, now: int) -> bool:
        """No identity signed with it is accepted from now on."""
        return await self._changed(
            update(identity_keys)
            .where(
                identity_keys.c.shop_id == shop_id,
                identity_keys.c.kid == kid,
                identity_keys.c.revoked_at.is_(None),
            )
            .values(revoked_at=now)
        )

    async def add_api_key(self, key: ApiKey, secret_hash: str) -> None:
        values = {name: getattr(key, name) for name in ApiKey.__dataclass_fields__}
        values |= {"scopes": list(key.scopes), "secret_hash": secret_hash}
        await self._connection.execute(insert(api_keys).values(values))

    async def api_key(self, secret_hash: str) -> ApiKey | None:
        """The key behind a secret, revoked or not."""
        query = select(*_API_KEY).where(api_keys.c.secret_hash == secret_hash)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _api_key(row)

    async def api_keys(self, shop_id: str) -> list[ApiKey]:
        """All keys of a shop, also revoked ones, oldest first."""
        query = select(*_API_KEY).where(api_keys.c.shop_id == shop_id)
        rows = await self._connection.execute(query.order_by(api_keys.c.created_at, api_keys.c.id))
        return [_api_key(row) for row in rows]

    async def revoke_api_key(self, key_id: str, now: int) -> bool:
        return await self._changed(
            update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )

    async def create_group(self, group: Group) -> bool:
        """Whether the name was free in this shop. A new default group takes that over from the old one."""
        if await self.group(group.shop_id, group.name) is not None:
            return False
        if group.is_default:
            await self._no_default(group.shop_id)
        values = {name: getattr(group, name) for name in Group.__dataclass_fields__}
        await self._connection.execute(insert(groups).values(values))
        return True

    async def group(self, shop_id: str, name: str) -> Group | None:
        query = select(*_GROUP).where(groups.c.shop_id == shop_id, groups.c.name == name)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Group(*row)

    async def groups(self, shop_id: str) -> list[Group]:
        """A shop's groups, by name."""
        query = select(*_GROUP).where(groups.c.shop_id == shop_id).order_by(groups.c.name)
        return [Group(*row) for row in await self._connection.execute(query)]

    async def change_group(self, group: Group) -> bool:
        """Store the group as given. Raising `line_version` makes the deciding node read it again."""
        if group.is_default:
            await self._no_default(group.shop_id)
        return await self._changed(
            update(groups)
            .where(groups.c.shop_id == group.shop_id, groups.c.id == group.id)
            .values(
                name=group.name,
                accept=group.accept,
                offer_seconds=group.offer_seconds,
                is_default=group.is_default,
                line_version=groups.c.line_version + 1,
            )
        )

    async def members(self, group_id: str) -> list[str]:
        """The ids of the people in a group."""
        query = select(group_members.c.person_id).where(group_members.c.group_id == group_id)
        return list(await self._connection.scalars(query.order_by(group_members.c.person_id)))

    async def join_group(self, group_id: str, person_id: str) -> bool:
        """Whether the person was not in it before."""
        if person_id in await self.members(group_id):
            return False
        await self._connection.execute(insert(group_members).values(group_id=group_id, person_id=person_id))
        await self._line_moved(group_id)
        return True

    async def leave_group(self, group_id: str, person_id: str) -> bool:
        """Whether the person was in it."""
        left = await self._changed(
            delete(group_members).where(
                group_members.c.group_id == group_id, group_members.c.person_id == person_id
            )
        )
        if left:
            await self._line_moved(group_id)
        return left

    async def rules(self, shop_id: str) -> list[RoutingRule]:
        """A shop's routing rules in their order."""
        query = select(*_RULE).where(routing_rules.c.shop_id == shop_id)
        rows = await self._connection.execute(query.order_by(routing_rules.c.position))
        return [RoutingRule(*row) for row in rows]

    async def replace_rules(self, shop_id: str, rules: Sequence[RoutingRule]) -> None:
        """Store these rules, in this order, as all the shop's rules."""
        await self._connection.execute(delete(routing_rules).where(routing_rules.c.shop_id == shop_id))
        for position, rule in enumerate(rules, 1):
            await self._connection.execute(
                insert(routing_rules).values(
                    shop_id=shop_id,
                    position=position,
                    condition=rule.condition,
                    group_id=rule.group_id,
                    requirements=rule.requirements,
                )
            )

    async def count(self) -> int:
        """How many shops there are."""
        return int(await self._connection.scalar(select(func.count()).select_from(shops)) or 0)

    async def _no_default(self, shop_id: str) -> None:
        await self._connection.execute(
            update(groups).where(groups.c.shop_id == shop_id).values(is_default=False)
        )

    async def _line_moved(self, group_id: str) -> None:
        await self._connection.execute(
            update(groups).where(groups.c.id == group_id).values(line_version=groups.c.line_version + 1)
        )

    async def _changed(self, statement: Any) -> bool:
        return bool((await self._connection.execute(statement)).rowcount)


def _shop(row: Any) -> Shop:
    return replace(Shop(*row), origins=tuple(row.origins))


def _api_key(row: Any) -> ApiKey:
    return replace(ApiKey(*row), scopes=tuple(row.scopes))
