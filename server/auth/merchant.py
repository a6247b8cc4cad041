"""The merchant's side of an identity: what a shop's own server does, for the demo, replays and tests."""

from __future__ import annotations

from joserfc import jwt
from joserfc.jwk import OctKey

from server.auth.identity import MAX_LIFETIME_S
from server.identifiers import new_id


def sign_identity(
    shop_id: str,
    subject: str,
    *,
    kid: str,
    secret: str,
    now_s: int,
    name: str | None = None,
    tier: str | None = None,
    orders: list[str] | None = None,
) -> str:
    """An identity for a buyer, signed with the shop's HS256 secret; good for `MAX_LIFETIME_S`."""
    claims = {
        "iss": shop_id,
        "sub": subject,
        "iat": now_s,
        "exp": now_s + MAX_LIFETIME_S,
        "jti": new_id(),
        "name": name,
        "tier": tier,
        "orders": orders,
    }
    return jwt.encode(
        {"alg": "HS256", "kid": kid, "typ": "JWT"},
        {claim: value for claim, value in claims.items() if value is not None},
        OctKey.import_key(secret),
    )
