"""Buyers' sessions: who gets one, what it opens, how a visitor becomes a verified buyer, how it ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwk, jwt

from protocol import session
from protocol.errors import ErrorCode, Refused
from server import rates
from server.auth import staff
from server.auth.buyers import CODE_MS, SESSION_MS
from server.storage.records import NewConversation, NewEntry
from signaling.ports import Actor, Revision
from tests.auth.desk import HERE, OWN, World


async def refusal(work: Any) -> ErrorCode:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.code


async def admitted(desk: World, token: str) -> Actor:
    return await desk.sockets.admit("/buyer", token, HERE)


async def open_conversation(desk: World, buyer_id: str, conversation_id: str, shop_id: str = "shop-a") -> str:
    async with desk.database.write() as unit:
        opened = await unit.conversations.open_or_get(
            NewConversation(conversation_id, shop_id, buyer_id, "zh-CN", desk.clock())
        )
    return opened.conversation.id


def said(conversation_id: str, buyer_id: str, client_id: str) -> NewEntry:
    return NewEntry(
        conversation_id=conversation_id,
        log="public",
        message_id=f"m-{client_id[-4:]}",
        client_id=client_id,
        sender_kind="buyer",
        sender_id=buyer_id,
        sender_name=None,
        sent_at=0,
        kind="text",
        body={"text": "在吗"},
    )


async def owner_of(desk: World, conversation_id: str) -> str:
    async with desk.database.read() as reader:
        found = await reader.conversations.head(conversation_id)
    assert found is not None
    return found.buyer_id


async def test_a_signed_identity_begins_a_session_of_half_an_hour(desk: World) -> None:
    began = await desk.buyer("buyer-1")
    assert began.expires_at == desk.clock() + SESSION_MS
    assert (began.verified, began.visitor) == (True, None)
    actor = await admitted(desk, began.token)
    assert (actor.kind, actor.id, dict(actor.shops)) == ("buyer", began.buyer_id, {"shop-a": "buyer"})
    again = await desk.buyer("buyer-1")
    assert again.buyer_id == began.buyer_id
    assert again.token != began.token
    assert (await desk.buyer("buyer-1", "shop-b")).buyer_id != began.buyer_id, "shops know different people"


async def test_the_same_subject_at_the_same_moment_is_one_buyer(desk: World) -> None:
    began = await asyncio.gather(*(desk.buyer("buyer-1") for _ in range(8)))
    assert len({each.buyer_id for each in began}) == 1


async def test_an_hs256_secret_signs_identities_until_it_is_revoked(desk: World) -> None:
    now = desk.clock() // 1_000
    claims = {"iss": "shop-a", "sub": "b", "iat": now, "exp": now + 60, "jti": "x"}
    key = jwk.OctKey.import_key(desk.secrets["shop-a/hs"])
    token = jwt.encode({"alg": "HS256", "kid": "hs"}, claims, key)
    request = session.BuyerSessionRequest(shop="shop-a", identity=token)
    assert (await desk.buyers.begin(request, HERE)).reply.verified
    other = session.BuyerSessionRequest(shop="shop-b", identity=token)
    assert await refusal(desk.buyers.begin(other, HERE)) is ErrorCode.identity_invalid
    async with desk.database.write() as unit:
        assert await unit.shops.revoke_identity_key("shop-a", "hs", desk.clock())
        assert not await unit.shops.revoke_identity_key("shop-a", "hs", desk.clock())
    assert await refusal(desk.buyers.begin(request, HERE)) is ErrorCode.identity_invalid


async def test_the_name_and_tier_of_the_newest_identity_count(desk: World) -> None:
    async def begin(**claims: Any) -> session.BuyerSession:
        request = session.BuyerSessionRequest(shop="shop-a", identity=desk.identity(**claims))
        return (await desk.buyers.begin(request, HERE)).reply

    assert (await begin(name="小林", tier="gold")).name == "小林"
    began = await begin(tier="silver")
    assert began.name == "小林"
    async with desk.database.read() as reader:
        buyer = await reader.buyers.get(began.buyer_id)
    assert buyer is not None
    assert buyer.tier == "silver"


@pytest.mark.parametrize("orders", [None, [], ["order-1", "order-2"]])
async def test_a_session_keeps_the_orders_that_its_identity_named(
    desk: World, orders: list[str] | None
) -> None:
    request = session.BuyerSessionRequest(shop="shop-a", identity=desk.identity(orders=orders))
    actor = await admitted(desk, (await desk.buyers.begin(request, HERE)).reply.token)
    async with desk.database.read() as reader:
        found = await reader.buyers.session(session_id=actor.session_id)
    assert found is not None
    assert found.orders == (None if orders is None else tuple(orders))


async def test_a_visitor_comes_back_with_his_secret_to_his_own_shop_only(desk: World) -> None:
    first = await desk.visitor()
    assert first.visitor is not None
    assert not first.verified
    again = await desk.visitor(visitor=first.visitor)
    assert (again.buyer_id, again.visitor) == (first.buyer_id, None)
    elsewhere = await desk.visitor("shop-b", visitor=first.visitor)
    assert elsewhere.buyer_id != first.buyer_id
    assert elsewhere.visitor is not None
    guessed = await desk.visitor(visitor=first.visitor[:-1] + ("A" if first.visitor[-1] != "A" else "B"))
    assert guessed.buyer_id != first.buyer_id


async def test_a_shop_without_visitors_serves_signed_in_buyers_only(desk: World) -> None:
    known = await desk.visitor()
    async with desk.database.write() as unit:
        await unit.shops.change("shop-a", anonymous=False)
    for visitor in (None, known.visitor):
        given = session.BuyerSessionRequest(shop="shop-a", visitor=visitor)
        assert await refusal(desk.buyers.begin(given, HERE)) is ErrorCode.anonymous_refused
    assert (await desk.buyer()).verified


@pytest.mark.parametrize("shop", ["nowhere", "shop-c"])
async def test_a_shop_that_is_not_there_begins_no_session(desk: World, shop: str) -> None:
    assert (
        await refusal(desk.buyers.begin(session.BuyerSessionRequest(shop=shop), HERE)) is ErrorCode.not_found
    )
    assert await refusal(desk.buyers.shop(shop)) is ErrorCode.not_found


ORIGINS = [
    (OWN, True),
    ("https://shop-a.example", True),
    (None, True),
    ("https://shop-b.example", False),
    ("http://shop-a.example", False),
    ("https://shop-a.example:8443", False),
    ("https://shop-a.example.evil.example", False),
    ("https://evil.example", False),
    ("null", False),
    ("http://127.0.0.1:8081", False),
    ("http://localhost:8080", False),
]


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
async def test_only_listed_origins_begin_sessions_and_open_sockets(
    desk: World, origin: str | None, allowed: bool
) -> None:
    client = replace(HERE, origin=origin)
    token = (await desk.buyer()).token
    for work in (
        desk.buyers.begin(session.BuyerSessionRequest(shop="shop-a"), client),
        desk.buyers.begin(session.BuyerSessionRequest(shop="shop-a", identity=desk.identity()), client),
        desk.sockets.admit("/buyer", token, client),
    ):
        if allowed:
            await work
        else:
            assert await refusal(work) is ErrorCode.origin_refused


async def test_one_visitor_more_than_an_address_may_bring_is_refused(desk: World) -> None:
    request = session.BuyerSessionRequest(shop="shop-a")
    known = await desk.visitor()
    for _ in range(rates.VISITOR_ADDRESS.count - 1):
        await desk.buyers.begin(request, HERE)
    assert await refusal(desk.buyers.begin(request, HERE)) is ErrorCode.rate_limited
    assert (await desk.visitor(visitor=known.visitor)).buyer_id == known.buyer_id, "who is known may return"
    await desk.buyers.begin(request, replace(HERE, address="192.0.2.2"))


async def test_a_code_is_good_once_for_its_shop_and_a_minute(desk: World) -> None:
    async def code() -> str:
        given = session.BuyerCodeRequest(shop="shop-a", identity=desk.identity(orders=["order-1"]))
        return (await desk.buyers.make_code(given, HERE)).code

    async def use(value: str, shop: str = "shop-a") -> session.BuyerSession:
        return (await desk.buyers.begin(session.BuyerSessionRequest(shop=shop, code=value), HERE)).reply

    first = await code()
    assert await refusal(use(first, "shop-b")) is ErrorCode.code_used
    began = await use(first)
    assert began.buyer_id == (await desk.buyer()).buyer_id
    assert await refusal(use(first)) is ErrorCode.code_used
    assert await refusal(use("x" * 47)) is ErrorCode.code_used

    racing = await code()
    outcomes = await asyncio.gather(*(use(racing) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, session.BuyerSession) for outcome in outcomes) == 1

    late = await code()
    desk.clock.ms += CODE_MS
    assert await refusal(use(late)) is ErrorCode.code_used


async def test_a_code_needs_an_identity_of_this_shop_and_is_not_given_beside_one(desk: World) -> None:
    for shop, token in (("shop-b", desk.identity("shop-a")), ("shop-a", "x" * 60)):
        request = session.BuyerCodeRequest(shop=shop, identity=token)
        assert await refusal(desk.buyers.make_code(request, HERE)) is ErrorCode.identity_invalid
    both = session.BuyerSessionRequest(shop="shop-a", identity=desk.identity(), code="x" * 47)
    assert await refusal(desk.buyers.begin(both, HERE)) is ErrorCode.bad_request


async def test_a_renewal_gives_a_new_token_and_leaves_the_one_before(desk: World) -> None:
    began = await desk.buyer()
    actor = await admitted(desk, began.token)
    desk.clock.ms += SESSION_MS - 1
    renewed = await desk.buyers.renew(actor)
    assert renewed.expires_at == desk.clock() + SESSION_MS
    for token in (began.token, renewed.token):
        assert (await admitted(desk, token)).expires_at == renewed.expires_at
    reviewed = await desk.sockets.review(actor)
    assert reviewed is not None
    assert reviewed.expires_at == renewed.expires_at
    newest = await desk.buyers.renew(actor)
    assert await refusal(admitted(desk, began.token)) is ErrorCode.unauthenticated
    for token in (renewed.token, newest.token):
        await admitted(desk, token)


async def test_an_expired_session_opens_nothing_and_is_not_renewed(desk: World) -> None:
    began = await desk.buyer()
    actor = await admitted(desk, began.token)
    desk.clock.ms += SESSION_MS
    assert await refusal(admitted(desk, began.token)) is ErrorCode.session_expired
    assert await refusal(desk.buyers.bearer(began.token)) is ErrorCode.session_expired
    assert await refusal(desk.buyers.renew(actor)) is ErrorCode.session_expired
    assert await desk.sockets.review(actor) is None


async def test_an_ended_session_opens_nothing_and_is_told_to_every_node(desk: World) -> None:
    began, other = await desk.buyer(), await desk.buyer()
    actor = await admitted(desk, began.token)
    cursor, nothing = await desk.sockets.revisions(0)
    assert nothing == ()
    await desk.buyers.end((await desk.buyers.bearer(began.token)).session_id)
    assert await refusal(admitted(desk, began.token)) is ErrorCode.session_revoked
    assert await refusal(desk.buyers.renew(actor)) is ErrorCode.session_revoked
    assert await desk.sockets.review(actor) is None
    after, changed = await desk.sockets.revisions(cursor)
    assert list(changed) == [Revision("session", actor.session_id)]
    assert await desk.sockets.revisions(after) == (after, [])
    await admitted(desk, other.token)


async def test_the_first_revision_ever_is_told(desk: World) -> None:
    async with desk.database.write() as unit:
        await unit.revisions.add([], desk.clock())
        await unit.connection.exec_driver_sql("DELETE FROM revisions")
    cursor, _ = await desk.sockets.revisions(0)
    assert (await desk.sockets.revisions(cursor))[1] == []
    async with desk.database.write() as unit:
        await unit.revisions.add([Revision("person", "p")], desk.clock())
    assert list((await desk.sockets.revisions(cursor))[1]) == [Revision("person", "p")]


async def test_no_revision_is_missed_while_several_write(desk: World) -> None:
    cursor, _ = await desk.sockets.revisions(0)
    seen: list[str] = []
    done = asyncio.Event()

    async def write(number: int) -> None:
        async with desk.database.write() as unit:
            await unit.revisions.add([Revision("buyer", f"b-{number}")], desk.clock())

    async def read() -> None:
        position = cursor
        while True:
            last = done.is_set()
            position, changed = await desk.sockets.revisions(position)
            seen.extend(revision.id for revision in changed)
            if last:
                return

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(40)))
    done.set()
    await reader
    assert sorted(seen) == sorted(f"b-{number}" for number in range(40))


async def test_a_revoked_buyer_loses_all_his_sessions(desk: World) -> None:
    tokens = [(await desk.buyer()).token for _ in range(3)]
    other = await desk.buyer("buyer-2")
    actor = await admitted(desk, tokens[0])
    cursor, _ = await desk.sockets.revisions(0)
    async with desk.database.write() as unit:
        await staff.revoke_buyer(unit, actor.id, desk.clock())
    for token in tokens:
        assert await refusal(admitted(desk, token)) is ErrorCode.session_revoked
    assert list((await desk.sockets.revisions(cursor))[1]) == [Revision("buyer", actor.id)]
    await admitted(desk, other.token)


async def test_a_visitors_open_conversation_goes_on_under_the_buyer_he_turns_out_to_be(desk: World) -> None:
    visitor = await desk.visitor()
    visitors_socket = await admitted(desk, visitor.token)
    conversation = await open_conversation(desk, visitor.buyer_id, "c-visitor")
    entry = said(conversation, visitor.buyer_id, "01890000-0000-7000-8000-000000000001")
    stored = await desk.database.append(entry)
    cursor, _ = await desk.sockets.revisions(0)

    request = session.BuyerSessionRequest(shop="shop-a", identity=desk.identity(), visitor=visitor.visitor)
    begun = await desk.buyers.begin(request, HERE)
    assert begun.handed_over == conversation
    assert await owner_of(desk, conversation) == begun.reply.buyer_id

    again = await desk.database.append(entry._replace(sender_id=begun.reply.buyer_id))
    assert (again.repeated, again.entry.seq) == (True, stored.entry.seq), "sent again, stored once"
    assert await refusal(desk.database.append(entry)) is ErrorCode.not_found
    assert await desk.sockets.review(visitors_socket) is None
    assert await refusal(admitted(desk, visitor.token)) is ErrorCode.session_revoked
    assert Revision("buyer", visitor.buyer_id) in (await desk.sockets.revisions(cursor))[1]


async def test_nothing_merges_when_the_buyer_has_an_open_conversation_of_his_own(desk: World) -> None:
    known = await desk.buyer()
    own = await open_conversation(desk, known.buyer_id, "c-own")
    visitor = await desk.visitor()
    visited = await open_conversation(desk, visitor.buyer_id, "c-visitor")
    request = session.BuyerSessionRequest(shop="shop-a", identity=desk.identity(), visitor=visitor.visitor)
    assert (await desk.buyers.begin(request, HERE)).handed_over is None
    assert await owner_of(desk, own) == known.buyer_id
    assert await owner_of(desk, visited) == visitor.buyer_id
    await admitted(desk, visitor.token)


async def test_nothing_but_his_own_open_conversation_of_this_shop_merges(desk: World) -> None:
    mine, others = await desk.visitor(), await desk.visitor()
    closed = await open_conversation(desk, mine.buyer_id, "c-closed")
    async with desk.database.write() as unit:
        await unit.connection.exec_driver_sql("UPDATE conversations SET state = 'closed'")
    theirs = await open_conversation(desk, others.buyer_id, "c-theirs")
    elsewhere = await desk.visitor("shop-b")
    there = await open_conversation(desk, elsewhere.buyer_id, "c-there", "shop-b")
    stolen_verified = await desk.buyer("buyer-2")

    async def sign_in(visitor: str | None, shop: str = "shop-a") -> str | None:
        request = session.BuyerSessionRequest(
            shop=shop, identity=desk.identity(shop, "buyer-1"), visitor=visitor
        )
        return (await desk.buyers.begin(request, HERE)).handed_over

    for secret in (mine.visitor, elsewhere.visitor, None, "x" * 47, stolen_verified.token):
        assert await sign_in(secret) is None
    assert await owner_of(desk, closed) == mine.buyer_id
    assert await owner_of(desk, theirs) == others.buyer_id
    assert await owner_of(desk, there) == elsewhere.buyer_id


async def test_signing_in_with_a_wrong_identity_moves_nothing(desk: World) -> None:
    visitor = await desk.visitor()
    conversation = await open_conversation(desk, visitor.buyer_id, "c-visitor")
    expired = desk.identity(iat=1, exp=2)
    request = session.BuyerSessionRequest(shop="shop-a", identity=expired, visitor=visitor.visitor)
    assert await refusal(desk.buyers.begin(request, HERE)) is ErrorCode.identity_expired
    assert await owner_of(desk, conversation) == visitor.buyer_id


async def test_two_sign_ins_at_once_hand_a_conversation_over_once(desk: World) -> None:
    visitor = await desk.visitor()
    conversation = await open_conversation(desk, visitor.buyer_id, "c-visitor")

    async def sign_in(sub: str) -> tuple[str, str | None]:
        request = session.BuyerSessionRequest(
            shop="shop-a", identity=desk.identity(sub=sub), visitor=visitor.visitor
        )
        begun = await desk.buyers.begin(request, HERE)
        return begun.reply.buyer_id, begun.handed_over

    outcomes = await asyncio.gather(*(sign_in(f"buyer-{number}") for number in range(6)))
    winners = [buyer_id for buyer_id, handed_over in outcomes if handed_over == conversation]
    assert winners == [await owner_of(desk, conversation)]
