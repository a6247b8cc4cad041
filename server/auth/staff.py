"""What an operator does to people and keys, each with the revisions by which open sockets learn of it.

Functions on one unit of work: commit makes the change and its news true at the same moment.
"""

from __future__ import annotations

import logging

from protocol.base import Role, Scope
from server.auth.agents import folded, key_address
from server.auth.buyers import seal_place
from server.auth.identity import KeyAlgorithm, public_key
from server.auth.secrets import Seal, TokenKind, new_identity_secret, new_token, token_hash
from server.identifiers import new_id
from server.storage.database import Unit
from server.storage.people import Person
from server.storage.shops import ApiKey, IdentityKeyRow
from signaling.ports import Revision

audit = logging.getLogger("livedesk.audit")


async def add_person(
    unit: Unit, *, display_name: str, logins: list[str], password_hash: str, now: int
) -> Person | None:
    """The new person, None when one of the logins is somebody's already."""
    person = Person(new_id(), display_name, password_hash, None, now)
    stored = await unit.people.create(person, sorted({folded(login) for login in logins}))
    if stored:
        audit.info("person.created", extra={"person_id": person.id})
    return person if stored else None


async def disable(unit: Unit, person_id: str, now: int) -> None:
    """Nobody signs in as him any more, and all he has open ends."""
    await unit.people.change(person_id, disabled_at=now)
    await unit.people.end_sign_ins(now, person_id=person_id)
    await unit.revisions.add([Revision("person", person_id)], now)
    audit.info("person.disabled", extra={"person_id": person_id})


async def enable(unit: Unit, person_id: str) -> None:
    """He may sign in again."""
    await unit.people.change(person_id, disabled_at=None)
    audit.info("person.enabled", extra={"person_id": person_id})


async def set_role(unit: Unit, person_id: str, shop_id: str, role: Role | None, now: int) -> None:
    """His role in a shop from now on, on open sockets too; None takes him out of the shop."""
    await unit.people.set_role(person_id, shop_id, role)
    await unit.revisions.add([Revision("person", person_id)], now)
    audit.info("person.role", extra={"person_id": person_id, "shop_id": shop_id, "role": role})


async def set_password(unit: Unit, person_id: str, password_hash: str, now: int) -> None:
    """A new password. All sign-ins end: whoever knew the old one is out."""
    await unit.people.change(person_id, password_hash=password_hash)
    await unit.people.end_sign_ins(now, person_id=person_id)
    await unit.revisions.add([Revision("person", person_id)], now)
    audit.info("person.password", extra={"person_id": person_id})


async def add_api_key(
    unit: Unit, *, shop_id: str, name: str, scopes: list[Scope], now: int
) -> tuple[ApiKey, str]:
    """The key and its secret, which is told once and kept nowhere."""
    secret = new_token(TokenKind.api_key)
    key = ApiKey(new_id(), shop_id, name, tuple(scopes), now, None)
    await unit.shops.add_api_key(key, token_hash(secret, TokenKind.api_key))
    audit.info("key.created", extra={"key_id": key.id, "shop_id": shop_id})
    return key, secret


async def revoke_api_key(unit: Unit, key_id: str, now: int) -> bool:
    """Whether it was in force. The sign-ins that were made with it end, too."""
    if not await unit.shops.revoke_api_key(key_id, now):
        return False
    ended = await unit.people.end_sign_ins(now, address=key_address(key_id))
    await unit.revisions.add([Revision("session", session_id) for session_id in ended], now)
    audit.info("key.revoked", extra={"key_id": key_id})
    return True


async def add_identity_key(
    unit: Unit, seal: Seal, *, shop_id: str, kid: str, alg: KeyAlgorithm, public: str | None, now: int
) -> tuple[bool, str | None]:
    """Whether the kid was free, and for HS256 the secret, which is told once.

    `public` is a PEM or JWK for EdDSA and ES256. Raises ValueError with a sentence for a wrong one.
    """
    secret: str | None = None
    if alg == "HS256":
        secret = new_identity_secret()
        material = seal.close(secret, seal_place(shop_id, kid))
    elif public is None:
        raise ValueError(f"{alg} needs the public key")
    else:
        material = public_key(alg, public)
    stored = await unit.shops.add_identity_key(IdentityKeyRow(shop_id, kid, alg, material, now, None))
    if stored:
        audit.info("identity_key.created", extra={"kid": kid, "shop_id": shop_id})
    return stored, secret if stored else None


async def revoke_buyer(unit: Unit, buyer_id: str, now: int) -> None:
    """All sessions of a buyer end."""
    await unit.buyers.end_sessions(now, buyer_id=buyer_id)
    await unit.revisions.add([Revision("buyer", buyer_id)], now)
    audit.info("buyer.revoked", extra={"buyer_id": buyer_id})
