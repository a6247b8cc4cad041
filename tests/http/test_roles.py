"""Every HTTP route for every kind of caller, against a table that is written down here (scenarios 31 and 32).

A route that is not in the table fails. Denied means: nothing reached a use case and nothing was written.
"""

from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import ErrorCode
from protocol.routes import ROUTES
from server.auth import staff
from server.auth.agents import IDLE_MS
from server.http.door import COOKIE
from tests.auth.desk import OWN, PASSWORD
from tests.http.site import REPORT, Site, bearer, refused

CALLERS = (
    *("nobody", "buyer", "buyer-expired", "buyer-revoked", "agent", "agent-idle", "agent-ended"),
    *("key", "key-other-scope", "key-revoked"),
)

OK, NOT, EXP, REV, FOR = "ok", "unauthenticated", "session_expired", "session_revoked", "forbidden"
_PUBLIC = (OK,) * len(CALLERS)
_BUYER = (NOT, OK, EXP, REV, NOT, NOT, NOT, NOT, NOT, NOT)
_AGENT = (NOT, NOT, NOT, NOT, OK, EXP, REV, NOT, NOT, NOT)
_KEY = (NOT, NOT, NOT, NOT, NOT, NOT, NOT, OK, FOR, NOT)
ORDER = {
    "buyer": "b",
    "status": "paid",
    "placed_at": "2026-11-22T10:00:00Z",
    "total": 1,
    "lines": [{"line_id": "l", "product_id": "p", "title": "t", "quantity": 1, "price": 1}],
}
LIVE = {"id": "s", "room": "r", "title": "t", "started_at": "2026-11-22T10:00:00Z"}

TABLE: dict[tuple[str, str], tuple[tuple[str, ...], Any]] = {
    ("GET", "/api/v1/shops/{shop_id}/widget"): (_PUBLIC, None),
    ("POST", "/api/v1/buyer/session"): (_PUBLIC, {"shop": "shop-a"}),
    ("DELETE", "/api/v1/buyer/session"): (_BUYER, None),
    ("POST", "/api/v1/buyer/code"): (_PUBLIC, "an identity"),
    ("POST", "/api/v1/selftest"): (_PUBLIC, REPORT),
    ("POST", "/api/v1/agent/login"): (_PUBLIC, {"login": "1001", "password": PASSWORD}),
    ("POST", "/api/v1/agent/logout"): (_AGENT, None),
    ("GET", "/api/v1/agent/me"): (_AGENT, None),
    ("GET", "/api/v1/agent/sessions"): (_AGENT, None),
    ("DELETE", "/api/v1/agent/sessions/{session_id}"): (_AGENT, None),
    ("POST", "/api/v1/agent/socket-token"): (_AGENT, None),
    ("POST", "/api/v1/agents/impersonate"): (_KEY, {"login": "1001"}),
    ("PUT", "/api/v1/products/{product_id}"): (_KEY, {"title": "t"}),
    ("PUT", "/api/v1/products/{product_id}/shot-list"): (_KEY, {"shots": [{"label": "吊牌"}]}),
    ("PUT", "/api/v1/conversations/{conversation_id}/files/{client_id}"): (_BUYER, None),
    ("PUT", "/api/v1/orders/{order_id}"): (_KEY, ORDER),
    ("POST", "/api/v1/live-sessions"): (_KEY, LIVE),
    ("POST", "/api/v1/live-sessions/{live_session_id}/events"): (_KEY, {"events": [{}]}),
}


def test_the_table_names_every_route_and_no_other() -> None:
    assert set(TABLE) == {(route.method, route.path) for route in ROUTES}


async def headers_of(site: Site, caller: str) -> dict[str, str]:
    """What a caller of this kind sends."""
    desk = site.world
    if caller.startswith("key"):
        scopes: Any = ["webhooks"] if caller == "key-other-scope" else list(_all_scopes())
        async with desk.database.write() as unit:
            key, secret = await staff.add_api_key(
                unit, shop_id="shop-a", name=caller, scopes=scopes, now=desk.clock()
            )
            if caller == "key-revoked":
                await staff.revoke_api_key(unit, key.id, desk.clock())
        return bearer(secret)
    if caller.startswith("buyer"):
        began = await desk.buyer()
        if caller == "buyer-revoked":
            await desk.buyers.end((await desk.buyers.bearer(began.token)).session_id)
        if caller == "buyer-expired":
            async with desk.database.write() as unit:
                await unit.connection.exec_driver_sql("UPDATE buyer_sessions SET expires_at = 1")
        return bearer(began.token)
    if caller.startswith("agent"):
        cookie = await site.cookie()
        if caller == "agent-ended":
            signed_in = await desk.agents.signed_in(cookie)
            await desk.agents.end(signed_in, signed_in.session_id)
        if caller == "agent-idle":
            async with desk.database.write() as unit:
                old = desk.clock() - IDLE_MS
                await unit.connection.exec_driver_sql("UPDATE agent_sessions SET seen_at = ?", (old,))
        return site.as_agent(cookie)
    return {}


def _all_scopes() -> tuple[str, ...]:
    return tuple(sorted({route.scope for route in ROUTES if route.scope}))


async def rows(site: Site) -> list[int]:
    tables = ("buyers", "buyer_sessions", "buyer_codes", "agent_sessions", "socket_tokens", "revisions")
    async with site.world.database.read() as reader:
        return [
            (await reader.connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
            for table in tables
        ]


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_caller_gets_what_the_table_says(site: Site, caller: str) -> None:
    for place, (expected, body) in TABLE.items():
        # Sign-ins of one login are limited, and each place takes one.
        site.world.clock.ms += 60_000
        outcome = expected[CALLERS.index(caller)]
        headers = await headers_of(site, caller) | {"Origin": OWN}
        path = place[1].replace("{shop_id}", "shop-a")
        if "{session_id}" in path:
            mine = await site.world.agents.signed_in(await site.cookie())
            path = path.replace("{session_id}", mine.session_id)
        path = path.replace("{product_id}", "p").replace("{order_id}", "o").replace("{live_session_id}", "s")
        path = path.replace("{conversation_id}", "c").replace("{client_id}", "x")
        if body == "an identity":
            body = {"shop": "shop-a", "identity": site.world.identity()}
        before = await rows(site)
        site.merchants.called.clear()
        response = await site.client.request(place[0], path, json=body, headers=headers)
        if outcome == OK:
            assert response.status == 200, (place, await response.text())
            continue
        assert await refused(response) is ErrorCode(outcome), place
        assert await rows(site) == before
        assert site.merchants.called == []


async def test_anothers_and_nothing_look_the_same(site: Site) -> None:
    mine, theirs = await site.cookie("1001"), await site.cookie("2001")
    their_session = (await site.world.agents.signed_in(theirs)).session_id
    key = bearer(site.world.secrets["shop-a"])
    pairs = [
        [
            await site.client.delete(f"/api/v1/agent/sessions/{session_id}", headers=site.as_agent(mine))
            for session_id in (their_session, "0" * 32)
        ],
        [
            # 2001 works in shop B only; the key is shop A's.
            await site.client.post("/api/v1/agents/impersonate", json={"login": login}, headers=key)
            for login in ("2001", "nobody")
        ],
        [await site.client.get(path) for path in ("/api/v1/shops/shop-c/widget", "/api/v1/shops/-/widget")],
    ]
    for one, other in pairs[:2]:
        assert (one.status, await one.text()) == (other.status, await other.text())
        assert await refused(one) is ErrorCode.not_found
    assert await refused(pairs[2][0]) is ErrorCode.not_found
    me = await site.client.get("/api/v1/agent/me", headers=site.as_agent(theirs))
    assert me.status == 200


async def test_the_same_subject_visitor_and_kid_in_two_shops_are_strangers(site: Site) -> None:
    desk = site.world

    async def begin(shop: str, **given: str) -> Any:
        response = await site.client.post("/api/v1/buyer/session", json={"shop": shop} | given)
        return await response.json() if response.status == 200 else await refused(response)

    a = await begin("shop-a", identity=desk.identity("shop-a", "same"))
    b = await begin("shop-b", identity=desk.identity("shop-b", "same"))
    assert a["buyer_id"] != b["buyer_id"]
    # Shop A's server signs with its own key for shop B, under a kid that both have.
    assert await begin("shop-b", identity=desk.identity("shop-a", "same")) is ErrorCode.identity_invalid
    visitor = await begin("shop-a")
    elsewhere = await begin("shop-b", visitor=visitor["visitor"])
    assert elsewhere["buyer_id"] != visitor["buyer_id"]
    code = await site.client.post(
        "/api/v1/buyer/code", json={"shop": "shop-a", "identity": desk.identity("shop-a", "same")}
    )
    assert await begin("shop-b", code=(await code.json())["code"]) is ErrorCode.code_used


async def test_a_cookie_is_no_bearer_and_a_bearer_no_cookie(site: Site) -> None:
    cookie = await site.cookie()
    token = (await site.world.buyer()).token
    me = await site.client.get("/api/v1/agent/me", headers=bearer(cookie))
    assert await refused(me) is ErrorCode.unauthenticated
    end = await site.client.delete("/api/v1/buyer/session", headers={"Cookie": f"{COOKIE}={token}"})
    assert await refused(end) is ErrorCode.unauthenticated
    query = await site.client.delete(f"/api/v1/buyer/session?token={token}")
    assert await refused(query) is ErrorCode.unauthenticated
