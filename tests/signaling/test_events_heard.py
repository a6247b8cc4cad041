"""Every event of the catalogue is heard by a real socket of every audience it is declared for."""

from __future__ import annotations

from protocol.base import Event
from protocol.catalogue import EVENTS, adapter
from signaling.facts import OfferMade
from tests.signaling.fakes import NOW, agent, buyer, guest
from tests.signaling.floor import floor
from tests.signaling.samples import FACTS


async def test_every_declared_event_is_heard_in_its_declared_shape_and_no_other() -> None:
    async with floor() as built:
        customer, owner, expert = [await built.join(actor) for actor in (buyer(), agent(), guest())]
        expiring = [
            await built.join(buyer("b9", expires_at=NOW + 1_000)),
            await built.join(agent("a9", expires_at=NOW + 1_000)),
            await built.join(guest("p9", expires_at=NOW + 1_000)),
        ]
        stranger = await built.join(buyer("b7"))
        colleague = await built.join(agent("a7", shops=("s7",)))
        outsider = await built.join(guest("p7", "k7"))
        built.signaling.publish(FACTS)
        built.clock.advance(1)
        for socket in expiring:
            await socket.until_closed()
        await built.signaling.stop()
        heard: dict[tuple[str, str], list[object]] = {}
        for namespace, sockets in (
            ("/buyer", [customer, expiring[0]]),
            ("/agent", [owner, expiring[1]]),
            ("/guest", [expert, expiring[2]]),
        ):
            for socket in sockets:
                await socket.until_closed()
                for name, payload in socket.events:
                    heard.setdefault((namespace, name), []).append(payload)
        declared: dict[tuple[str, str], Event] = {
            (namespace, event.name): event for event in EVENTS for namespace in event.namespaces
        }
        assert heard.keys() == declared.keys()
        for key, payloads in heard.items():
            for payload in payloads:
                adapter(declared[key].payload).validate_python(payload)
        # Whom nothing concerns hears nothing but that the server stops.
        for socket in (stranger, colleague, outsider):
            await socket.until_closed()
            assert [name for name, _ in socket.events] == ["server.stopped"]


async def test_a_fact_that_cannot_be_told_keeps_no_other_from_being_told() -> None:
    async with floor(check=False) as built:
        owner = await built.join(agent())
        broken = object()
        offers = [fact for fact in FACTS if isinstance(fact, OfferMade)]
        built.signaling.publish([broken, *offers])  # type: ignore[list-item]
        assert (await owner.event("conversation.offered"))["offer_id"] == "o1"
