"""The door lets in who may come, answers everybody with JSON, and lets nothing of an exception out."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from protocol.base import MAX_HTTP_BODY_BYTES, Route
from protocol.errors import ErrorCode, Refused
from protocol.routes import ROUTES
from server import rates
from server.auth import staff
from server.auth.agents import IDLE_MS
from server.http import door
from server.http.door import COOKIE
from server.http.site import RUNNER
from server.rates import Rate, Rates
from tests.auth.desk import HERE, OWN, PASSWORD, World
from tests.http.site import REPORT, Site, bearer, refused, serve

ZIPPED = gzip.compress(b'{"title":"t"}', mtime=0)  # the same bytes in every test process
PRODUCT = {"title": "羊毛大衣", "price": 59_900}


async def test_a_sign_in_sets_the_cookie_with_every_attribute_it_needs(site: Site) -> None:
    response = await site.login()
    assert response.status == 200
    (header,) = response.headers.getall("Set-Cookie")
    value, *attributes = header.split("; ")
    assert re.fullmatch(rf"{COOKIE}=lda_[A-Za-z0-9_-]{{43}}", value)
    assert set(attributes) == {"HttpOnly", "Max-Age=604800", "Path=/", "SameSite=Lax", "Secure"}
    assert response.headers["Cache-Control"] == "no-store"
    body = await response.json()
    assert body["memberships"][0]["role"] == "agent"
    assert value.partition("=")[2] not in json.dumps(body)


async def test_a_new_sign_in_in_the_same_browser_ends_the_old_one(site: Site) -> None:
    old = await site.cookie()
    response = await site.login(Cookie=f"{COOKIE}={old}")
    new = response.cookies[COOKIE].value
    assert new != old
    me = await site.client.get("/api/v1/agent/me", headers=site.as_agent(old))
    assert await refused(me) is ErrorCode.session_revoked
    assert (await site.client.get("/api/v1/agent/me", headers=site.as_agent(new))).status == 200


async def test_signing_out_takes_the_cookie_away_and_ends_the_session(site: Site) -> None:
    cookie = await site.cookie()
    response = await site.client.post("/api/v1/agent/logout", headers=site.as_agent(cookie))
    assert response.status == 200
    (header,) = response.headers.getall("Set-Cookie")
    assert header.startswith(f'{COOKIE}="";')
    assert {"Max-Age=0", "Path=/", "Secure"} <= set(header.split("; "))
    me = await site.client.get("/api/v1/agent/me", headers=site.as_agent(cookie))
    assert await refused(me) is ErrorCode.session_revoked


async def test_a_stolen_cookie_is_worth_nothing_after_its_person_is_disabled(site: Site) -> None:
    cookie = await site.cookie()
    async with site.world.database.write() as unit:
        await staff.disable(unit, site.world.people["1001"], site.world.clock())
    me = await site.client.get("/api/v1/agent/me", headers=site.as_agent(cookie))
    assert await refused(me) is ErrorCode.session_revoked


async def test_an_idle_cookie_is_expired(site: Site) -> None:
    cookie = await site.cookie()
    site.world.clock.ms += IDLE_MS
    me = await site.client.get("/api/v1/agent/me", headers=site.as_agent(cookie))
    assert await refused(me) is ErrorCode.session_expired


FOREIGN = [
    None,
    "null",
    "",
    "https://evil.example",
    "https://127.0.0.1:8080",
    "http://127.0.0.1",
    "http://127.0.0.1:8081",
    "http://localhost:8080",
    "http://127.0.0.1:8080.evil.example",
    "http://127.0.0.1:8080/",
    "HTTP://127.0.0.1:8080",
    "https://shop-a.example",
]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_cookie_does_nothing_from_another_origin_than_exactly_the_consoles(
    site: Site, origin: str | None
) -> None:
    cookie = await site.cookie()
    headers = site.as_agent(cookie, origin)
    for route in (r for r in ROUTES if r.auth == "agent+origin"):
        path = re.sub(r"{\w+}", "anything", route.path)
        response = await site.client.request(route.method, path, headers=headers)
        assert await refused(response) is ErrorCode.origin_refused, route.path
    body = {"login": "1001", "password": PASSWORD}
    response = await site.client.post("/api/v1/agent/login", json=body, headers=headers)
    assert await refused(response) is ErrorCode.origin_refused
    assert "Set-Cookie" not in response.headers
    assert (await site.client.get("/api/v1/agent/me", headers=site.as_agent(cookie))).status == 200


def _path(route: Route) -> str:
    return re.sub(r"{\w+}", "some-id", route.path)


def _body(route: Route) -> Any:
    bodies = {
        "BuyerSessionRequest": {"shop": "shop-a"},
        "BuyerCodeRequest": {"shop": "shop-a", "identity": "x" * 20},
        "SelftestReport": REPORT,
        "Login": {"login": "1001", "password": PASSWORD},
        "Impersonate": {"login": "1001"},
        "PutProduct": PRODUCT,
        "PutShotList": {"shots": [{"label": "t"}]},
        "PutOrder": {
            "buyer": "b",
            "status": "paid",
            "placed_at": "2026-11-22T10:00:00Z",
            "total": 1,
            "lines": [{"line_id": "l", "product_id": "p", "title": "t", "quantity": 1, "price": 1}],
        },
        "PostLiveSession": {"id": "s", "room": "r", "title": "t", "started_at": "2026-11-22T10:00:00Z"},
        "PostLiveEvents": {"events": [{}]},
    }
    return None if route.request is None else bodies[route.request.__name__]


async def every_token(site: Site) -> dict[str, str]:
    """One good token of each kind, and what is left of them when they are over."""
    world = site.world
    revoked, expired = await world.buyer("gone"), await world.buyer("late")
    await world.buyers.end((await world.buyers.bearer(revoked.token)).session_id)
    visitor = await world.visitor()
    assert visitor.visitor is not None
    async with world.database.write() as unit:
        _, narrow = await staff.add_api_key(
            unit, shop_id="shop-a", name="webhooks", scopes=["webhooks"], now=world.clock()
        )
        dead, dead_secret = await staff.add_api_key(
            unit,
            shop_id="shop-a",
            name="dead",
            scopes=["catalogue", "orders", "ingest", "webhooks", "agents:impersonate"],
            now=world.clock(),
        )
        await staff.revoke_api_key(unit, dead.id, world.clock())
        await unit.connection.exec_driver_sql(
            "UPDATE buyer_sessions SET expires_at = 1 WHERE buyer_id = ?", (expired.buyer_id,)
        )
    return {
        "nobody": "",
        "nonsense": "x" * 47,
        "buyer": (await world.buyer()).token,
        "buyer revoked": revoked.token,
        "buyer expired": expired.token,
        "visitor secret": visitor.visitor,
        "cookie": await site.cookie(),
        "socket": await world.socket_token(),
        "key": world.secrets["shop-a"],
        "key without scope": narrow,
        "key revoked": dead_secret,
        "identity": world.identity(),
    }


_OPENS = {"buyer": {"buyer"}, "key": {"key"}, "agent": set[str](), "agent+origin": set[str]()}
_ELSE = {
    "buyer revoked": ("buyer", ErrorCode.session_revoked),
    "buyer expired": ("buyer", ErrorCode.session_expired),
    "key without scope": ("key", ErrorCode.forbidden),
}


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
async def test_each_kind_of_token_opens_its_own_routes_and_no_other(site: Site, route: Route) -> None:
    tokens = await every_token(site)
    for kind, token in tokens.items():
        headers = {"Origin": OWN} | (bearer(token) if token else {})
        response = await site.client.request(route.method, _path(route), json=_body(route), headers=headers)
        if route.auth == "public" or kind in _OPENS[route.auth]:
            assert response.status != 403, kind
            continue
        auth, code = _ELSE.get(kind, ("", ErrorCode.unauthenticated))
        expected = code if auth == route.auth else ErrorCode.unauthenticated
        assert await refused(response) is expected, kind
    if route.auth != "key" and route.takes == "json":
        assert site.merchants.called == []
    for kind, token in tokens.items():
        headers = site.as_agent(token)
        response = await site.client.request(route.method, _path(route), json=_body(route), headers=headers)
        if kind == "cookie" and route.auth.startswith("agent"):
            assert response.status in (200, 404), await response.text()
        elif route.auth != "public":
            assert await refused(response) is ErrorCode.unauthenticated, kind


async def test_an_api_key_writes_into_its_own_shop_and_nowhere_else(site: Site) -> None:
    for shop_id in ("shop-a", "shop-b"):
        headers = bearer(site.world.secrets[shop_id])
        for route in (r for r in ROUTES if r.auth == "key" and r.scope != "agents:impersonate"):
            response = await site.client.request(
                route.method, _path(route), json=_body(route), headers=headers
            )
            assert response.status == 200
        assert {call[1] for call in site.merchants.called} == {shop_id}
        site.merchants.called.clear()
    query = await site.client.put(
        "/api/v1/products/p?shop_id=shop-b", json=PRODUCT | {"shop_id": "shop-b"}, headers=headers
    )
    assert await refused(query) is ErrorCode.bad_request


async def test_a_visitors_conversation_that_goes_on_is_told_to_the_desk(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = site.world.buyers.begin

    async def handing_over(*given: Any) -> Any:
        from dataclasses import replace

        return replace(await begin(*given), handed_over="c-1")

    monkeypatch.setattr(site.world.buyers, "begin", handing_over)
    body = {"shop": "shop-a", "identity": site.world.identity()}
    response = await site.client.post("/api/v1/buyer/session", json=body, headers={"Origin": OWN})
    assert (await response.json())["verified"] is True
    assert site.handed_over == [("shop-a", "c-1")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/nothing"),
        ("GET", "/api"),
        ("GET", "/nothing"),
        ("GET", "/../../etc/passwd"),
        ("GET", "/api/v1/shops/shop-a/widget/"),
        ("DELETE", "/api/v1/agent/me"),
        ("PATCH", "/api/v1/products/p"),
        ("OPTIONS", "/api/v1/buyer/session"),
        ("TRACE", "/api/v1/agent/me"),
        ("POST", "/"),
    ],
)
async def test_an_unknown_address_or_method_is_answered_in_json(site: Site, method: str, path: str) -> None:
    response = await site.client.request(method, path)
    assert await refused(response) is ErrorCode.unknown_command
    assert not any(name.startswith("Access-Control") for name in response.headers)


@pytest.mark.parametrize(
    ("path", "body", "headers", "code"),
    [
        ("/api/v1/products/p", b"{", {}, ErrorCode.bad_request),
        ("/api/v1/products/p", b'{"title":"t","title":"u"}', {}, ErrorCode.bad_request),
        ("/api/v1/products/p", b'{"title":"t","price":NaN}', {}, ErrorCode.bad_request),
        ("/api/v1/products/p", b"[" * 2_000 + b"]" * 2_000, {}, ErrorCode.too_deep),
        ("/api/v1/products/p", b'{"title":"t"}', {"Content-Type": "text/plain"}, ErrorCode.bad_request),
        ("/api/v1/products/p", ZIPPED, {"Content-Encoding": "gzip"}, ErrorCode.bad_request),
        ("/api/v1/products/%2e%2e%2fp", b'{"title":"t"}', {}, ErrorCode.bad_request),
        ("/api/v1/products/has%20space", b'{"title":"t"}', {}, ErrorCode.bad_request),
        ("/api/v1/products/" + "p" * 65, b'{"title":"t"}', {}, ErrorCode.bad_request),
        ("/api/v1/products/p%00", b'{"title":"t"}', {}, ErrorCode.bad_request),
    ],
)
async def test_a_bad_request_reaches_no_use_case(
    site: Site, path: str, body: bytes, headers: dict[str, str], code: ErrorCode
) -> None:
    whole = bearer(site.world.secrets["shop-a"]) | {"Content-Type": "application/json"} | headers
    response = await site.client.put(path, data=body, headers=whole)
    assert await refused(response) is code
    assert site.merchants.called == []


async def test_a_body_of_the_allowed_size_is_read_and_one_byte_more_is_not(site: Site) -> None:
    headers = bearer(site.world.secrets["shop-a"]) | {"Content-Type": "application/json"}
    events = b'{"events":[{}]}'
    largest = events + b" " * (MAX_HTTP_BODY_BYTES - len(events))

    async def chunks(body: bytes) -> Any:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    path = "/api/v1/live-sessions/s/events"
    for body in (io.BytesIO(largest), chunks(largest)):
        assert (await site.client.post(path, data=body, headers=headers)).status == 200
    for body in (io.BytesIO(largest + b" "), chunks(largest + b" ")):
        assert await refused(await site.client.post(path, data=body, headers=headers)) is ErrorCode.too_large
    assert len(site.merchants.called) == 2


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(
        b"PUT /api/v1/products/p HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + site.world.secrets["shop-a"].encode() + b"\r\nContent-Length: 10\r\n\r\n{"
    )
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n")
    assert b" 400 " in head
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 10\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"]
)
async def test_a_client_that_leaves_within_a_body_is_no_fault(
    desk: World, tmp_path: Path, caplog: pytest.LogCaptureFixture, framing: bytes
) -> None:
    caplog.set_level(logging.INFO)
    async with serve(desk, tmp_path) as site:
        begun = asyncio.Event()
        read = web.Request.read

        async def reading(request: web.Request) -> bytes:
            begun.set()
            return await read(request)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(web.Request, "read", reading)
            _, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(
                b"PUT /api/v1/products/p HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer " + desk.secrets["shop-a"].encode() + b"\r\n" + framing
            )
            async with asyncio.timeout(10):
                await begun.wait()
            writer.transport.abort()
    said = [record for record in caplog.records if record.name == "livedesk.access"]
    assert [vars(record)["code"] for record in said] == ["gone"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert site.merchants.called == []


async def test_a_connection_of_ours_that_breaks_is_a_fault_of_ours(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.merchants.raises = ConnectionResetError("the database")
    response = await site.client.put(
        "/api/v1/products/p", json=PRODUCT, headers=bearer(site.world.secrets["shop-a"])
    )
    assert await refused(response) is ErrorCode.internal
    assert "http.failed" in caplog.messages


async def test_a_head_that_does_not_arrive_is_not_waited_for(
    desk: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RUNNER["keepalive_timeout"] == 15.0
    monkeypatch.setitem(RUNNER, "keepalive_timeout", 0.2)
    async with serve(desk, tmp_path) as site:
        for sent in (b"", b"GET / HTTP/1.1\r\nHost: de"):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(sent)
            async with asyncio.timeout(10):
                assert await reader.read() in (b"",)
            writer.close()
            await writer.wait_closed()


async def test_a_call_that_takes_too_long_is_answered_with_retry(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "CALL_SECONDS", 0.1)
    monkeypatch.setattr(site.world.buyers, "shop", lambda shop_id: asyncio.Event().wait())
    response = await site.client.get("/api/v1/shops/shop-a/widget")
    assert await refused(response) is ErrorCode.retry
    assert response.headers["Retry-After"] == "1"


async def test_nothing_of_an_exception_reaches_the_caller(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.merchants.raises = RuntimeError("password of the database is hunter2")
    response = await site.client.put(
        "/api/v1/products/p", json=PRODUCT, headers=bearer(site.world.secrets["shop-a"])
    )
    text = await response.text()
    assert await refused(response) is ErrorCode.internal
    assert "hunter2" not in text
    incident = json.loads(text)["error"]["data"]["incident"]
    assert any(getattr(record, "request_id", None) == incident for record in caplog.records)


@pytest.mark.parametrize("code", [ErrorCode.conflict, ErrorCode.retry, ErrorCode.not_found])
async def test_a_use_cases_refusal_has_its_codes_own_status(site: Site, code: ErrorCode) -> None:
    site.merchants.raises = Refused(code, order_id="o-1")
    response = await site.client.post(
        "/api/v1/live-sessions",
        json=_body(next(r for r in ROUTES if r.path == "/api/v1/live-sessions")),
        headers=bearer(site.world.secrets["shop-a"]),
    )
    assert await refused(response) is code
    assert (await response.json())["error"]["data"] == {"order_id": "o-1"}


async def test_one_call_more_than_an_address_may_make_is_refused_with_the_time_to_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Rates(monotonic=site.world.clock.seconds, overrides={"api-address": Rate("api-address", 3, 60)})
    monkeypatch.setattr(site.door, "counter", few)
    for _ in range(3):
        assert (await site.client.get("/api/v1/shops/shop-a/widget")).status == 200
    response = await site.client.get("/api/v1/shops/shop-a/widget")
    assert await refused(response) is ErrorCode.rate_limited
    assert response.headers["Retry-After"] == "20"
    assert (await response.json())["error"]["data"] == {"retry_after_ms": 20_000}
    assert rates.API_ADDRESS.count == 1_200


async def test_the_access_log_has_ids_and_no_token_path_or_query(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    buyer = await site.world.buyer()
    cookie = await site.cookie()
    secret = site.world.secrets["shop-a"]
    await site.client.delete("/api/v1/buyer/session?token=abc", headers=bearer(buyer.token))
    await site.client.get("/api/v1/agent/me", headers=site.as_agent(cookie))
    await site.client.put("/api/v1/products/13800000000", json=PRODUCT, headers=bearer(secret))
    await site.client.get("/13800000000/secret?x=13800000000")
    written = [record for record in caplog.records if record.name == "livedesk.access"]
    said = [
        {k: v for k, v in vars(r).items() if k in ("route", "code", "buyer_id", "person_id", "shop_id")}
        for r in written
    ]
    ended = {"route": "/api/v1/buyer/session", "code": "ok", "buyer_id": buyer.buyer_id, "shop_id": "shop-a"}
    assert ended in said
    assert {"route": "/api/v1/agent/me", "code": "ok", "person_id": site.world.people["1001"]} in said
    assert {"route": "unknown", "code": "unknown_command"} in said
    everything = json.dumps([vars(record) for record in caplog.records], default=str)
    for hidden in (buyer.token, cookie, secret, "13800000000", "token=abc", PASSWORD, HERE.address):
        assert hidden not in everything


async def test_every_answer_says_that_it_is_for_this_origin_and_not_to_be_kept(site: Site) -> None:
    for path in ("/api/v1/shops/shop-a/widget", "/api/v1/agent/me", "/nothing"):
        headers = (await site.client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Server"] == "livedesk"
