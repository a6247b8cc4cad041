"""A merchant-signed identity is accepted whole or refused with its code."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jws
from joserfc.jws import JWSRegistry

from protocol.errors import ErrorCode, Refused
from server.auth.identity import (
    LEEWAY_S,
    MAX_LIFETIME_S,
    MAX_ORDERS,
    Identity,
    IdentityKey,
    key_id,
    public_key,
    verify,
)

NOW = 1_800_000_000
ED = jwk.OKPKey.generate_key("Ed25519")
OTHER_ED = jwk.OKPKey.generate_key("Ed25519")
EC = jwk.ECKey.generate_key("P-256")
SECRET = "an HS256 secret of the shop, shown once"


class _AnyAlgorithm(JWSRegistry):
    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def _pem(key: jwk.OKPKey | jwk.ECKey, *, private: bool = False) -> str:
    return key.as_pem(private=private).decode()


KEYS = {
    "EdDSA": IdentityKey("shop-a", "key-1", "EdDSA", public_key("EdDSA", _pem(ED))),
    "ES256": IdentityKey("shop-a", "key-1", "ES256", public_key("ES256", _pem(EC))),
    "HS256": IdentityKey("shop-a", "key-1", "HS256", SECRET),
}
SIGNERS: dict[str, Any] = {
    "EdDSA": ED,
    "Ed25519": ED,
    "ES256": EC,
    "HS256": jwk.OctKey.import_key(SECRET.encode()),
}


def claims(**changes: Any) -> dict[str, Any]:
    whole = {
        "iss": "shop-a",
        "sub": "buyer-7",
        "name": "小林",
        "tier": "gold",
        "orders": ["order-1", "order-2"],
        "iat": NOW,
        "exp": NOW + MAX_LIFETIME_S,
        "jti": "once-1",
    }
    return {k: v for k, v in (whole | changes).items() if v is not ...}


def signed(body: dict[str, Any] | bytes, alg: str = "EdDSA", key: Any = None, **header: Any) -> str:
    protected = {k: v for k, v in ({"alg": alg, "kid": "key-1"} | header).items() if v is not ...}
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    registry = _AnyAlgorithm(strict_check_header=False)
    return jws.serialize_compact(protected, payload, key or SIGNERS[alg], registry=registry)


def raw(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"x" * 64) -> str:
    parts = (json.dumps(header).encode(), json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def refusal(token: str, key: IdentityKey = KEYS["EdDSA"], now: int = NOW) -> ErrorCode:
    with pytest.raises(Refused) as caught:
        verify(token, key, now)
    return caught.value.code


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519", "ES256", "HS256"])
def test_each_registered_algorithm_verifies_its_own_tokens(alg: str) -> None:
    key = KEYS["EdDSA" if alg == "Ed25519" else alg]
    found = verify(signed(claims(), alg, typ="JWT"), key, NOW)
    assert found == Identity(
        "shop-a", "buyer-7", "小林", "gold", ("order-1", "order-2"), "once-1", NOW, NOW + MAX_LIFETIME_S
    )


def test_optional_claims_may_be_missing() -> None:
    found = verify(signed(claims(name=..., tier=..., orders=...)), KEYS["EdDSA"], NOW)
    assert (found.name, found.tier, found.orders) == (None, None, None)


def test_an_identity_survives_being_kept_as_claims() -> None:
    found = verify(signed(claims()), KEYS["EdDSA"], NOW)
    assert Identity.from_claims(json.loads(json.dumps(found.as_claims()))) == found


@pytest.mark.parametrize("registered", ["EdDSA", "ES256", "HS256"])
@pytest.mark.parametrize("used", ["EdDSA", "Ed25519", "ES256", "HS256"])
def test_a_key_verifies_no_algorithm_but_its_own(registered: str, used: str) -> None:
    if used in (registered, {"EdDSA": "Ed25519"}.get(registered)):
        return
    assert refusal(signed(claims(), used), KEYS[registered]) is ErrorCode.identity_invalid


@pytest.mark.parametrize("alg", ["EdDSA", "ES256"])
@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_a_public_key_used_as_an_hs256_secret_is_refused(alg: str, form: str) -> None:
    text = _pem(ED if alg == "EdDSA" else EC) if form == "pem" else KEYS[alg].material
    forged = signed(claims(), "HS256", jwk.OctKey(text.encode(), text.encode()))
    assert refusal(forged, KEYS[alg]) is ErrorCode.identity_invalid


@pytest.mark.parametrize("alg", ["none", "None", "HS384", "HS512", "RS256", "ES384", "ES256K", "Ed448", ""])
def test_an_undeclared_algorithm_is_refused(alg: str) -> None:
    for signature in (b"", b"x" * 64):
        assert refusal(raw({"alg": alg, "kid": "key-1"}, claims(), signature)) is ErrorCode.identity_invalid


@pytest.mark.parametrize(
    "header",
    [
        {"kid": ...},
        {"kid": ""},
        {"kid": "key-2"},
        {"kid": 1},
        {"kid": "../key-1"},
        {"kid": "k" * 65},
        {"typ": "at+jwt"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": []},
        {"b64": False},
        {"jku": "https://evil.example/keys"},
        {"jwk": OTHER_ED.as_dict(private=False)},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AAAA"]},
        {"x5t": "AAAA"},
        {"cty": "JWT"},
        {"zip": "DEF"},
    ],
)
def test_a_header_with_anything_unknown_is_refused(header: dict[str, Any]) -> None:
    whole = {k: v for k, v in ({"alg": "EdDSA", "kid": "key-1"} | header).items() if v is not ...}
    if header.get("b64") is None and "crit" not in header and header.get("kid", "") != 1:
        assert refusal(signed(claims(), **header)) is ErrorCode.identity_invalid
    assert refusal(raw(whole, claims())) is ErrorCode.identity_invalid


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "shop-b"},
        {"iss": ...},
        {"iss": ["shop-a"]},
        {"sub": ...},
        {"sub": ""},
        {"sub": 7},
        {"sub": "has space"},
        {"sub": "x" * 65},
        {"sub": "buyer-7\n"},
        {"jti": ...},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 65},
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 201},
        {"name": "two\nlines"},
        {"name": "nul\x00"},
        {"name": "\u202etxet"},
        {"name": "\ud800"},
        {"name": {"zh": "小林"}},
        {"tier": "x" * 65},
        {"tier": 3},
        {"orders": "order-1"},
        {"orders": [1]},
        {"orders": ["has space"]},
        {"orders": ["order"] * (MAX_ORDERS + 1)},
        {"orders": {"order-1": True}},
        {"iat": ...},
        {"iat": str(NOW)},
        {"iat": NOW + 0.5},
        {"iat": True},
        {"iat": -1},
        {"iat": float("nan")},
        {"iat": 10**400},
        {"iat": NOW + LEEWAY_S + 1, "exp": NOW + LEEWAY_S + 2},
        {"exp": ...},
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": NOW + MAX_LIFETIME_S + 1},
        {"exp": float("inf")},
        {"nbf": NOW + LEEWAY_S + 1},
        {"nbf": "soon"},
        {"aud": "payments"},
        {"aud": ["payments", "search"]},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    assert refusal(signed(claims(**changes))) is ErrorCode.identity_invalid


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW + LEEWAY_S, "exp": NOW + LEEWAY_S + 1},
        {"iat": NOW - 600 - LEEWAY_S, "exp": NOW - LEEWAY_S},
        {"nbf": NOW + LEEWAY_S},
        {"aud": "livedesk"},
        {"aud": ["payments", "livedesk"]},
        {"orders": [f"order-{n}" for n in range(MAX_ORDERS)]},
        {"orders": []},
        {"name": "x" * 200, "tier": "x" * 64, "sub": "x" * 64, "jti": "x" * 64},
        {"unknown": {"deep": [1]}},
    ],
    ids=str,
)
def test_a_claim_at_its_limit_is_accepted(changes: dict[str, Any]) -> None:
    verify(signed(claims(**changes)), KEYS["EdDSA"], NOW)


def test_an_identity_lives_for_the_leeway_and_not_a_second_longer() -> None:
    token = signed(claims(exp=NOW + 10))
    verify(token, KEYS["EdDSA"], NOW + 10 + LEEWAY_S)
    assert refusal(token, now=NOW + 10 + LEEWAY_S + 1) is ErrorCode.identity_expired


def test_another_keys_signature_is_refused() -> None:
    assert refusal(signed(claims(), key=OTHER_ED)) is ErrorCode.identity_invalid


def test_another_shops_key_signs_for_its_own_shop_only() -> None:
    key = replace(KEYS["EdDSA"], shop_id="shop-b")
    assert refusal(signed(claims()), key) is ErrorCode.identity_invalid
    assert verify(signed(claims(iss="shop-b")), key, NOW).shop_id == "shop-b"


@pytest.mark.parametrize("changes", [{"orders": ["order-9"]}, {"sub": "buyer-8"}, {"exp": NOW + 599}])
def test_an_edited_claim_breaks_the_signature(changes: dict[str, Any]) -> None:
    header, _, signature = signed(claims()).split(".")
    edited = base64.urlsafe_b64encode(json.dumps(claims(**changes)).encode()).rstrip(b"=").decode()
    assert refusal(f"{header}.{edited}.{signature}") is ErrorCode.identity_invalid


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "{}",
        "x" * 5_000,
        "十六个字符以上的令牌令牌令牌令牌",
        "a.b.c.d.e",
    ],
)
def test_what_is_no_jwt_is_refused(token: str) -> None:
    with pytest.raises(Refused) as caught:
        key_id(token)
    assert caught.value.code is ErrorCode.identity_invalid


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"1", b"{", b"\xff", b'"x"', b"[" * 2_900])
def test_a_payload_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(signed(body)) is ErrorCode.identity_invalid


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda b: b.decode("latin-1")))
def test_no_text_passes_for_an_identity(token: str) -> None:
    assert refusal(token) is ErrorCode.identity_invalid


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_flipped_byte_passes(place: int, byte: int) -> None:
    token = bytearray(signed(claims()).encode())
    place %= len(token)
    if token[place] == byte:
        return
    token[place] = byte
    assert refusal(token.decode("latin-1")) is ErrorCode.identity_invalid


@pytest.mark.parametrize(
    ("alg", "text", "why"),
    [
        ("EdDSA", _pem(ED, private=True), "private"),
        ("ES256", json.dumps(EC.as_dict(private=True)), "private"),
        ("EdDSA", _pem(EC), "public key"),
        ("ES256", _pem(ED), "public key"),
        ("ES256", _pem(jwk.ECKey.generate_key("P-384")), "P-256"),
        ("EdDSA", _pem(jwk.OKPKey.generate_key("Ed448")), "Ed25519"),
        ("EdDSA", _pem(jwk.OKPKey.generate_key("X25519")), "Ed25519"),
        ("EdDSA", "nonsense", "public key"),
        ("ES256", "{}", "public key"),
        ("ES256", "", "public key"),
    ],
)
def test_only_a_public_key_of_the_right_kind_can_be_registered(alg: Any, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        public_key(alg, text)


def test_a_jwk_is_stored_without_what_is_not_needed() -> None:
    given_key = ED.as_dict(private=False) | {"kid": "x", "use": "sig"}
    assert set(json.loads(public_key("EdDSA", json.dumps(given_key)))) == {"kty", "crv", "x"}
