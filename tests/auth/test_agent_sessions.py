"""Agents' sign-ins: passwords, cookies, socket tokens, API keys in their names, and rights taken away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from protocol import session
from protocol.errors import ErrorCode, Refused
from server import rates
from server.auth import staff
from server.auth.agents import (
    ABSOLUTE_MS,
    IDLE_MS,
    IMPERSONATION_MS,
    SEEN_EVERY_MS,
    SIGN_INS,
    SOCKET_TOKEN_MS,
    folded,
)
from server.auth.keys import KeyHolder
from server.auth.passwords import Passwords
from signaling.ports import Actor, Revision
from tests.auth.desk import HERE, OWN, PASSWORD, World


async def refusal(work: Any) -> ErrorCode:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.code


async def login(desk: World, name: str = "1001", password: str = PASSWORD, address: str = "192.0.2.1") -> str:
    client = replace(HERE, address=address)
    return (await desk.agents.login(session.Login(login=name, password=password), client))[1]


async def socket(desk: World, name: str = "1001") -> Actor:
    return await desk.sockets.admit("/agent", await desk.socket_token(name), HERE)


async def test_a_person_signs_in_and_sees_his_own_shops(desk: World) -> None:
    me, cookie = await desk.agents.login(session.Login(login=" 3001 ", password=PASSWORD), HERE)
    assert {each.shop_id: each.role for each in me.memberships} == {"shop-a": "admin", "shop-b": "agent"}
    assert await desk.agents.me(await desk.agents.signed_in(cookie)) == me
    assert PASSWORD not in repr(me)


@pytest.mark.parametrize(
    ("written", "stored"),
    [(" Agent@Shop.Example ", "agent@shop.example"), ("１３８００", "13800"), ("工号7", "工号7")],
)
def test_a_login_is_the_same_in_any_case_and_width(written: str, stored: str) -> None:
    assert folded(written) == stored


@pytest.mark.parametrize(
    ("name", "password"), [("1001", "wrong password"), ("nobody", PASSWORD), ("1001", PASSWORD + " ")]
)
async def test_a_wrong_login_and_a_wrong_password_look_the_same(
    desk: World, name: str, password: str
) -> None:
    with pytest.raises(Refused) as caught:
        await login(desk, name, password)
    assert caught.value.as_wire() == Refused(ErrorCode.login_failed).as_wire()


async def test_one_sign_in_more_than_a_login_may_try_is_refused_from_any_address(desk: World) -> None:
    for number in range(rates.LOGIN_NAME.count):
        assert (
            await refusal(login(desk, password="wrong password", address=f"192.0.2.{number}"))
            is ErrorCode.login_failed
        )
    assert await refusal(login(desk, address="198.51.100.1")) is ErrorCode.rate_limited
    await login(desk, "2001")
    desk.clock.ms += rates.LOGIN_NAME.seconds * 1_000
    await login(desk)


async def test_one_sign_in_more_than_an_address_may_try_is_refused_for_any_login(desk: World) -> None:
    for number in range(rates.LOGIN_ADDRESS.count):
        assert await refusal(login(desk, f"nobody-{number}")) is ErrorCode.login_failed
    assert await refusal(login(desk)) is ErrorCode.rate_limited
    await login(desk, address="192.0.2.2")


async def test_an_unknown_login_costs_one_verification_like_a_known_one(
    desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[bool] = []
    verify = Passwords.verify

    async def counted(self: Passwords, stored: str | None, password: str) -> bool:
        verified.append(stored is not None)
        return await verify(self, stored, password)

    monkeypatch.setattr(Passwords, "verify", counted)
    await refusal(login(desk, "nobody"))
    await refusal(login(desk, "1001", "wrong password"))
    assert verified == [False, True]


async def test_a_new_sign_in_replaces_the_cookie_that_the_browser_had(desk: World) -> None:
    old = await login(desk)
    for replaced in (old, "not a cookie", "lda_" + "x" * 43):
        _, new = await desk.agents.login(
            session.Login(login="1001", password=PASSWORD), HERE, replaces=replaced
        )
        assert new != old
        await desk.agents.signed_in(new)
    assert await refusal(desk.agents.signed_in(old)) is ErrorCode.session_revoked


async def test_the_oldest_of_too_many_sign_ins_gives_way(desk: World) -> None:
    cookies = []
    for number in range(SIGN_INS + 1):
        desk.clock.ms += 60_000
        cookies.append(await login(desk, address=f"192.0.2.{number}"))
    assert await refusal(desk.agents.signed_in(cookies[0])) is ErrorCode.session_revoked
    for cookie in cookies[1:]:
        await desk.agents.signed_in(cookie)


async def test_a_sign_in_ends_when_nobody_used_it_and_stays_while_somebody_does(desk: World) -> None:
    cookie = await login(desk)
    for _ in range(3):
        desk.clock.ms += IDLE_MS - 1
        await desk.agents.signed_in(cookie)
    desk.clock.ms += IDLE_MS
    assert await refusal(desk.agents.signed_in(cookie)) is ErrorCode.session_expired


async def test_a_sign_in_ends_after_a_week_however_much_it_is_used(desk: World) -> None:
    cookie = await login(desk)
    end = desk.clock.ms + ABSOLUTE_MS
    while desk.clock.ms + IDLE_MS // 2 < end:
        desk.clock.ms += IDLE_MS // 2
        assert (await desk.agents.signed_in(cookie)).expires_at == end
    desk.clock.ms = end
    assert await refusal(desk.agents.signed_in(cookie)) is ErrorCode.session_expired


async def test_use_is_written_down_once_a_minute(desk: World) -> None:
    cookie = await login(desk)
    seen = []
    for step in (SEEN_EVERY_MS - 1, 1, 1, SEEN_EVERY_MS):
        desk.clock.ms += step
        signed_in = await desk.agents.signed_in(cookie)
        (row,) = (await desk.agents.list(signed_in)).sessions
        seen.append(desk.clock.ms - row.seen_at)
    assert seen == [SEEN_EVERY_MS - 1, 0, 1, 0]


async def test_an_idle_sign_in_is_ended_with_its_sockets_and_forgotten_in_the_end(desk: World) -> None:
    actor = await socket(desk)
    await desk.sockets.end_idle()
    assert await desk.sockets.review(actor) is not None
    cursor, _ = await desk.sockets.revisions(0)
    desk.clock.ms += IDLE_MS
    await desk.sockets.end_idle()
    await desk.sockets.end_idle()
    assert list((await desk.sockets.revisions(cursor))[1]) == [Revision("session", actor.session_id)]
    assert await desk.sockets.review(actor) is None
    desk.clock.ms += 31 * 86_400_000
    await desk.sockets.end_idle()
    async with desk.database.read() as reader:
        assert await reader.people.sign_in(session_id=actor.session_id) is None


async def test_a_sign_in_with_an_open_socket_is_in_use_until_its_week_is_over(desk: World) -> None:
    used, idle = await socket(desk), await socket(desk, "2001")
    for _ in range(14):  # a week of half days without one request
        desk.clock.ms += IDLE_MS - 1
        await desk.sockets.end_idle([used.session_id])
        assert await desk.sockets.review(used) is not None
    assert await desk.sockets.review(idle) is None
    desk.clock.ms += IDLE_MS
    await desk.sockets.end_idle([used.session_id])
    assert await desk.sockets.review(used) is None


async def test_sign_ins_are_listed_and_ended_by_their_owner_only(desk: World) -> None:
    here, there = await login(desk), await login(desk)
    mine = await desk.agents.signed_in(here)
    listed = (await desk.agents.list(mine)).sessions
    assert [each.current for each in listed].count(True) == 1
    (other,) = [each.session_id for each in listed if not each.current]
    stranger = await desk.agents.signed_in(await login(desk, "2001"))
    for session_id in (other, "nothing"):
        assert await refusal(desk.agents.end(stranger, session_id)) is ErrorCode.not_found
    await desk.agents.end(mine, other)
    assert await refusal(desk.agents.signed_in(there)) is ErrorCode.session_revoked
    assert await refusal(desk.agents.end(mine, other)) is ErrorCode.not_found
    assert [each.session_id for each in (await desk.agents.list(mine)).sessions] == [mine.session_id]


async def test_a_socket_token_opens_one_socket_within_a_minute(desk: World) -> None:
    token = await desk.socket_token()
    racing = await asyncio.gather(
        *(desk.sockets.admit("/agent", token, HERE) for _ in range(5)), return_exceptions=True
    )
    (actor,) = [outcome for outcome in racing if isinstance(outcome, Actor)]
    assert (actor.id, actor.shops) == (desk.people["1001"], {"shop-a": "agent"})
    assert await refusal(desk.sockets.admit("/agent", token, HERE)) is ErrorCode.unauthenticated
    late = await desk.socket_token()
    desk.clock.ms += SOCKET_TOKEN_MS
    assert await refusal(desk.sockets.admit("/agent", late, HERE)) is ErrorCode.unauthenticated


async def test_no_agents_token_opens_the_namespace_of_guests_nor_is_used_up_there(desk: World) -> None:
    token = await desk.socket_token()
    assert await refusal(desk.sockets.admit("/guest", token, HERE)) is ErrorCode.unauthenticated
    assert (await desk.sockets.admit("/agent", token, HERE)).id == desk.people["1001"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop-a.example",
        "https://evil.example",
        "null",
        "http://127.0.0.1:8081",
        "https://127.0.0.1:8080",
    ],
)
async def test_a_foreign_page_opens_no_agents_socket_and_does_not_use_the_token_up(
    desk: World, origin: str
) -> None:
    token = await desk.socket_token()
    foreign = replace(HERE, origin=origin)
    assert await refusal(desk.sockets.admit("/agent", token, foreign)) is ErrorCode.origin_refused
    await desk.sockets.admit("/agent", token, replace(HERE, origin=OWN))


async def test_a_socket_token_dies_with_its_sign_in(desk: World) -> None:
    cookie = await login(desk)
    signed_in = await desk.agents.signed_in(cookie)
    token = (await desk.agents.socket_token(signed_in)).token
    await desk.agents.end(signed_in, signed_in.session_id)
    assert await refusal(desk.sockets.admit("/agent", token, HERE)) is ErrorCode.session_revoked


async def test_a_disabled_person_loses_everything_at_once(desk: World) -> None:
    cookie, actor, token = await login(desk), await socket(desk), await desk.socket_token()
    cursor, _ = await desk.sockets.revisions(0)
    async with desk.database.write() as unit:
        await staff.disable(unit, desk.people["1001"], desk.clock())
    assert list((await desk.sockets.revisions(cursor))[1]) == [Revision("person", desk.people["1001"])]
    assert await desk.sockets.review(actor) is None
    assert await refusal(desk.agents.signed_in(cookie)) is ErrorCode.session_revoked
    assert await refusal(desk.sockets.admit("/agent", token, HERE)) is ErrorCode.session_revoked
    assert await refusal(login(desk)) is ErrorCode.login_failed
    async with desk.database.write() as unit:
        await staff.enable(unit, desk.people["1001"])
    assert await refusal(desk.agents.signed_in(cookie)) is ErrorCode.session_revoked, "not by itself"
    await login(desk)


async def test_a_lowered_role_is_what_the_next_review_sees(desk: World) -> None:
    actor = await socket(desk, "3001")
    assert actor.shops == {"shop-a": "admin", "shop-b": "agent"}
    cursor, _ = await desk.sockets.revisions(0)
    async with desk.database.write() as unit:
        await staff.set_role(unit, actor.id, "shop-a", "agent", desk.clock())
        await staff.set_role(unit, actor.id, "shop-b", None, desk.clock())
    assert set((await desk.sockets.revisions(cursor))[1]) == {Revision("person", actor.id)}
    reviewed = await desk.sockets.review(actor)
    assert reviewed is not None
    assert reviewed.shops == {"shop-a": "agent"}


async def test_who_works_nowhere_opens_no_socket(desk: World) -> None:
    actor = await socket(desk)
    token = await desk.socket_token()
    async with desk.database.write() as unit:
        await staff.set_role(unit, actor.id, "shop-a", None, desk.clock())
    assert await refusal(desk.sockets.admit("/agent", token, HERE)) is ErrorCode.forbidden
    reviewed = await desk.sockets.review(actor)
    assert reviewed is not None
    assert not reviewed.shops


async def test_a_new_password_ends_all_sign_ins(desk: World) -> None:
    cookie = await login(desk)
    hashed = await desk.passwords.hash("another password")
    async with desk.database.write() as unit:
        await staff.set_password(unit, desk.people["1001"], hashed, desk.clock())
    assert await refusal(desk.agents.signed_in(cookie)) is ErrorCode.session_revoked
    assert await refusal(login(desk)) is ErrorCode.login_failed
    await login(desk, password="another password")


async def holder(desk: World, shop_id: str = "shop-a") -> KeyHolder:
    return await desk.keys.admit(desk.secrets[shop_id], "agents:impersonate")


async def test_a_key_opens_sockets_as_agents_of_its_own_shop_and_in_it_only(desk: World) -> None:
    made = await desk.agents.impersonate(await holder(desk), session.Impersonate(login="3001"))
    actor = await desk.sockets.admit("/agent", made.token, replace(HERE, origin=None))
    assert (actor.id, actor.shops) == (desk.people["3001"], {"shop-a": "admin"})
    assert actor.expires_at == desk.clock() + IMPERSONATION_MS
    for name in ("2001", "nobody"):
        request = session.Impersonate(login=name)
        assert await refusal(desk.agents.impersonate(await holder(desk), request)) is ErrorCode.not_found
    listed = (await desk.agents.list(await desk.agents.signed_in(await login(desk, "3001")))).sessions
    assert "API key" in {each.agent for each in listed}, "he sees who acts in his name"


async def test_an_impersonated_socket_keeps_to_its_shop_in_every_review(desk: World) -> None:
    made = await desk.agents.impersonate(await holder(desk), session.Impersonate(login="3001"))
    actor = await desk.sockets.admit("/agent", made.token, HERE)
    async with desk.database.write() as unit:
        await staff.set_role(unit, actor.id, "shop-b", "admin", desk.clock())
    reviewed = await desk.sockets.review(actor)
    assert reviewed is not None
    assert reviewed.shops == {"shop-a": "admin"}


async def test_a_revoked_key_ends_the_sockets_that_it_opened(desk: World) -> None:
    key = await holder(desk)
    made = await desk.agents.impersonate(key, session.Impersonate(login="3001"))
    actor = await desk.sockets.admit("/agent", made.token, HERE)
    own = await socket(desk, "3001")
    cursor, _ = await desk.sockets.revisions(0)
    async with desk.database.write() as unit:
        assert await staff.revoke_api_key(unit, key.key_id, desk.clock())
        assert not await staff.revoke_api_key(unit, key.key_id, desk.clock())
    assert list((await desk.sockets.revisions(cursor))[1]) == [Revision("session", actor.session_id)]
    assert await desk.sockets.review(actor) is None
    assert await desk.sockets.review(own) is not None
    assert await refusal(holder(desk)) is ErrorCode.unauthenticated


async def test_a_key_does_what_its_scopes_say_and_no_more(desk: World) -> None:
    async with desk.database.write() as unit:
        _, secret = await staff.add_api_key(
            unit, shop_id="shop-b", name="orders", scopes=["orders"], now=desk.clock()
        )
    assert (await desk.keys.admit(secret, "orders")).shop_id == "shop-b"
    for scope in ("catalogue", "ingest", "webhooks", "agents:impersonate"):
        assert await refusal(desk.keys.admit(secret, scope)) is ErrorCode.forbidden
    assert await refusal(desk.keys.admit("ldk_" + "x" * 43, "orders")) is ErrorCode.unauthenticated


async def test_one_call_more_than_a_key_may_make_is_refused(desk: World) -> None:
    secret = desk.secrets["shop-a"]
    key_id = await _key_id(desk)
    for _ in range(rates.API_KEY.count):
        await desk.counter.wait(rates.API_KEY, key_id)
    assert await refusal(desk.keys.admit(secret, "orders")) is ErrorCode.rate_limited
    await desk.keys.admit(desk.secrets["shop-b"], "orders")


async def _key_id(desk: World) -> str:
    async with desk.database.read() as reader:
        (key,) = await reader.shops.api_keys("shop-a")
    return key.id


async def test_every_token_kind_is_refused_where_another_belongs(desk: World) -> None:
    visitor = await desk.visitor()
    code = await desk.buyers.make_code(
        session.BuyerCodeRequest(shop="shop-a", identity=desk.identity()), HERE
    )
    tokens = {
        "buyer": (await desk.buyer()).token,
        "visitor": visitor.visitor,
        "code": code.code,
        "cookie": await login(desk),
        "socket": await desk.socket_token(),
        "key": desk.secrets["shop-a"],
        "identity": desk.identity(),
    }
    doors: dict[str, Any] = {
        "buyer": lambda token: desk.buyers.bearer(token),
        "buyer socket": lambda token: desk.sockets.admit("/buyer", token, HERE),
        "cookie": lambda token: desk.agents.signed_in(token),
        "key": lambda token: desk.keys.admit(token, "orders"),
        "socket": lambda token: desk.sockets.admit("/agent", token, HERE),
        "guest socket": lambda token: desk.sockets.admit("/guest", token, HERE),
    }
    for door, enter in doors.items():
        for kind, token in tokens.items():
            if kind != door.partition(" ")[0]:
                assert await refusal(enter(token)) is ErrorCode.unauthenticated, (door, kind)
            else:
                await enter(token)
