"""Coming in: WebSocket only, a token, one namespace, and limits before anybody is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import socketio

from signaling.limits import Allowance, Limits
from tests.signaling.fakes import NOW, UNHURRIED, agent, buyer
from tests.signaling.floor import floor

REFUSED_REQUESTS = {
    "polling": ("GET", "EIO=4&transport=polling", {}),
    "polling that asks for an upgrade": (
        "GET",
        "EIO=4&transport=polling",
        {"Upgrade": "websocket", "Connection": "Upgrade"},
    ),
    "no transport, which means polling": ("GET", "EIO=4", {}),
    "a websocket without an upgrade": ("GET", "EIO=4&transport=websocket", {}),
    "a polling packet": ("POST", "EIO=4&transport=polling&sid=x", {}),
    "a preflight": ("OPTIONS", "EIO=4&transport=polling", {"Origin": "https://evil.example"}),
    "an upgrade of a polling session": (
        "GET",
        "EIO=4&transport=websocket&sid=x",
        {"Upgrade": "websocket", "Connection": "Upgrade"},
    ),
    "an older protocol": (
        "GET",
        "EIO=3&transport=websocket",
        {"Upgrade": "websocket", "Connection": "Upgrade"},
    ),
}


@pytest.mark.parametrize("method, query, headers", REFUSED_REQUESTS.values(), ids=REFUSED_REQUESTS.keys())
async def test_everything_but_a_websocket_upgrade_is_refused_with_a_code(
    method: str, query: str, headers: dict[str, str]
) -> None:
    async with (
        floor() as built,
        built.http.request(method, f"{built.url}socket.io/?{query}", headers=headers) as response,
    ):
        assert response.status == 400
        body = await response.json()
        assert body["ok"] is False
        assert body["error"]["code"] == "bad_request"
        assert body["error"]["message"].startswith("Only ")
        assert "Access-Control-Allow-Origin" not in response.headers
        assert built.meter.refusals == {"bad_request": 1}


async def test_python_socketio_s_own_client_gets_in_by_websocket_and_not_by_polling() -> None:
    async with floor() as built:
        token = built.sessions.enrol(buyer())
        client = socketio.AsyncClient(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(
                built.url, auth={"token": token}, namespaces=["/buyer"], transports=["polling"]
            )
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(
            built.url, auth={"token": token}, namespaces=["/buyer"], transports=["websocket"]
        )
        answer = await client.call("conversation.list", {}, namespace="/buyer")
        assert answer == {"ok": True, "data": {"conversations": []}}
        await client.disconnect()
        await built.meter.closing("/buyer", "client")


async def test_the_sessions_see_the_token_the_real_address_and_the_origin() -> None:
    async with floor() as built:
        await built.join(buyer(), Origin="https://shop.example", X_Test_Address="198.51.100.7")
        ((namespace, token, client),) = built.sessions.seen
        assert (namespace, token) == ("/buyer", "token-of-buyer-b1-0")
        assert (client.address, client.origin) == ("198.51.100.7", "https://shop.example")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "null",
        None,
    ],
)
async def test_an_origin_that_is_not_the_shop_s_is_refused(origin: str | None) -> None:
    async with floor() as built:
        built.sessions.origins = {"https://shop.example"}
        headers = {} if origin is None else {"Origin": origin}
        socket = await built.open(**headers)
        answer = await socket.connect("/buyer", {"token": built.sessions.enrol(buyer())})
        assert answer["refused"]
        assert answer["data"]["code"] == "origin_refused"
        assert built.signaling.census().sockets == {}


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {},
        [],
        "token",
        {"token": 1},
        {"token": "short"},
        {"token": "t" * 4097},
        {"token": "x" * 20, "a": 1},
    ],
    ids=str,
)
async def test_an_auth_payload_of_another_shape_is_unauthenticated(auth: Any) -> None:
    async with floor() as built:
        socket = await built.open()
        answer = await socket.connect("/buyer", auth)
        assert answer["refused"]
        assert answer["data"]["code"] == "unauthenticated"
        assert answer["message"]
        assert built.sessions.seen == []


async def test_a_token_of_nobody_of_the_other_kind_or_of_yesterday_is_refused() -> None:
    async with floor() as built:
        socket = await built.open()
        unknown = await socket.connect("/buyer", {"token": "nobody's-token-0000"})
        assert unknown["data"]["code"] == "unauthenticated"
        other = await socket.connect("/agent", {"token": built.sessions.enrol(buyer())})
        assert other["data"]["code"] == "unauthenticated"
        socket = await built.open()
        past = await socket.connect("/buyer", {"token": built.sessions.enrol(buyer(expires_at=NOW))})
        assert past["data"]["code"] == "session_expired"


@pytest.mark.parametrize("namespace", ["/guests", "/admin", "/buyers"])
async def test_there_are_no_other_namespaces(namespace: str) -> None:
    async with floor() as built:
        socket = await built.open()
        answer = await socket.connect(namespace, {"token": built.sessions.enrol(buyer())})
        assert answer["refused"]
        assert answer["data"]["code"] == "not_found"
        assert built.sessions.seen == []


async def test_the_default_namespace_is_refused_too() -> None:
    async with floor() as built:
        socket = await built.open()
        await socket.send('40{"token":"xxxxxxxxxxxxxxxxxxxx"}')
        answer = await socket.packet()
        assert answer is not None and answer.startswith("44/,") and '"not_found"' in answer


async def test_a_connection_has_one_namespace() -> None:
    async with floor() as built:
        socket = await built.join(buyer())
        second = await socket.connect("/agent", {"token": built.sessions.enrol(agent())})
        assert second["data"]["code"] == "conflict"
        again = await socket.connect("/buyer", {"token": built.sessions.enrol(buyer())})
        assert again["data"]["code"] == "conflict"
        assert (await socket.call("/buyer", "conversation.list", {}))["ok"]
        assert built.signaling.census().sockets == {"/buyer": 1}


async def test_a_namespace_can_be_left_and_entered_again_on_the_same_connection() -> None:
    async with floor() as built:
        socket = await built.join(buyer())
        await socket.send("41/buyer,")
        await built.meter.closing("/buyer", "client")
        assert built.signaling.census().sockets == {}
        gone = await socket.call("/buyer", "conversation.list", {})
        assert gone["error"]["code"] == "unauthenticated"
        answer = await socket.connect("/agent", {"token": built.sessions.enrol(agent())})
        assert not answer["refused"]
        assert (await socket.call("/agent", "desk.load", {}))["ok"]


async def test_three_refused_connects_end_the_connection() -> None:
    async with floor() as built:
        socket = await built.open()
        for _ in range(Limits().connect_tries):
            assert (await socket.connect("/buyer", {"token": "nobody's-token-0000"}))["refused"]
        await socket.until_closed()
        assert socket.close_code == aiohttp.WSCloseCode.OK


async def test_who_sends_no_connect_is_closed_after_ten_seconds_and_not_before() -> None:
    async with floor() as built:
        silent, talking = await built.open(), await built.join(buyer())
        built.clock.advance(9.9)
        assert built.signaling.census().connections == 2
        built.clock.advance(0.1)
        await silent.until_closed()
        assert silent.close_code == aiohttp.WSCloseCode.OK
        assert (await talking.call("/buyer", "conversation.list", {}))["ok"]


async def test_who_leaves_his_namespace_has_ten_seconds_again() -> None:
    async with floor() as built:
        socket = await built.join(buyer())
        await socket.send("41/buyer,")
        await built.meter.closing("/buyer", "client")
        # Answered only after the namespace is left.
        await socket.call("/buyer", "conversation.list", {})
        built.clock.advance(10)
        await socket.until_closed()
        assert socket.close_code == aiohttp.WSCloseCode.OK


async def test_one_address_may_not_connect_without_end_and_others_still_may() -> None:
    async with floor(replace(UNHURRIED, connects=Allowance(1, 3))) as built:
        url = f"{built.url}socket.io/?EIO=4&transport=websocket"
        for _ in range(3):
            await built.open(X_Test_Address="198.51.100.1")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await built.http.ws_connect(url, headers={"X-Test-Address": "198.51.100.1"})
        assert refused.value.status == 429
        assert refused.value.headers is not None and refused.value.headers["Retry-After"] == "1"
        await built.open(X_Test_Address="198.51.100.2")
        built.clock.advance(1)
        await built.open(X_Test_Address="198.51.100.1")
        assert built.meter.refusals == {"rate_limited": 1}


async def test_only_so_many_addresses_are_remembered() -> None:
    async with floor(replace(UNHURRIED, connects=Allowance(1, 1), addresses=2)) as built:
        for last in (1, 2, 3):
            await built.open(X_Test_Address=f"198.51.100.{last}")
        # The first is forgotten, the third is not.
        await built.open(X_Test_Address="198.51.100.1")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await built.open(X_Test_Address="198.51.100.3")


async def test_a_full_node_takes_no_more_connections() -> None:
    async with floor(replace(UNHURRIED, sockets=2)) as built:
        first, second = await built.open(), await built.open()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await built.open()
        assert refused.value.status == 503
        await first.ws.close()
        await second.ws.close()


async def test_a_failure_of_the_sessions_is_answered_retry() -> None:
    async with floor() as built:
        token = built.sessions.enrol(agent())
        built.attendance.failing = True
        socket = await built.open()
        answer = await socket.connect("/agent", {"token": token})
        assert answer["data"]["code"] == "retry"
        assert built.signaling.census().sockets == {}
        built.attendance.failing = False
        assert not (await socket.connect("/agent", {"token": token}))["refused"]
        await socket.ws.close()
        await built.meter.closing("/agent", "client")
        assert built.attendance.log == [("arrived", "a1", None), ("left", "a1", True)]
