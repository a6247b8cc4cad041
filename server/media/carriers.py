"""Calls, whichever node carries them: what is of this one's is done here, the rest is asked of that node.

The call's row names the run that carries it: that of the node where somebody invited. Legs of another
node's people are opened through it, and their media comes to it directly. What a call's steps decided is
hinted at to its carrier, who reads the call itself, and looks by himself every second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from media.call import Call
from protocol import call as wire
from protocol.errors import ErrorCode, Refused
from server.asks import RETRY_MS, Asks
from server.call_bridges import Agreed, agreed
from server.desk.world import Media, Offer
from server.storage.calls.store import CallRecord
from server.storage.database import Database

log = logging.getLogger(__name__)


class MediaCarriers:
    """Fulfils `server.desk.world.Carriers`. Without `asks` this node is the only one."""

    def __init__(self, media: Media, db: Database, clock: Callable[[], int], asks: Asks | None) -> None:
        self._media = media
        self._db = db
        self._clock = clock
        self._asks = asks
        self._holds = False
        if asks is not None:
            asks.serve(
                {
                    "join": self._asked_to_join,
                    "answer": self._asked_to_answer,
                    "measured": self._asked_what_was_measured,
                    "follow": self._asked_to_follow,
                }
            )

    @property
    def boot(self) -> str:
        """This node's run."""
        return self._media.boot

    async def alive(self) -> frozenset[str]:
        """The runs that carry calls now, this one among them."""
        others: frozenset[str] = frozenset()
        if self._asks is not None:
            async with self._db.read() as unit:
                others = await unit.runs.alive(self._clock())
        return others | {self.boot}

    async def hold(self) -> None:
        """Say that this run carries calls. To be called every second where there are other nodes."""
        self._holds = True
        async with self._db.write() as unit:
            await unit.runs.hold(self.boot, self._clock())

    async def release(self) -> None:
        """Say that it does not any more, or others would have to wait for that. Never raises."""
        if self._holds:
            self._holds = False
            try:
                async with self._db.write() as unit:
                    await unit.runs.release(self.boot)
            except Exception as error:
                log.warning(
                    "carriers.not_released: others find it out by themselves: %s", type(error).__name__
                )

    async def sweep(self) -> None:
        """Read how the calls stand that are followed here. To be called every second where others are."""
        followed = self._media.followed()
        if not followed:
            return
        async with self._db.read() as unit:
            found = [(each, await agreed(unit, each)) for each in await unit.calls.among(list(followed))]
        for record, yes in found:
            if record.boot_id != self.boot or record.call.revision > followed[record.call.id]:
                self._follow_here(record, yes)

    # What the desk asks.

    async def admit(self) -> None:
        """Let one more call in on this node. Raises `Refused`: busy, media_away."""
        await self._media.admit()

    async def join(self, boot: str, call: Call, participant_id: str, leg_id: str, now: int) -> Offer:
        """Open a leg. Raises `Refused`: busy, media_away, retry."""
        if boot == self.boot:
            return await self._media.join(call, participant_id, leg_id, now)
        said = await self._other(boot, "join", call_id=call.id, participant_id=participant_id, leg_id=leg_id)
        return Offer(
            said["sdp"],
            [wire.Track.model_validate(each) for each in said["tracks"]],
            [wire.IceServer.model_validate(each) for each in said["ice_servers"]],
        )

    async def answer(self, boot: str, call_id: str, participant_id: str, leg_id: str, sdp: str) -> None:
        """Give the browser's answer. Raises `Refused`: stale_leg, description_refused, retry."""
        if boot == self.boot:
            await self._media.answer(call_id, participant_id, leg_id, sdp)
            return
        about = {"call_id": call_id, "participant_id": participant_id, "leg_id": leg_id}
        await self._other(boot, "answer", **about, sdp=sdp)

    def follow(self, boot: str | None, call: Call, agreed: Sequence[Agreed]) -> None:
        """The call stands like this now. Never waits and never raises."""
        if boot == self.boot:
            self._media.follow(call, agreed)
        elif boot is not None and self._asks is not None:
            self._asks.tell(boot, "follow", call_id=call.id)

    async def measured(self, boot: str | None, call_id: str, participant_id: str) -> Mapping[str, Any]:
        """What was measured of a participant's media in the last second; may be empty."""
        if boot == self.boot:
            return self._media.measured(call_id, participant_id)
        try:
            return await self._other(boot, "measured", call_id=call_id, participant_id=participant_id)
        except Refused:
            return {}

    async def _other(self, boot: str | None, what: str, **about: Any) -> Mapping[str, Any]:
        if boot is None or self._asks is None:
            raise Refused(ErrorCode.retry, retry_after_ms=RETRY_MS)
        return await self._asks.ask(boot, what, **about)

    # What other nodes ask.

    async def _asked_to_join(self, about: Mapping[str, Any]) -> Mapping[str, Any]:
        async with self._db.read() as unit:
            record = await unit.calls.get(about["call_id"])
        if record is None or record.boot_id != self.boot:
            raise Refused(ErrorCode.retry, retry_after_ms=RETRY_MS)
        offer = await self._media.join(record.call, about["participant_id"], about["leg_id"], self._clock())
        return {
            "sdp": offer.sdp,
            "tracks": [each.model_dump() for each in offer.tracks],
            "ice_servers": [each.model_dump() for each in offer.ice_servers],
        }

    async def _asked_to_answer(self, about: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._media.answer(about["call_id"], about["participant_id"], about["leg_id"], about["sdp"])
        return {}

    async def _asked_what_was_measured(self, about: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._media.measured(about["call_id"], about["participant_id"])

    async def _asked_to_follow(self, about: Mapping[str, Any]) -> Mapping[str, Any]:
        async with self._db.read() as unit:
            record = await unit.calls.get(about["call_id"])
            yes = await agreed(unit, record) if record is not None else []
        if record is not None:
            self._follow_here(record, yes)
        return {}

    def _follow_here(self, record: CallRecord, yes: Sequence[Agreed]) -> None:
        if record.boot_id == self.boot:
            self._media.follow(record.call, yes)
        else:
            self._media.give_up(record.call.id)
