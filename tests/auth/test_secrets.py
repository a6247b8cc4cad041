"""Tokens open what their kind says, and nothing stored gives one away."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable

import pytest

from protocol.errors import ErrorCode, Refused
from server.auth.secrets import Seal, TokenKind, new_identity_secret, new_token, token_hash


@pytest.mark.parametrize("kind", TokenKind)
def test_what_is_stored_is_the_sha256_of_a_token_with_its_kinds_prefix(kind: TokenKind) -> None:
    token = new_token(kind)
    assert token.startswith(kind.value)
    assert token_hash(token, kind) == hashlib.sha256(token.encode()).hexdigest()
    assert new_token(kind) != token


@pytest.mark.parametrize(("made", "expected"), list(itertools.permutations(TokenKind, 2)))
def test_a_token_of_one_kind_is_no_token_of_another(made: TokenKind, expected: TokenKind) -> None:
    with pytest.raises(Refused) as caught:
        token_hash(new_token(made), expected)
    assert caught.value.code is ErrorCode.unauthenticated


@pytest.mark.parametrize(
    "damage",
    [
        lambda t: t[:-1],
        lambda t: t + "A",
        lambda t: t.upper(),
        lambda t: " " + t,
        lambda t: t + "\n",
        lambda t: t[4:],
    ],
)
def test_a_damaged_token_is_no_token(damage: Callable[[str], str]) -> None:
    with pytest.raises(Refused):
        token_hash(damage(new_token(TokenKind.api_key)), TokenKind.api_key)


def test_a_sealed_text_opens_with_its_secret_at_its_place_only() -> None:
    secret = new_identity_secret()
    seal = Seal("of this database")
    sealed = seal.close(secret, "shop-a/key-1")
    assert secret not in sealed
    assert seal.open(sealed, "shop-a/key-1") == secret
    assert seal.close(secret, "shop-a/key-1") != sealed
    with pytest.raises(ValueError, match="place"):
        seal.open(sealed, "shop-b/key-1")
    for opener, text in ((Seal("of another"), sealed), (seal, "x.y")):
        with pytest.raises(ValueError, match="secret"):
            opener.open(text, "shop-a/key-1")


def test_no_changed_byte_of_a_sealed_text_opens() -> None:
    seal = Seal("of this database")
    sealed = seal.close("text", "place")
    for at in range(len(sealed)):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(ValueError, match="secret"):
            seal.open(changed, "place")
