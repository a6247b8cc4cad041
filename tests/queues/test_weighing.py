"""What a call weighs, and whom nothing new reaches while it does."""

from __future__ import annotations

from dataclasses import replace

from queues import ownership, policy
from queues.model import CALL_UNITS, CAPACITY_UNITS, CHAT_UNITS
from queues.ownership import TakenOver
from tests.queues.build import NOW, group, seat, ticket


def test_an_owner_may_take_a_call_beside_his_other_chats_and_gets_nothing_new_meanwhile() -> None:
    busy = seat("mei", used=3 * CHAT_UNITS)
    heavier, fuller = ownership.weigh(replace(ticket("ann"), state="active"), busy, CALL_UNITS)
    assert fuller is not None
    assert (heavier.units, fuller.units_used) == (CALL_UNITS, 2 * CHAT_UNITS + CALL_UNITS)
    waiting = [ticket("bo")]
    assert policy.next_match(waiting, [fuller], {"sales": group()}, NOW) is None
    _, lighter = ownership.weigh(heavier, fuller, CHAT_UNITS)
    assert lighter == busy
    assert policy.next_match(waiting, [busy], {"sales": group()}, NOW) is not None


def test_a_call_that_waits_for_an_agent_goes_only_to_one_who_is_free_for_it() -> None:
    lost = ticket("ann", units=CALL_UNITS)
    chatting, free = seat("mei", used=CHAT_UNITS), seat("li")
    assert policy.next_match([lost], [chatting], {"sales": group()}, NOW) is None
    match = policy.next_match([lost], [chatting, free], {"sales": group()}, NOW)
    assert match is not None and match.person_id == "li"


def test_a_supervisor_takes_over_whatever_room_he_has() -> None:
    full = seat("boss", used=CAPACITY_UNITS)
    taken = ownership.take_over(ticket("ann"), full, now=NOW)
    assert isinstance(taken, TakenOver)
    assert taken.seat.units_used == CAPACITY_UNITS + CHAT_UNITS
