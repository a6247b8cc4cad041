"""What every store of the line does with the presence of people, written once; see
``contract_line_store``."""

from __future__ import annotations

from queues.model import OfferEnded, OwnerAbsent, OwnerReturned, Requeued, SeatChanged
from queues.ownership import Refused
from queues.presence import (
    GRACE_MS,
    LEASE_MS,
    REASON_LEASE_EXPIRED,
    REASON_RETURNED,
    RENEW_EVERY_MS,
    REQUEUE_AFTER_MS,
)
from tests.queues.build import NOW, SHOP, seat, ticket
from tests.queues.contract_line_store import LineUnderTest, assigned, held, offered, open_shop


class PresenceContract:
    """The promises of ``queues.ports`` that ``queues.presence`` makes."""

    async def test_a_seat_says_how_it_is(self, line: LineUnderTest) -> None:
        await open_shop(line)
        told = await line.declare("mei", state="break", reason="lunch", now=NOW + 1)
        assert told == [SeatChanged("mei", "break", "lunch", NOW + 1)]
        assert await line.declare("mei", state="break", reason="lunch", now=NOW + 2) == []
        told = await line.declare("mei", state="ready", reason=None, now=NOW + 3)
        assert told == [SeatChanged("mei", "ready", None, NOW + 3)]
        assert (await line.seat("mei")).idle_since == NOW + 3
        assert await line.declare("mei", state="ready", reason=None, now=NOW + 4) == []
        assert (await line.seat("mei")).idle_since == NOW + 3, "saying it twice starts no clock anew"
        late = await line.declare("mei", state="ready", reason=None, now=NOW + LEASE_MS)
        assert late == Refused("seat_absent")
        assert await line.declare("nobody", state="ready", reason=None, now=NOW) == Refused("unknown")

    async def test_a_seat_on_break_keeps_its_conversations_and_loses_its_offers(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await assigned(line, "ann")
        await offered(line, "ben")
        told = await line.declare("mei", state="break", reason="lunch", now=NOW + 1)
        assert told == [
            SeatChanged("mei", "break", "lunch", NOW + 1),
            OfferEnded("o-1", "t-ben", "ben", "mei", "withdrawn", NOW + 1),
        ]
        assert await line.owner("ann") is not None
        assert (await line.seat("mei")).units_used == 20
        assert await line.position("ben") == 1

    async def test_nobody_goes_offline_with_open_conversations(self, line: LineUnderTest) -> None:
        await open_shop(line)
        fact = await assigned(line)
        refused = await line.declare("mei", state="offline", reason=None, now=NOW + 1)
        assert refused == Refused("conversations_open")
        assert (await line.seat("mei")).state == "ready"
        await line.close("ann", now=NOW + 2, person_id="mei", fence=fact.fence)
        told = await line.declare("mei", state="offline", reason=None, now=NOW + 3)
        assert told == [SeatChanged("mei", "offline", None, NOW + 3)]

    async def test_a_lease_lives_while_any_node_renews_it(self, line: LineUnderTest) -> None:
        await open_shop(line)
        holder = await held(line)
        await line.arrive("node-b", "mei", now=NOW + 1)
        await line.leave("node-a", "mei", now=NOW + 2)
        assert (await line.seat("mei")).lease_until == NOW + 1 + LEASE_MS, "the other node's lease stands"
        await line.leave("node-b", "mei", now=NOW + 3)
        assert (await line.seat("mei")).lease_until == NOW + 3 + GRACE_MS
        await line.renew("node-b", ["mei"], now=NOW + RENEW_EVERY_MS)
        assert (await line.seat("mei")).lease_until == NOW + RENEW_EVERY_MS + LEASE_MS
        await line.leave("node-a", "mei", now=NOW + RENEW_EVERY_MS)
        assert (await line.seat("mei")).lease_until == NOW + RENEW_EVERY_MS + LEASE_MS
        assert list(await line.expire_leases(holder=holder, now=NOW + LEASE_MS)) == []

    async def test_a_reconnect_inside_the_grace_changes_nothing(self, line: LineUnderTest) -> None:
        await open_shop(line)
        before = await line.seat("mei")
        await line.leave("node-a", "mei", now=NOW + 1)
        assert list(await line.expire_leases(holder=await held(line), now=NOW + GRACE_MS)) == []
        assert list(await line.arrive("node-b", "mei", now=NOW + GRACE_MS)) == []
        after = await line.seat("mei")
        assert (after.state, after.idle_since) == ("ready", before.idle_since)

    async def test_the_end_of_a_lease_withdraws_offers_and_tells_the_owner_absent_once(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await assigned(line, "ann")
        await offered(line, "ben")
        holder = await held(line)
        await line.leave("node-a", "mei", now=NOW)
        end = NOW + GRACE_MS
        assert list(await line.expire_leases(holder=holder, now=end - 1)) == []
        facts = await line.expire_leases(holder=holder, now=end)
        assert list(facts) == [
            SeatChanged("mei", "offline", REASON_LEASE_EXPIRED, end),
            OfferEnded("o-1", "t-ben", "ben", "mei", "withdrawn", end),
            OwnerAbsent("t-ann", "ann", SHOP, "mei", end + REQUEUE_AFTER_MS, end),
        ]
        assert list(await line.expire_leases(holder=holder, now=end + 1)) == []
        assert await line.owner("ann") is not None
        assert await line.position("ben") == 1

    async def test_an_owner_back_in_time_keeps_his_conversations_and_is_on_break(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await assigned(line)
        await line.leave("node-a", "mei", now=NOW)
        holder, end = await held(line), NOW + GRACE_MS
        await line.expire_leases(holder=holder, now=end)
        back = end + REQUEUE_AFTER_MS - 1
        facts = await line.arrive("node-b", "mei", now=back)
        assert list(facts) == [
            SeatChanged("mei", "break", REASON_RETURNED, back),
            OwnerReturned("t-ann", "ann", SHOP, "mei", back),
        ]
        assert list(await line.expire_leases(holder=holder, now=back + 1)) == []
        owner = await line.owner("ann")
        assert owner is not None and owner.person_id == "mei"

    async def test_a_renewal_brings_back_one_whose_node_had_stalled(self, line: LineUnderTest) -> None:
        await open_shop(line)
        await line.add_seat(seat("li"))
        await line.expire_leases(holder=await held(line), now=NOW + LEASE_MS)
        assert (await line.seat("mei")).state == "offline"
        facts = await line.renew("node-a", ["mei"], now=NOW + LEASE_MS + 1)
        assert list(facts) == [SeatChanged("mei", "break", REASON_RETURNED, NOW + LEASE_MS + 1)]
        assert (await line.seat("li")).state == "offline"

    async def test_an_owner_who_stays_away_loses_his_conversations_to_the_front_of_the_line(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        fact = await assigned(line)
        await line.join(ticket("later", joined=1))
        holder = await held(line)
        await line.expire_leases(holder=holder, now=NOW + LEASE_MS)
        due = NOW + LEASE_MS + REQUEUE_AFTER_MS
        assert list(await line.expire_leases(holder=holder, now=due - 1)) == []
        facts = await line.expire_leases(holder=holder, now=due)
        assert list(facts) == [Requeued("t-ann", "ann", SHOP, "sales", "mei", 2, "owner_lost", due)]
        assert list(await line.expire_leases(holder=holder, now=due + 1)) == []
        assert [await line.position(name) for name in ("ann", "later")] == [1, 2]
        (ended,) = await line.assignments("ann")
        assert (ended.until, ended.ended_by) == (due, "owner_lost")
        assert (await line.seat("mei")).units_used == 0
        late = await line.close("ann", now=due + 2, person_id="mei", fence=fact.fence)
        assert late == Refused("stale_fence"), "he comes back with an old tab"
        back = await line.arrive("node-a", "mei", now=due + 3)
        assert list(back) == [SeatChanged("mei", "break", REASON_RETURNED, due + 3)]

    async def test_a_sweep_that_comes_late_tells_absent_and_requeues_at_once(
        self, line: LineUnderTest
    ) -> None:
        await open_shop(line)
        await assigned(line)
        due = NOW + LEASE_MS + REQUEUE_AFTER_MS
        facts = await line.expire_leases(holder=await held(line, due), now=due)
        kinds = [type(each) for each in facts if not isinstance(each, SeatChanged)]
        assert kinds == [OwnerAbsent, Requeued]
