"""Which use case answers which endpoint: the whole of `/api/v1` on one screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from protocol import files, selftest, shop
from protocol.base import Empty
from protocol.errors import ErrorCode, Refused
from protocol.routes import ROUTES
from server import rates
from server.auth.agents import ABSOLUTE_MS, SignIns
from server.auth.buyers import BuyerSessions
from server.http.door import Answer, Call, Door, Handler
from server.rates import address_key

HandedOver = Callable[[str, str], Awaitable[None]]
"""Told (shop id, conversation id) after a visitor's conversation went on under a verified buyer."""


class MerchantDesk(Protocol):
    """The use cases of a merchant's server. The shop is the API key's; a body never names one."""

    async def put_product(self, shop_id: str, product_id: str, body: shop.PutProduct) -> shop.Stored: ...
    async def put_order(self, shop_id: str, order_id: str, body: shop.PutOrder) -> shop.Stored: ...
    async def put_live_session(self, shop_id: str, body: shop.PostLiveSession) -> shop.Stored: ...
    async def put_shot_list(self, shop_id: str, product_id: str, body: shop.PutShotList) -> shop.Stored: ...
    async def append_live_events(
        self, shop_id: str, live_session_id: str, body: shop.PostLiveEvents
    ) -> shop.EventResults: ...


class UploadDesk(Protocol):
    """The use cases of a buyer's pictures."""

    async def admit(self, buyer_id: str, conversation_id: str, client_id: str) -> files.FileStored | None: ...
    async def store(
        self, buyer_id: str, conversation_id: str, client_id: str, content: bytes
    ) -> files.FileStored: ...


class SelftestDesk(Protocol):
    """The use case of the self-test page."""

    async def store(self, report: selftest.SelftestReport) -> selftest.SelftestStored: ...


def handlers(
    door: Door,
    buyers: BuyerSessions,
    agents: SignIns,
    desk: MerchantDesk,
    uploads: UploadDesk,
    selftests: SelftestDesk,
    handed_over: HandedOver,
) -> Mapping[tuple[str, str], Handler]:
    """One handler for each route of the catalogue."""

    async def begin_buyer_session(call: Call) -> Answer:
        begun = await buyers.begin(call.request, call.asker.client)
        if begun.handed_over is not None:
            await handed_over(begun.shop_id, begun.handed_over)
        return Answer(begun.reply)

    async def end_buyer_session(call: Call) -> Empty:
        await buyers.end(call.bearer.session_id)
        return Empty()

    async def upload(call: Call) -> files.FileStored:
        assert call.picture is not None  # noqa: S101 - the route takes a picture
        place = (call.bearer.buyer_id, call.path["conversation_id"], call.path["client_id"])
        await door.counter.spend(rates.UPLOAD_BUYER, call.bearer.buyer_id)
        known = await uploads.admit(*place)
        return known or await uploads.store(*place, await call.picture())

    async def store_selftest(call: Call) -> selftest.SelftestStored:
        await door.counter.spend(rates.SELFTEST_ADDRESS, address_key(call.asker.address))
        return await selftests.store(call.request)

    async def login(call: Call) -> Answer:
        if not call.asker.private:
            raise Refused(ErrorCode.insecure_transport)
        door.check_console_origin(call.asker)
        me, cookie = await agents.login(call.request, call.asker.client, replaces=call.cookie)
        return Answer(me, cookie, ABSOLUTE_MS // 1_000)

    async def logout(call: Call) -> Answer:
        await agents.end(call.signed_in, call.signed_in.session_id)
        return Answer(Empty(), "")

    async def end_sign_in(call: Call) -> Empty:
        await agents.end(call.signed_in, call.path["session_id"])
        return Empty()

    return {
        ("GET", "/api/v1/shops/{shop_id}/widget"): lambda c: buyers.shop(c.path["shop_id"]),
        ("POST", "/api/v1/buyer/session"): begin_buyer_session,
        ("DELETE", "/api/v1/buyer/session"): end_buyer_session,
        ("POST", "/api/v1/buyer/code"): lambda c: buyers.make_code(c.request, c.asker.client),
        ("POST", "/api/v1/selftest"): store_selftest,
        ("POST", "/api/v1/agent/login"): login,
        ("POST", "/api/v1/agent/logout"): logout,
        ("GET", "/api/v1/agent/me"): lambda c: agents.me(c.signed_in),
        ("GET", "/api/v1/agent/sessions"): lambda c: agents.list(c.signed_in),
        ("DELETE", "/api/v1/agent/sessions/{session_id}"): end_sign_in,
        ("POST", "/api/v1/agent/socket-token"): lambda c: agents.socket_token(c.signed_in),
        ("POST", "/api/v1/agents/impersonate"): lambda c: agents.impersonate(c.key, c.request),
        ("PUT", "/api/v1/products/{product_id}"): lambda c: desk.put_product(
            c.key.shop_id, c.path["product_id"], c.request
        ),
        ("PUT", "/api/v1/products/{product_id}/shot-list"): lambda c: desk.put_shot_list(
            c.key.shop_id, c.path["product_id"], c.request
        ),
        ("PUT", "/api/v1/conversations/{conversation_id}/files/{client_id}"): upload,
        ("PUT", "/api/v1/orders/{order_id}"): lambda c: desk.put_order(
            c.key.shop_id, c.path["order_id"], c.request
        ),
        ("POST", "/api/v1/live-sessions"): lambda c: desk.put_live_session(c.key.shop_id, c.request),
        ("POST", "/api/v1/live-sessions/{live_session_id}/events"): lambda c: desk.append_live_events(
            c.key.shop_id, c.path["live_session_id"], c.request
        ),
    }


def complete(found: Mapping[tuple[str, str], Handler]) -> None:
    """Raises LookupError where the catalogue and the handlers differ."""
    declared = {(route.method, route.path) for route in ROUTES}
    if declared != set(found):
        raise LookupError(f"routes without a handler, or the other way round: {declared ^ set(found)}")
