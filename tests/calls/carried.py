"""Whole calls: two sockets of a desk, two peers with transports of their own, a real media process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import av

from benchmarks.caller import Caller
from protocol.base import RateClass
from recordings import journal
from recordings.manifest import Manifest
from server.bootstrap import media_of
from server.config import Settings
from server.desk.world import Media
from server.identifiers import new_client_id
from server.storage.calls.recordings import RecordingFile, RecordingRow
from signaling.limits import Allowance, Limits
from tests.desk.house import House, Person, Refusal, furnished
from tests.media_worker.talking import talk
from tests.services.databases import new_sqlite

WITHIN_S = 15.0
BUYERS, AGENTS = "127.0.0.2", "127.0.0.3"
"""Addresses of the loopback: the media process has 127.0.0.1."""
KEY, DELTA = b"\x10\x00\x00\x00\x9d\x01\x2a\x40\x01\xf0\x00", b"\x10\x01\x55\x55"
"""VP8: payload descriptor, then a key frame's header (320 x 240), or a delta frame's first bytes."""
_MUCH = Allowance(1_000_000, 1_000_000)
_ALL: dict[RateClass, Allowance] = {
    "write": _MUCH,
    "read": _MUCH,
    "mark": _MUCH,
    "hint": _MUCH,
    "draw": _MUCH,
}
UNHURRIED = Limits(
    ping_timeout_seconds=60.0,
    frames=_MUCH,
    buyer_socket=_ALL,
    buyer_person=_ALL,
    agent_socket=_ALL,
    agent_person=_ALL,
)


class Side:
    """One side of a call: a socket at the desk and a peer of the media process."""

    def __init__(self, person: Person, address: str) -> None:
        self.person = person
        self.call_id = ""
        self.address = address
        self.caller = Caller(address=address)
        self.joined: dict[str, Any] = {}
        self._heard: set[str] = set()
        self._changed = asyncio.Event()
        self._clock = 0

    async def opens(self, **more: Any) -> str:
        """Opens a leg; the answer to its offer. Again, it is another page of the same person."""
        if self.joined:
            await self.caller.close()
            self.caller = Caller(address=self.address)
        self.resumes(await self.person.ask("call.join", call_id=self.call_id, **more))
        return await self.caller.answer(self.joined["offer"])

    def resumes(self, joined: dict[str, Any]) -> None:
        """The caller is the peer of this leg."""
        self.joined = joined
        self.caller.on_rtp = self._hear

    async def describes(self, answer: str) -> None:
        await self.person.ask(
            "call.describe", call_id=self.call_id, leg_id=self.joined["leg_id"], answer=answer
        )

    async def join(self, **more: Any) -> None:
        """Opens a leg and waits until keys are agreed on."""
        await self.describes(await self.opens(**more))
        await self.caller.connected()

    async def rejoins(self) -> None:
        """Comes back, as soon as there is a media process again."""
        await self.comes(rejoin_token=self.joined["rejoin_token"])

    async def comes(self, **more: Any) -> None:
        """Joins, and tries again as long as it is told to."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    return await self.join(**more)
                except Refusal as refusal:
                    assert refusal.code == "retry"
                    await asyncio.sleep(refusal.data["retry_after_ms"] / 1000)  # as the answer says

    def _hear(self, packet: bytes, now: float) -> None:
        self._heard.add("audio" if packet[1] & 0x7F == 111 else "video")
        self._changed.set()

    async def hears(self, other: Side) -> None:
        """Both sound and picture of the other arrive, who speaks until they do."""
        self._heard.clear()
        async with asyncio.timeout(WITHIN_S):
            while self._heard < {"audio", "video"}:
                other.speak()
                self._changed.clear()
                with_patience = asyncio.wait_for(self._changed.wait(), 0.02)
                try:
                    await with_patience
                except TimeoutError:
                    continue

    async def is_spoken_to(self) -> None:
        """Both sound and picture of whoever speaks arrive."""
        self._heard.clear()
        async with asyncio.timeout(WITHIN_S):
            while self._heard < {"audio", "video"}:
                self._changed.clear()
                await self._changed.wait()

    def speak(self) -> None:
        self._clock += 1
        self.caller.send("audio", bytes(20), timestamp=self._clock * 960)
        head = KEY if self._clock % 10 == 1 else DELTA
        self.caller.send("video", head + bytes(40), timestamp=self._clock * 1_800, marker=True)

    async def talks_with(self, other: Side, seconds: float) -> None:
        """Both say and show something that decodes, and hear and see each other."""
        self._heard.clear()
        other._heard.clear()
        await asyncio.gather(talk(self.caller, seconds), talk(other.caller, seconds))
        assert self._heard == other._heard == {"audio", "video"}

    async def agrees(self, granted: bool = True) -> None:
        await self.person.ask(
            "call.consent",
            call_id=self.call_id,
            granted=granted,
            text_version="caller-2026-11",
            locale="zh-CN",
        )

    async def hangs_up(self) -> dict[str, Any]:
        """The call as it ended."""
        over: dict[str, Any] = (await self.person.ask("call.hang_up", call_id=self.call_id))["call"]
        return over


@asynccontextmanager
async def speaking(side: Side) -> AsyncIterator[None]:
    """He speaks all the while."""

    async def speak() -> None:
        while True:
            side.speak()
            await asyncio.sleep(0.02)  # as a microphone does

    task = asyncio.create_task(speak())
    try:
        yield
    finally:
        task.cancel()


@asynccontextmanager
async def served(
    folder: Path,
    media: str = "tests.media_worker.admitting",
    carry: Callable[[Settings, str], Media] | None = None,
) -> AsyncIterator[tuple[House, Side, Side, str]]:
    """A buyer whose conversation (the last of the four) an agent has.

    `media` is the module that carries calls; `carry` makes it of the settings in another way.
    """
    made = carry or partial(media_of, module=media)
    async with furnished(new_sqlite(folder), folder, media=made, limits=UNHURRIED) as house:
        agent, buyer = Side(await house.agent("a1"), AGENTS), Side(await house.buyer(), BUYERS)
        try:
            yield house, buyer, agent, await open_conversation(buyer.person, agent.person)
        finally:
            await buyer.caller.close()
            await agent.caller.close()


@asynccontextmanager
async def called(
    folder: Path, media: str = "tests.media_worker.admitting"
) -> AsyncIterator[tuple[House, Side, Side]]:
    """A buyer and an agent in a call that was answered; nobody has media yet."""
    async with served(folder, media) as (house, buyer, agent, conversation_id):
        await answered(buyer, agent, conversation_id)
        yield house, buyer, agent


async def rung(buyer: Side, agent: Side, conversation_id: str) -> None:
    """The buyer calls; it rings at the agent."""
    invited = await buyer.person.ask(
        "call.invite", conversation_id=conversation_id, client_id=new_client_id(), media="video"
    )
    call_id = invited["call"]["call_id"]
    await agent.person.hears("call.rang", lambda said: said["call"]["call_id"] == call_id)
    agent.call_id = buyer.call_id = call_id


async def answered(buyer: Side, agent: Side, conversation_id: str) -> None:
    """The buyer called and the agent answered."""
    await rung(buyer, agent, conversation_id)
    await agent.person.ask("call.answer", call_id=agent.call_id)
    await buyer.person.hears("call.answered", lambda said: said["call"]["call_id"] == buyer.call_id)


async def open_conversation(buyer: Person, agent: Person) -> str:
    """A conversation that the agent owns."""
    opened = await buyer.ask("conversation.open", client_id=new_client_id(), topic="质量")
    conversation_id: str = opened["conversation_id"]
    await agent.hears("conversation.taken", lambda said: said["conversation_id"] == conversation_id)
    return conversation_id


async def connected(buyer: Side, agent: Side) -> None:
    """Both have media."""
    await asyncio.gather(buyer.join(), agent.join())
    await buyer.person.hears(
        "call.joined",
        lambda said: said["call"]["call_id"] == buyer.call_id and said["call"]["state"] == "connected",
    )


async def recorded(house: House, buyer: Side, agent: Side) -> None:
    """Both have media and agreed to be recorded, and the recorder knows it."""
    await recorded_in(folder_of(house), buyer, agent)


async def recorded_in(folder: Path, buyer: Side, agent: Side) -> None:
    """The same, where the desk is another process and writes there."""
    await connected(buyer, agent)
    await buyer.agrees()
    await agent.agrees()
    on = await buyer.person.hears("call.recording_changed")
    assert on["call"]["recording"]["state"] == "on"
    async with asyncio.timeout(WITHIN_S):
        while not any(len(each.consents) == 2 for each in manifests_in(folder)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # it tells only the disk


async def finished(house: House, agent: Side, count: int = 1, *, since: int = 0) -> list[RecordingRow]:
    """So many recordings, told to the agent as kept within a minute; in the order of their beginning."""
    kept: dict[str, None] = {}
    async with asyncio.timeout(60):
        while len(kept) < count:
            said = await agent.person.hears(
                "chat.noted",
                lambda said: (
                    said["entry"]["kind"] == "recording"
                    and said["entry"]["state"] == "kept"
                    and said["entry"]["recording_id"] not in kept
                ),
                since=since,
            )
            kept[said["entry"]["recording_id"]] = None
    async with house.node.db.read() as unit:
        rows = await unit.recordings.among(list(kept))
    return sorted(rows, key=lambda row: row.began_at)


async def files_of(house: House, recording_id: str) -> dict[str, RecordingFile]:
    """The files of a recording, by whose and what they are."""
    async with house.node.db.read() as unit:
        files = await unit.recordings.files(recording_id)
    return {f"{file.participant_id} {file.holds}": file for file in files}


def decoded(path: Path) -> tuple[int, int]:
    """Pictures and sounds of a finished file; any error of the decoder raises."""
    pictures = sounds = 0
    with av.open(str(path)) as container:
        for frame in container.decode():
            pictures += isinstance(frame, av.VideoFrame)
            sounds += isinstance(frame, av.AudioFrame)
            assert not getattr(frame, "is_corrupt", False)
    return pictures, sounds


def kept_in(house: House) -> Path:
    """Where finished files lie."""
    return house.node.settings.data / "files"


def folder_of(house: House) -> Path:
    """Where recordings are written."""
    return house.node.settings.data / "recordings"


def manifests(house: House) -> list[Manifest]:
    """What was noted of each recording that began, in the order of their names."""
    return manifests_in(folder_of(house))


def manifests_in(folder: Path) -> list[Manifest]:
    """The same, of the recordings in a folder."""
    begun = sorted(folder.iterdir()) if folder.is_dir() else []
    noted = (each / journal.FILE for each in begun)
    return [journal.read(each.parent) for each in noted if each.exists() and b"\n" in each.read_bytes()]
