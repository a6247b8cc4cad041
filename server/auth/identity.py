"""A buyer's identity: a short JWT that the merchant's own server signs (RFC 7519, best practice of RFC 8725).

Claims: `iss` (the shop), `sub`, `name?`, `tier?`, `orders?`, `iat`, `exp` (at most 10 minutes later), `jti`;
header: `alg`, `kid`, `typ?` and nothing else. Each key verifies one algorithm, the one it was registered for.
Pure: the clock is an argument; the key comes from the shop's row, never from the token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey
from joserfc.jws import JWSRegistry

from protocol.errors import ErrorCode, Refused

KeyAlgorithm = Literal["EdDSA", "ES256", "HS256"]

MAX_LIFETIME_S = 600
"""From `iat` to `exp`: a token that leaks from a page, a link or a log is worthless soon."""
LEEWAY_S = 60
"""How far the merchant's clock and ours may differ."""
MAX_TOKEN_CHARACTERS = 4_096
MAX_NAME_CHARACTERS = 200
MAX_TIER_CHARACTERS = 64
MAX_ORDERS = 100
"""Orders that one identity may name: more than a page ever asks about, few enough for 4 kB."""
AUDIENCE = "livedesk"
"""A token that names audiences must name this one: the same key may sign tokens for other services."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_HEADER = frozenset({"alg", "kid", "typ"})
_NAMES: Mapping[KeyAlgorithm, tuple[str, ...]] = {
    "EdDSA": ("EdDSA", "Ed25519"),  # the same signature; RFC 9864 gave it the second name
    "ES256": ("ES256",),
    "HS256": ("HS256",),
}


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """A shop's key. `material`: the public JWK as JSON, or the HS256 secret itself (opened)."""

    shop_id: str
    kid: str
    alg: KeyAlgorithm
    material: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the merchant says the buyer is. `orders` None: the token names none. Times are epoch seconds."""

    shop_id: str
    subject: str
    name: str | None
    tier: str | None
    orders: tuple[str, ...] | None
    token_id: str
    issued_at: int
    expires_at: int

    def as_claims(self) -> dict[str, Any]:
        """Plain JSON, kept while a one-time code stands for this identity."""
        return asdict(self)

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Identity:
        """The identity that `as_claims` described."""
        orders = claims["orders"]
        return cls(**{**claims, "orders": None if orders is None else tuple(orders)})


class _OneAlgorithm(JWSRegistry):
    """Accepts the names of one algorithm only. (joserfc itself warns of the name EdDSA at each use.)"""

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise _refused("its `alg` is not the one that this key was registered for")
        return self.algorithms[name]


def key_id(token: str) -> str:
    """The `kid` under which the key is to be looked up. Nothing of the token is believed yet.

    Raises `Refused(identity_invalid)` for anything but a compact JWS whose header holds only what is known:
    `crit`, `jku`, `jwk`, `x5u` and their kin are refused here.
    """
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        raise _refused("it is too long or not ASCII")
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, RecursionError) as error:
        raise _refused("it is not a signed JWT") from error
    if not isinstance(header, dict) or (unknown := set(header) - _HEADER):
        raise _refused(f"its header has {_names(unknown) if isinstance(header, dict) else 'no fields'}")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise _refused("its `typ` is not JWT")
    kid = header.get("kid")
    if not isinstance(kid, str) or not _ID.fullmatch(kid):
        raise _refused("its header has no `kid`")
    return kid


def verify(token: str, key: IdentityKey, now_s: int) -> Identity:
    """The identity, when `key` signed it for its own shop and it is in force at `now_s`.

    Raises `Refused`: `identity_expired` when only its time is over, else `identity_invalid`. The sentence
    names the claim at fault, never its value.
    """
    if key_id(token) != key.kid:
        raise _refused("its `kid` is another key's")
    names = _NAMES[key.alg]
    try:
        claims = jwt.decode(token, _verifier(key), registry=_OneAlgorithm(algorithms=names)).claims
    except (JoseError, ValueError, RecursionError) as error:
        raise _refused("the signature is wrong") from error
    return _identity(claims, key.shop_id, now_s)


def public_key(alg: KeyAlgorithm, text: str) -> str:
    """The public JWK to store, from a public key as PEM or JWK. Raises ValueError with a sentence."""
    try:
        given: Any = json.loads(text) if text.lstrip().startswith("{") else text.encode()
        key = OKPKey.import_key(given) if alg == "EdDSA" else ECKey.import_key(given)
    except (JoseError, ValueError, TypeError) as error:
        raise ValueError(f"this is no {alg} public key in PEM or JWK form") from error
    if key.is_private:
        raise ValueError("this is a private key: keep it, and register the public one")
    stored = key.as_dict(private=False)
    if stored.get("crv") != {"EdDSA": "Ed25519", "ES256": "P-256"}[alg]:
        raise ValueError(f"{alg} needs a key on the curve {'Ed25519' if alg == 'EdDSA' else 'P-256'}")
    return json.dumps({name: stored[name] for name in ("kty", "crv", "x", "y") if name in stored})


def _verifier(key: IdentityKey) -> OKPKey | ECKey | OctKey:
    if key.alg == "HS256":
        return OctKey.import_key(key.material.encode())
    material = json.loads(key.material)
    return OKPKey.import_key(material) if key.alg == "EdDSA" else ECKey.import_key(material)


def _identity(claims: dict[str, Any], shop_id: str, now_s: int) -> Identity:
    if claims.get("iss") != shop_id:
        raise _refused("its `iss` is not this shop")
    if "aud" in claims and AUDIENCE not in _strings(claims["aud"]):
        raise _refused("its `aud` is another service")
    issued, expires = _time(claims, "iat"), _time(claims, "exp")
    if not 0 < expires - issued <= MAX_LIFETIME_S:
        raise _refused(f"its `exp` must be at most {MAX_LIFETIME_S // 60} minutes after its `iat`")
    if issued > now_s + LEEWAY_S or ("nbf" in claims and _time(claims, "nbf") > now_s + LEEWAY_S):
        raise _refused("it is not in force yet; compare the clocks")
    identity = Identity(
        shop_id=shop_id,
        subject=_id(claims, "sub"),
        name=_line(claims, "name", MAX_NAME_CHARACTERS),
        tier=_line(claims, "tier", MAX_TIER_CHARACTERS),
        orders=_orders(claims),
        token_id=_id(claims, "jti"),
        issued_at=issued,
        expires_at=expires,
    )
    if now_s > expires + LEEWAY_S:
        raise Refused(ErrorCode.identity_expired)
    return identity


def _time(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < 2**40:
        raise _refused(f"its `{name}` is not a time in whole seconds")
    return value


def _id(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _refused(f"its `{name}` must be 1 to 64 of letters, digits, `_ . : -`")
    return value


def _line(claims: dict[str, Any], name: str, longest: int) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not value.isprintable():
        raise _refused(f"its `{name}` must be one line of 1 to {longest} characters")
    return value


def _orders(claims: dict[str, Any]) -> tuple[str, ...] | None:
    value = claims.get("orders")
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_ORDERS:
        raise _refused(f"its `orders` must be a list of at most {MAX_ORDERS} order ids")
    if not all(isinstance(order, str) and _ID.fullmatch(order) for order in value):
        raise _refused("its `orders` must be a list of order ids")
    return tuple(cast(list[str], value))


def _strings(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _names(unknown: set[str]) -> str:
    return ", ".join(f"`{name[:32]}`" for name in sorted(unknown)[:4])


def _refused(why: str) -> Refused:
    return Refused(ErrorCode.identity_invalid, f"The signed identity was refused: {why}.")
