"""A small world to sign in to: two shops with the same names in them, people, keys, and a clock to turn."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from argon2 import PasswordHasher
from joserfc import jwk, jwt

from protocol import session
from protocol.base import Role, Scope
from server.auth import staff
from server.auth.agents import SignIns
from server.auth.buyers import BuyerSessions
from server.auth.keys import ApiKeys
from server.auth.passwords import Passwords
from server.auth.secrets import Seal
from server.auth.sessions import SocketSessions
from server.rates import Rates
from server.storage.database import Database
from server.storage.shops import Shop
from signaling.ports import Client

OWN = "http://127.0.0.1:8080"
SHOPS = ("shop-a", "shop-b")
PASSWORD = "correct horse battery"
START_MS = 1_800_000_000_000
HERE = Client(address="192.0.2.1", origin=OWN, browser="a browser")
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_SIGNER = jwk.OKPKey.generate_key("Ed25519")


class Clock:
    """Both clocks: epoch milliseconds when called, and seconds for the limits."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms

    def seconds(self) -> float:
        return self.ms / 1_000


@dataclass
class World:
    """Everything of `server.auth`, introduced to each other. `people` maps logins to person ids."""

    database: Database
    clock: Clock
    counter: Rates
    buyers: BuyerSessions
    agents: SignIns
    keys: ApiKeys
    sockets: SocketSessions
    passwords: Passwords
    people: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """HS256 secrets and API keys by shop: `shop-a/hs` and `shop-a`."""

    def identity(self, shop: str = "shop-a", sub: str = "buyer-1", **claims: Any) -> str:
        """A merchant-signed identity, in force now."""
        now = self.clock.ms // 1_000
        whole = {"iss": shop, "sub": sub, "iat": now, "exp": now + 300, "jti": "once"} | claims
        header = {"alg": "Ed25519", "kid": "ed"}
        return jwt.encode(header, {k: v for k, v in whole.items() if v is not None}, _SIGNER, ["Ed25519"])

    async def buyer(self, sub: str = "buyer-1", shop: str = "shop-a", **request: Any) -> session.BuyerSession:
        """A verified buyer's session."""
        given = session.BuyerSessionRequest(shop=shop, identity=self.identity(shop, sub), **request)
        return (await self.buyers.begin(given, HERE)).reply

    async def visitor(self, shop: str = "shop-a", **request: Any) -> session.BuyerSession:
        """A visitor's session."""
        return (await self.buyers.begin(session.BuyerSessionRequest(shop=shop, **request), HERE)).reply

    async def cookie(self, login: str = "1001") -> str:
        """A new sign-in's cookie."""
        _, secret = await self.agents.login(session.Login(login=login, password=PASSWORD), HERE)
        return secret

    async def socket_token(self, login: str = "1001") -> str:
        """A token for one socket of a new sign-in."""
        signed_in = await self.agents.signed_in(await self.cookie(login))
        return (await self.agents.socket_token(signed_in)).token

    async def add_person(self, login: str, roles: dict[str, Role]) -> str:
        """A person who can sign in with the password of everybody here."""
        hashed = await self.passwords.hash(PASSWORD)
        async with self.database.write() as unit:
            person = await staff.add_person(
                unit, display_name=f"客服{login}", logins=[login], password_hash=hashed, now=self.clock()
            )
            assert person is not None
            for shop_id, role in roles.items():
                await staff.set_role(unit, person.id, shop_id, role, self.clock())
        self.people[login] = person.id
        return person.id


ALL_SCOPES: list[Scope] = ["catalogue", "orders", "ingest", "webhooks", "agents:impersonate"]


@asynccontextmanager
async def world(url: str) -> AsyncIterator[World]:
    """Two shops, three people (agent of A, supervisor of B, agent of both), one key of each kind a shop."""
    clock = Clock()
    database = await Database.open(url, clock=clock)
    counter, passwords = Rates(monotonic=clock.seconds), Passwords(QUICK)
    made = World(
        database=database,
        clock=clock,
        counter=counter,
        buyers=BuyerSessions(database, counter, frozenset({OWN})),
        agents=SignIns(database, counter, passwords),
        keys=ApiKeys(database, counter),
        sockets=SocketSessions(database, frozenset({OWN})),
        passwords=passwords,
    )
    try:
        public = json.dumps(_SIGNER.as_dict(private=False))
        async with database.write() as unit:
            for shop_id in SHOPS:
                origins = (f"https://{shop_id}.example",)
                await unit.shops.create(Shop(shop_id, "旗舰店", "zh-CN", None, True, origins, clock()))
                await staff.add_identity_key(
                    unit,
                    Seal(database.secret),
                    shop_id=shop_id,
                    kid="ed",
                    alg="EdDSA",
                    public=public,
                    now=clock(),
                )
                _, made.secrets[f"{shop_id}/hs"] = _told(
                    await staff.add_identity_key(
                        unit,
                        Seal(database.secret),
                        shop_id=shop_id,
                        kid="hs",
                        alg="HS256",
                        public=None,
                        now=clock(),
                    )
                )
                _, made.secrets[shop_id] = await staff.add_api_key(
                    unit, shop_id=shop_id, name="server", scopes=ALL_SCOPES, now=clock()
                )
        await made.add_person("1001", {"shop-a": "agent"})
        await made.add_person("2001", {"shop-b": "supervisor"})
        await made.add_person("3001", {"shop-a": "admin", "shop-b": "agent"})
        yield made
    finally:
        passwords.close()
        await counter.close()
        await database.close()


def _told(stored: tuple[bool, str | None]) -> tuple[bool, str]:
    free, secret = stored
    assert free
    assert secret is not None
    return free, secret
