"""Every HTTP route against what its schema allows, what it forbids, and bytes that are no request at all.

Whatever comes: a declared status, JSON of the declared shape, no fault of the server, nothing written by what
was refused, and the neighbour is served as before.
"""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import schemathesis
from aiohttp import ClientError
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode

from protocol.base import Route
from protocol.catalogue import adapter
from protocol.errors import MEANINGS, ErrorCode
from protocol.export import openapi
from tests.auth.desk import OWN, World, world
from tests.http.site import Site, serve
from tests.rounds import rounds
from tests.services.databases import new_sqlite

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
TABLES = (
    "buyers",
    "buyer_sessions",
    "buyer_codes",
    "agent_sessions",
    "socket_tokens",
    "revisions",
    "selftests",
)
COUNTED = f"SELECT {', '.join(f'(SELECT count(*) FROM {table})' for table in TABLES)}"  # noqa: S608


class Running:
    """A site in an event loop of its own, so that Hypothesis can drive it example by example."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runner = asyncio.Runner()

    def __enter__(self) -> Running:
        self._runner.__enter__()
        self._world = world(new_sqlite(self._folder))
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
        stream = io.BytesIO(body) if body is not None else None  # of plain bytes aiohttp warns from 1 MiB on
        async with self.site.client.request(method, path, headers=headers, data=stream) as response:
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


def share(route: Route) -> settings:
    """A route without a body has nothing to forbid, so that its cases are two parts and not three."""
    return settings(QUIET, max_examples=-(-EXAMPLES // (3 if route.request else 2)))


def cases(route: Route, mode: GenerationMode) -> Any:
    return SCHEMA[route.path][route.method].as_strategy(generation_mode=mode)


def send(running: Running, route: Route, case: Any) -> ErrorCode | None:
    ids = {name: quote(str(value), safe="") or "%20" for name, value in (case.path_parameters or {}).items()}
    body = None
    if case.body is not None and not isinstance(case.body, schemathesis.core.NotSet):
        body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    headers = running.headers(route) | {"Content-Type": "application/json"}
    return running.ask(route, route.path.format(**ids), headers, body)
