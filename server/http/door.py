"""The one door of HTTP: every request is found, bounded, validated, identified, counted, called and answered.

No handler holds a `try`. Whatever happens, the caller gets JSON with a declared code and its status, and
nothing of an exception; the access log gets ids and the route's pattern, never a path, query or token.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from protocol.base import MAX_HTTP_BODY_BYTES, Route, Wire
from protocol.errors import ErrorCode, Refused
from protocol.files import MAX_PICTURE_BYTES
from server import rates
from server.auth.agents import SignedIn, SignIns
from server.auth.buyers import BuyerBearer, BuyerSessions
from server.auth.keys import ApiKeys, KeyHolder
from server.http import bodies
from server.http.answers import EVERYWHERE, HSTS, answer, refuse
from server.http.client import Asker, Proxies
from server.rates import Rates, address_key

log = logging.getLogger(__name__)
access = logging.getLogger("livedesk.access")

COOKIE = "__Host-livedesk"
"""The agent's sign-in. The prefix makes browsers insist on Secure, Path=/ and no Domain."""
BODY_SECONDS = 15.0
"""From the headers to the last byte of a body: a slow sender does not hold a connection for ever."""
CALL_SECONDS = 10.0
"""A call that takes longer is answered `retry`; every call may safely be made again."""
GONE = "gone"
"""Stands in log and metrics for a code where the client left before it had sent all."""
UPLOAD_SECONDS = 120.0
"""The same for a picture, and the whole of its call: a megabyte on a line that is nearly gone."""
UPLOADS_AT_ONCE = 32
"""Pictures that one node takes in at a time, each in memory; beyond it the answer is `retry`."""
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")

Caller = BuyerBearer | SignedIn | KeyHolder | None
ASKER: web.RequestKey[Asker] = web.RequestKey("asker", Asker)
IDS: web.RequestKey[dict[str, str]] = web.RequestKey("ids", dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in. `caller` is what the route's `auth` asks for; `path` its ids.

    `picture` reads the bytes of a picture, where the route takes one: only for whom they are wanted from.
    """

    route: Route
    request: Any
    path: Mapping[str, str]
    asker: Asker
    caller: Caller
    cookie: str | None
    picture: Callable[[], Awaitable[bytes]] | None = None

    @property
    def signed_in(self) -> SignedIn:
        """The agent; the route's `auth` has made sure of him."""
        assert isinstance(self.caller, SignedIn)  # noqa: S101 - a route without auth is a fault of ours
        return self.caller

    @property
    def bearer(self) -> BuyerBearer:
        """The buyer."""
        assert isinstance(self.caller, BuyerBearer)  # noqa: S101
        return self.caller

    @property
    def key(self) -> KeyHolder:
        """The merchant's server."""
        assert isinstance(self.caller, KeyHolder)  # noqa: S101
        return self.caller


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with what it does to the browser's cookie: None leaves it, "" takes it away."""

    reply: Wire
    cookie: str | None = None
    lasts_s: int = 0


Handler = Callable[[Call], Awaitable[Wire | Answer]]


@dataclass(slots=True)
class HttpTally:
    """What the door has done: for the metrics. Keys are (method, pattern, code), `ok` among the codes."""

    answered: dict[tuple[str, str, str], int] = field(default_factory=dict)
    seconds: dict[str, tuple[int, float]] = field(default_factory=dict)

    def add(self, method: str, pattern: str, code: str, seconds: float) -> None:
        key = (method, pattern, code)
        self.answered[key] = self.answered.get(key, 0) + 1
        count, total = self.seconds.get(pattern, (0, 0.0))
        self.seconds[pattern] = (count + 1, total + seconds)


class Door:
    """Turns routes of the catalogue and use cases into handlers of aiohttp."""

    def __init__(
        self,
        buyers: BuyerSessions,
        agents: SignIns,
        keys: ApiKeys,
        counter: Rates,
        proxies: Proxies,
        console_origins: frozenset[str],
    ) -> None:
        self._buyers = buyers
        self._agents = agents
        self._keys = keys
        self.counter = counter
        self._proxies = proxies
        self._console_origins = console_origins
        self._uploads = 0
        self.tally = HttpTally()

    def handler(self, route: Route, use_case: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """What aiohttp calls for `route`."""

        async def handle(request: web.Request) -> web.Response:
            call = await self._let_in(route, request)
            try:
                async with asyncio.timeout(UPLOAD_SECONDS if route.takes == "picture" else CALL_SECONDS):
                    done = await use_case(call)
            except TimeoutError:
                log.warning("http.slow", extra={"route": route.path})
                raise Refused(ErrorCode.retry) from None
            except Refused as refusal:
                if refusal.code not in _possible(route):
                    log.error("http.undeclared", extra={"route": route.path, "code": refusal.code.value})
                raise
            return _answered(done)

        return handle

    @web.middleware
    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Around everything: an answer in every case, the asker, the access log."""
        started = time.perf_counter()
        request[ASKER] = asker = self._proxies.asker(request)
        request[IDS] = {"request_id": secrets.token_hex(6)}
        code = "ok"
        response: web.StreamResponse | None = None
        try:
            response = await handler(request)
            if response.status == 404:  # a page that says so itself, to a person
                code = ErrorCode.not_found.value
        except Refused as refusal:
            code, response = refusal.code.value, refuse(refusal)
        except web.HTTPException as error:
            said = _of_aiohttp(error)
            code, response = said.code.value, refuse(said)
        except Exception as error:
            if isinstance(error, ConnectionError) and _gone(request):
                code, response = GONE, web.Response(status=400)  # nobody reads it
                return response
            request_id = request[IDS]["request_id"]
            log.exception("http.failed", extra={"route": _pattern(request), "request_id": request_id})
            code = ErrorCode.internal.value
            response = refuse(Refused(ErrorCode.internal, incident=request_id))
        finally:
            seconds = time.perf_counter() - started
            pattern = _pattern(request)
            method = request.method if request.method in _METHODS else "other"
            if response is None or response.status != 101:  # a socket's life is no answer's time
                self.tally.add(method, pattern, code, seconds)
            noted = {"method": method, "route": pattern, "code": code, "ms": round(seconds * 1_000, 1)}
            access.info("http", extra=noted | request[IDS])
        if asker.scheme == "https":
            response.headers.setdefault("Strict-Transport-Security", HSTS)
        return response

    async def _let_in(self, route: Route, request: web.Request) -> Call:
        asker = request[ASKER]
        await self.counter.spend(rates.API_ADDRESS, address_key(asker.address))
        for value in request.match_info.values():
            if not ID.fullmatch(value):
                raise Refused(ErrorCode.bad_request, "The path names something that is no id.")
        # Who asks comes before what he asks: a stranger's body is not worth reading.
        caller = await self._identify(route, request)
        noted: dict[str, str] = request[IDS]
        noted.update(_ids(caller))
        shaped: Any = None
        ids = dict(request.match_info)
        if route.takes == "picture":
            reads = partial(self._picture, request)
            return Call(route, None, ids, asker, caller, request.cookies.get(COOKIE), reads)
        body = await _body(request)
        if route.request is None:
            bodies.read_nothing(body)
        else:
            if request.content_type != "application/json":
                raise Refused(ErrorCode.bad_request, "The body must be application/json.")
            shaped = bodies.read(route.request, body)
        return Call(route, shaped, ids, asker, caller, request.cookies.get(COOKIE))

    async def _picture(self, request: web.Request) -> bytes:
        _bounded(request, MAX_PICTURE_BYTES)
        if self._uploads >= UPLOADS_AT_ONCE:
            raise Refused(ErrorCode.retry)
        self._uploads += 1
        content = bytearray()
        try:
            async for chunk in request.content.iter_chunked(65_536):
                content += chunk
                if len(content) > MAX_PICTURE_BYTES:
                    raise Refused(ErrorCode.too_large)
        finally:
            self._uploads -= 1
        return bytes(content)

    async def _identify(self, route: Route, request: web.Request) -> Caller:
        match route.auth:
            case "public":
                return None
            case "buyer":
                return await self._buyers.bearer(_bearer(request))
            case "key":
                assert route.scope is not None  # noqa: S101 - a key route without scope is a fault of ours
                return await self._keys.admit(_bearer(request), route.scope)
            case "agent" | "agent+origin":
                if route.auth == "agent+origin":
                    self.check_console_origin(request[ASKER])
                cookie = request.cookies.get(COOKIE)
                if cookie is None:
                    raise Refused(ErrorCode.unauthenticated)
                return await self._agents.signed_in(cookie)
            case _:
                raise Refused(ErrorCode.forbidden)

    def check_console_origin(self, asker: Asker) -> None:
        """A cookie says who, its page's origin says whether he meant it. Raises `Refused(origin_refused)`."""
        if asker.origin is None or asker.origin not in self._console_origins:
            raise Refused(
                ErrorCode.origin_refused, "This is not the console's address; compare LIVEDESK_PUBLIC_URL."
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_ALWAYS = frozenset(
    {
        ErrorCode.bad_request,
        ErrorCode.too_large,
        ErrorCode.too_deep,
        ErrorCode.rate_limited,
        ErrorCode.retry,
        ErrorCode.internal,
    }
)
_SESSION = frozenset({ErrorCode.unauthenticated, ErrorCode.session_expired, ErrorCode.session_revoked})


def _possible(route: Route) -> frozenset[ErrorCode]:
    return _ALWAYS | _SESSION | frozenset(route.errors)


def _gone(request: web.Request) -> bool:
    """Whether the client's connection is over; another connection that breaks is a fault of ours."""
    return request.transport is None or request.transport.is_closing()


async def unknown(request: web.Request) -> web.StreamResponse:
    """Where nothing is."""
    raise Refused(ErrorCode.unknown_command, "There is no such address, or not with this method.")


async def common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A signal of aiohttp: headers of every answer, also of files and upgrades."""
    response.headers.update(EVERYWHERE)


def _pattern(request: web.Request) -> str:
    """The route's pattern: paths may hold anything, and whoever asks for nothing must not fill a log."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _bounded(request: web.Request, most: int) -> None:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(ErrorCode.bad_request, "The body must not be compressed.")
    if request.content_length is not None and request.content_length > most:
        raise Refused(ErrorCode.too_large)


async def _body(request: web.Request) -> bytes:
    _bounded(request, MAX_HTTP_BODY_BYTES)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise Refused(ErrorCode.bad_request, "The body did not arrive in time.") from None
    except web.RequestPayloadError:
        raise Refused(ErrorCode.bad_request, "The body is not framed as HTTP has it.") from None


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(ErrorCode.unauthenticated)
    return token


def _ids(caller: Caller) -> dict[str, str]:
    match caller:
        case BuyerBearer():
            return {"buyer_id": caller.buyer_id, "shop_id": caller.shop_id}
        case SignedIn():
            return {"person_id": caller.person_id}
        case KeyHolder():
            return {"key_id": caller.key_id, "shop_id": caller.shop_id}
        case None:
            return {}


def _answered(done: Wire | Answer) -> web.Response:
    if not isinstance(done, Answer):
        return answer(done)
    response = answer(done.reply)
    if done.cookie is not None:
        response.set_cookie(
            COOKIE,
            done.cookie,
            max_age=done.lasts_s,
            path="/",
            secure=True,
            httponly=True,
            samesite="Lax",
        )
    return response


def _of_aiohttp(error: web.HTTPException) -> Refused:
    if error.status == 413:
        return Refused(ErrorCode.too_large)
    if error.status in (404, 405):
        return Refused(ErrorCode.unknown_command, "There is no such address, or not with this method.")
    return Refused(ErrorCode.bad_request)
