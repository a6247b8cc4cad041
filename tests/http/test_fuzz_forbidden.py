"""Every HTTP route against what its schema forbids."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from schemathesis import GenerationMode

from protocol.base import Route
from protocol.routes import ROUTES
from tests.http.fuzzing import Running, cases, send, share


@pytest.mark.parametrize("route", [r for r in ROUTES if r.request], ids=lambda r: f"{r.method} {r.path}")
def test_what_the_schema_forbids_is_refused_and_writes_nothing(running: Running, route: Route) -> None:
    @share(route)
    @given(cases(route, GenerationMode.NEGATIVE))
    def run(case: Any) -> None:
        send(running, route, case)

    run()
    assert running.do(running.site.login("1001")).status == 200
