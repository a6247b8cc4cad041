"""What goes out: JSON with its declared status, and the headers that every answer has."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import orjson
from aiohttp import web

from protocol.base import Wire
from protocol.errors import MEANINGS, ErrorCode, Refused

EVERYWHERE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "livedesk",
}
_PRIVATE: Mapping[str, str] = {
    "Cache-Control": "no-store",
    # CORS is not offered anywhere: the widget's frame and the console are pages of this origin, merchants'
    # servers are not browsers. So no page of another origin can read an answer, and none may embed one.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
HSTS = "max-age=31536000"
"""A browser that came by https once does not come back over http for a year."""


def answer(reply: Wire) -> web.Response:
    """A reply, 200."""
    return _json(reply.model_dump_json().encode(), 200)


def refuse(refusal: Refused) -> web.Response:
    """`{error: {code, message, data}}` with the code's own status."""
    response = _json(orjson.dumps({"error": refusal.as_wire()}, default=str), MEANINGS[refusal.code].status)
    wait = refusal.data.get("retry_after_ms")
    if wait is not None or refusal.code is ErrorCode.retry:
        response.headers["Retry-After"] = str(max(1, ceil((wait or 1_000) / 1_000)))
    return response


def plain_json(value: Any, status: int = 200) -> web.Response:
    """A document that is not a reply of the catalogue."""
    return _json(orjson.dumps(value), status)


def _json(body: bytes, status: int) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json", headers=_PRIVATE)
