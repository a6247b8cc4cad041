"""Every HTTP route against what its schema allows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from schemathesis import GenerationMode

from protocol.base import Route
from protocol.errors import ErrorCode
from protocol.routes import ROUTES
from tests.http.fuzzing import Running, cases, send, share


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_what_the_schema_allows_is_answered_as_declared(running: Running, route: Route) -> None:
    @share(route)
    @given(cases(route, GenerationMode.POSITIVE))
    def run(case: Any) -> None:
        code = send(running, route, case)
        assert code not in (ErrorCode.too_deep, ErrorCode.too_large, ErrorCode.unknown_command)

    run()
    assert running.do(running.site.login("1001")).status == 200
