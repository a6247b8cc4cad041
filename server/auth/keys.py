"""API keys: what a merchant's own server holds, each for one shop and a few scopes."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.base import Scope
from protocol.errors import ErrorCode, Refused
from server import rates
from server.auth.secrets import TokenKind, token_hash
from server.rates import Rates
from server.storage.database import Database


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A merchant's server: it acts in the shop of its key and names none itself."""

    key_id: str
    shop_id: str


class ApiKeys:
    """Admits the holders of API keys."""

    def __init__(self, database: Database, counter: Rates) -> None:
        self._database = database
        self._counter = counter

    async def admit(self, token: str, scope: Scope) -> KeyHolder:
        """Who holds `token`. Raises `Refused`: unauthenticated, forbidden (another scope), rate_limited."""
        async with self._database.read() as reader:
            key = await reader.shops.api_key(token_hash(token, TokenKind.api_key))
        if key is None or key.revoked_at is not None:
            raise Refused(ErrorCode.unauthenticated)
        await self._counter.spend(rates.API_KEY, key.id)
        if scope not in key.scopes:
            raise Refused(ErrorCode.forbidden, f"This API key has no scope `{scope}`.")
        return KeyHolder(key.id, key.shop_id)
