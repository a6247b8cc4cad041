"""Every HTTP route against what its schema allows, what it forbids, and bytes that are no request at all.

Whatever comes: a declared status, JSON of the declared shape, no fault of the server, nothing written by what
was refused, and the neighbour is served as before.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from aiohttp import ClientError, ClientSession, DummyCookieJar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from protocol.base import Route
from protocol.catalogue import adapter
from protocol.errors import MEANINGS, ErrorCode
from protocol.export import openapi
from protocol.routes import ROUTES
from tests.auth.desk import OWN, World, world
from tests.http.site import Site, serve
from tests.rounds import rounds

EXAMPLES = rounds(reduced=20, full=5_000)
"""Cases a route: what its schema allows, what it forbids, and what is no request at all, in equal parts."""
QUIET = settings(suppress_health_check=list(HealthCheck), deadline=None)
SCHEMA = schemathesis.openapi.from_dict(openapi())
POSSIBLE = {
    ErrorCode.bad_request,
    ErrorCode.too_large,
    ErrorCode.too_deep,
    ErrorCode.unauthenticated,
    ErrorCode.session_expired,
    ErrorCode.session_revoked,
    ErrorCode.unknown_command,
}
TABLES = ("buyers", "buyer_sessions", "buyer_codes", "agent_sessions", "socket_tokens", "revisions")
COUNTED = f"SELECT {', '.join(f'(SELECT count(*) FROM {table})' for table in TABLES)}"  # noqa: S608


class Running:
    """A site in an event loop of its own, so that Hypothesis can drive it example by example."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runner = asyncio.Runner()

    def __enter__(self) -> Running:
        self._runner.__enter__()
        self._world = world(f"sqlite:///{self._folder / 'desk.db'}")
        self.world: World = self.do(self._world.__aenter__())
        # Limits are tested elsewhere; here every case must get as far as its own fault.
        self.world.counter._own_wait = lambda rate, key: 0.0
        self._serving = serve(self.world, self._folder / "built")
        self.site: Site = self.do(self._serving.__aenter__())
        self.cookie = self.do(self.site.cookie("3001"))
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._serving.__aexit__(None, None, None))
        self.do(self._world.__aexit__(None, None, None))
        self._runner.__exit__(None, None, None)

    def do(self, work: Any) -> Any:
        return self._runner.run(work)

    def headers(self, route: Route) -> dict[str, str]:
        """Who may call `route`."""
        if route.auth == "key":
            return {"Authorization": f"Bearer {self.world.secrets['shop-a']}"}
        if route.auth == "buyer":
            token = self.do(self.world.buyer()).token
            return {"Authorization": f"Bearer {token}"}
        # Another person's sign-in where the call ends it: one person has only so many.
        cookie = self.do(self.site.cookie("1001")) if route.path.endswith("logout") else self.cookie
        return self.site.as_agent(cookie) | {"Origin": OWN}

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Any:
        """Status, type and text of the answer, and the rows before and after it."""
        before = await self._rows()
        async with self.site.client.request(method, path, headers=headers, data=body) as response:
            status, content_type, text = response.status, response.content_type, await response.read()
        return status, content_type, text, before, await self._rows()

    async def _rows(self) -> tuple[int, ...]:
        async with self.world.database.read() as reader:
            return tuple((await reader.connection.exec_driver_sql(COUNTED)).one())

    def ask(self, route: Route, path: str, headers: dict[str, str], body: bytes | None) -> ErrorCode | None:
        """Calls, and looks at everything that every answer must be; the code of a refusal."""
        reached = len(self.site.merchants.called)
        try:
            found = self.do(self._ask(route.method, path, headers, body))
        except (ClientError, ValueError):
            return None  # the client itself would not send this
        status, content_type, text, before, after = found
        assert content_type == "application/json"
        answer = json.loads(text)
        if status == 200:
            adapter(route.reply).validate_json(text)
            return None
        assert set(answer) == {"error"}
        assert set(answer["error"]) == {"code", "message", "data"}
        code = ErrorCode(answer["error"]["code"])
        assert status == MEANINGS[code].status
        assert code in POSSIBLE | set(route.errors), code
        assert b"Traceback" not in text
        assert len(text) < 2_000, "an answer does not echo what it refuses"
        assert after == before
        assert len(self.site.merchants.called) == reached
        return code


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


def _share(route: Route) -> settings:
    """A route without a body has nothing to forbid, so that its cases are two parts and not three."""
    return settings(QUIET, max_examples=-(-EXAMPLES // (3 if route.request else 2)))


def _cases(route: Route, mode: GenerationMode) -> Any:
    return SCHEMA[route.path][route.method].as_strategy(generation_mode=mode)


def _send(running: Running, route: Route, case: Any) -> ErrorCode | None:
    ids = {name: quote(str(value), safe="") or "%20" for name, value in (case.path_parameters or {}).items()}
    body = None
    if case.body is not None and not isinstance(case.body, schemathesis.core.NotSet):
        body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    headers = running.headers(route) | {"Content-Type": "application/json"}
    return running.ask(route, route.path.format(**ids), headers, body)


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_what_the_schema_allows_is_answered_as_declared(running: Running, route: Route) -> None:
    @_share(route)
    @given(_cases(route, GenerationMode.POSITIVE))
    def run(case: Any) -> None:
        code = _send(running, route, case)
        assert code not in (ErrorCode.too_deep, ErrorCode.too_large, ErrorCode.unknown_command)

    run()
    assert running.do(running.site.login("1001")).status == 200


@pytest.mark.parametrize("route", [r for r in ROUTES if r.request], ids=lambda r: f"{r.method} {r.path}")
def test_what_the_schema_forbids_is_refused_and_writes_nothing(running: Running, route: Route) -> None:
    @_share(route)
    @given(_cases(route, GenerationMode.NEGATIVE))
    def run(case: Any) -> None:
        _send(running, route, case)

    run()
    assert running.do(running.site.login("1001")).status == 200


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

    @_share(route)
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
