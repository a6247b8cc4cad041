"""Opaque tokens, of which only hashes are stored, and the sealing of what must be read again.

A token is a kind prefix and 256 random bits. The prefix says what it opens, so that a token of one kind is
refused where another is expected before anything is looked up, and a leaked one is recognised in a log.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from enum import StrEnum

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from protocol.errors import ErrorCode, Refused


class TokenKind(StrEnum):
    """What a token opens; the value is its prefix."""

    buyer_session = "ldb_"
    agent_session = "lda_"
    socket = "lds_"
    api_key = "ldk_"
    visitor = "ldv_"
    code = "ldc_"
    rejoin = "ldj_"
    guest = "ldg_"


RANDOM_BYTES = 32
"""256 bits: guessing is out of the question, so a plain fast hash protects what is stored."""
_BODY = re.compile(r"[A-Za-z0-9_-]{43}")
_SEAL_PURPOSE = b"livedesk: seal of identity secrets"


def new_token(kind: TokenKind) -> str:
    """A new token. It is shown to its owner once; keep `token_hash` of it."""
    return kind.value + secrets.token_urlsafe(RANDOM_BYTES)


def token_hash(token: str, kind: TokenKind) -> str:
    """What is stored and looked up: the SHA-256 of `token`, in hex.

    Raises `Refused(unauthenticated)` when it is not a well-formed token of this kind.
    """
    if not token.startswith(kind.value) or not _BODY.fullmatch(token, len(kind.value)):
        raise Refused(ErrorCode.unauthenticated)
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def new_identity_secret() -> str:
    """A new HS256 secret for a merchant's server, shown once: 256 bits, as RFC 7518 section 3.2 asks."""
    return secrets.token_urlsafe(RANDOM_BYTES)


class Seal:
    """Seals texts with the database's own secret (JWE, dir, A256GCM), each bound to its owner and place.

    It keeps an identity secret out of a copied column, a log or an export; who holds the whole database
    holds the seal's secret, too.
    """

    def __init__(self, database_secret: str) -> None:
        key = hmac.digest(database_secret.encode(), _SEAL_PURPOSE, "sha256")
        self._key = OctKey.import_key(key)

    def close(self, text: str, place: str) -> str:
        """`text`, sealed; it opens only for the same `place`."""
        content = json.dumps({"place": place, "text": text}).encode()
        return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, content, self._key)

    def open(self, sealed: str, place: str) -> str:
        """The text. Raises ValueError when it was changed, or sealed with another secret or elsewhere."""
        try:
            found = jwe.decrypt_compact(sealed, self._key, algorithms=["dir", "A256GCM"])
            content = json.loads(found.plaintext or b"")
        except (JoseError, ValueError) as error:
            raise ValueError("this was not sealed with this database's secret") from error
        if content["place"] != place:
            raise ValueError("this was sealed for another place")
        return str(content["text"])
