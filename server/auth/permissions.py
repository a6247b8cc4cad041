"""Who may do what, as pure rules over plain data. What is not allowed here is not allowed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args

from protocol.base import Role, Scope

STAFF: tuple[Role, ...] = ("agent", "supervisor", "admin")
"""Roles of people in a shop, each with all rights of those before it."""
SCOPES: frozenset[Scope] = frozenset(get_args(Scope))


def at_least(role: Role, needed: Role) -> bool:
    """Whether `role` has the rights of `needed`. A buyer has none of the staff's, and no staff is a buyer."""
    if role not in STAFF or needed not in STAFF:
        return role == needed
    return STAFF.index(role) >= STAFF.index(needed)


def narrowed(memberships: Mapping[str, Role], only_shop_id: str | None) -> dict[str, Role]:
    """The memberships that a session may use: all, or the one of the shop whose key made the session."""
    if only_shop_id is None:
        return dict(memberships)
    return {shop_id: role for shop_id, role in memberships.items() if shop_id == only_shop_id}


def origin_allowed(origin: str | None, allowed: Collection[str]) -> bool:
    """Whether a page of `origin` may use a token that `allowed` origins may use.

    Exact comparison: no wildcard, no prefix, no `null`. None is a client that is not a browser's page: it
    cannot be driven by a foreign site, and its token decides alone.
    """
    return origin is None or origin in allowed
