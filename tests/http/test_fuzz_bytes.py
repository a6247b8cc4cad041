"""Every HTTP route against bytes and headers that are no request at all."""

from __future__ import annotations

import json

import pytest
from aiohttp import ClientError, ClientSession, DummyCookieJar
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.base import Route
from protocol.routes import ROUTES
from tests.http.fuzzing import EXAMPLES, QUIET, Running, share

CONFUSED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["__proto__", "\x00", "\ud800", "NaN", "x" * 100_000, "'; --", "{{7*7}}", "../../etc"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_bytes_that_mean_nothing_are_refused_and_write_nothing(running: Running, route: Route) -> None:
    names = list((route.request.model_fields if route.request is not None else {}).keys())
    fields = st.dictionaries(st.sampled_from([*names, "__proto__", "constructor"]), CONFUSED, max_size=6)
    path = route.path.replace("{", "").replace("}", "")

    @share(route)
    @given(
        st.binary(max_size=200)
        | fields.map(lambda value: json.dumps(value).encode())
        | st.integers(1, 3_000).map(lambda depth: b"[" * depth + b"]" * depth)
        | fields.map(lambda value: json.dumps(value).encode() + b"}")
    )
    def run(body: bytes) -> None:
        running.ask(route, path, running.headers(route) | {"Content-Type": "application/json"}, body)

    run()
    assert running.do(running.site.login("1001")).status == 200


@settings(QUIET, max_examples=EXAMPLES)
@given(
    st.sampled_from(["Authorization", "Cookie", "Origin", "X-Forwarded-For", "Forwarded", "Host"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=300),
)
def test_no_header_is_a_fault_of_the_server(running: Running, name: str, value: str) -> None:
    async def ask() -> list[int]:
        statuses = []
        async with ClientSession(
            f"http://127.0.0.1:{running.site.port}", cookie_jar=DummyCookieJar()
        ) as client:
            for path in ("/api/v1/agent/me", "/api/v1/shops/shop-a/widget", "/c/shop-a"):
                try:
                    async with client.get(path, headers={name: value}) as response:
                        statuses.append(response.status)
                except (ClientError, ValueError):
                    continue
        return statuses

    assert all(status < 500 for status in running.do(ask()))
