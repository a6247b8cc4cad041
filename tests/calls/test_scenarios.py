"""The fault scenarios of calls (10, 11, 13c, 34, 35) at a whole desk, each with its own criterion."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from server.bootstrap import media_of
from server.config import Settings
from server.desk.calls.legs import Legs
from server.media.rooms import MediaRooms
from tests.calls.carried import (
    Side,
    answered,
    called,
    connected,
    decoded,
    files_of,
    finished,
    kept_in,
    manifests,
    open_conversation,
    recorded,
    rung,
    served,
    speaking,
)
from tests.desk.house import House, Person, Refusal
from tests.faults.proxy import Proxy, proxied
from tests.media.test_ice import client_hello
from tests.media_worker.talking import FPS
from tests.rounds import full_run, rounds, within

PER_MOVE_S = within(3.0)
CALL_KEEPS_BYTES = 70_000
RECONNECTING_MS, REQUEUED_MS, SWEEP_MS = 5_000, 30_000, 1_000


@pytest.mark.parametrize(
    ("media", "code"),
    [("tests.media_worker.greedy", "disk_full"), ("tests.media_worker.admitting", "disk_low")],
)
async def test_a_disk_without_room_ends_the_recording_within_five_seconds_and_not_the_call(
    tmp_path: Path, small_disk: Path, media: str, code: str
) -> None:
    (tmp_path / "recordings").symlink_to(small_disk)
    async with called(tmp_path, media) as (house, buyer, agent):
        await connected(buyer, agent)
        await asyncio.gather(buyer.agrees(), agent.agrees())
        began = time.monotonic()
        stopped = asyncio.create_task(
            agent.person.hears(
                "call.recording_changed", lambda said: said["call"]["recording"]["state"] == "stopped"
            )
        )
        for number in range(2_000):
            if stopped.done():
                break
            head = b"\x10\x00\x00\x00\x9d\x01\x2a\x40\x01\xf0\x00" if number % 30 == 0 else b"\x10\x01"
            buyer.caller.send("video", head + bytes(1_000), timestamp=number * 3_000, marker=True)
            await asyncio.sleep(0.001)  # the socket's buffer holds so much
        assert (await stopped)["call"]["recording"]["code"] == code
        assert time.monotonic() - began <= within(5.0)
        assert (await buyer.person.hears("call.recording_changed"))["call"]["state"] == "connected"
        await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
        line = await agent.person.hears("chat.noted", lambda said: said["entry"]["kind"] == "recording")
        assert (line["entry"]["state"], line["entry"]["code"]) == ("stopped", code)
        # What is made of it needs as much room again, and waits until somebody makes it.
        larger = ["mount", "-o", "remount,size=8m", str(small_disk)]
        await asyncio.to_thread(subprocess.run, larger, check=True)
        await buyer.hangs_up()
        if code == "disk_full":
            (kept,) = await finished(house, agent)
            assert kept.ended_code == "disk_full", "what is whole is there"
        else:
            assert manifests(house) == [], "below the floor none is begun"


async def test_calls_go_on_in_the_next_media_process_and_what_the_killed_one_wrote_plays(
    tmp_path: Path,
) -> None:
    times, seconds = rounds(reduced=1, full=5), 2.0
    async with called(tmp_path) as (house, buyer, agent):
        await recorded(house, buyer, agent)
        for _ in range(times):
            before = len(buyer.person.heard)
            await buyer.talks_with(agent, seconds)
            (pid,) = house.node.media.pids  # type: ignore[attr-defined]
            os.kill(pid, signal.SIGKILL)
            lost = await buyer.person.hears("call.reconnecting", since=before)
            assert lost["code"] == "media_lost"
            said = await buyer.person.say(lost["call"]["conversation_id"], "还在吗")
            assert said["seq"] > 0, "the chat goes on beside it"
            await asyncio.gather(buyer.rejoins(), agent.rejoins())
        await buyer.talks_with(agent, 0.3)
        await buyer.hangs_up()
        done = await finished(house, agent, times + 1)
        killed = [each for each in done if each.ended_code == "killed"]
        assert len(killed) == times
        for row in killed:
            files = await files_of(house, row.id)
            for side in (buyer, agent):
                media = files[f"{side.joined['participant_id']} media"]
                pictures, _ = decoded(kept_in(house) / media.name)
                assert pictures >= (seconds - 1.0) * FPS, "at most a second is lost"


async def test_a_lost_media_process_is_another_ones_work_and_no_neighbours(tmp_path: Path) -> None:
    def two(settings: Settings, boot: str) -> MediaRooms:
        return media_of(
            settings.model_copy(update={"media_workers": 2}), boot, "tests.media_worker.admitting"
        )

    async with served(tmp_path, carry=two) as (house, buyer, agent, conversation_id):
        calls = Side(await house.buyer("second"), "127.0.0.5")
        answers = Side(await house.agent("a2"), "127.0.0.6")
        async with house.node.db.write() as unit:
            await unit.shops.join_group(house.groups["cloud", "售后"], house.people["a2"])
        await agent.person.ask("presence.set", state="break", reason="lunch")
        try:
            await answered(calls, answers, await open_conversation(calls.person, answers.person))
            await connected(calls, answers)
            await answered(buyer, agent, conversation_id)
            await connected(buyer, agent)
            pool = house.node.media._pool  # type: ignore[attr-defined]
            first, second = (pool._of_room[side.call_id] for side in (buyer, calls))
            assert first is not second, "the one with fewer calls takes the next"
            before = [len(side.person.heard) for side in (calls, answers)]
            os.kill(first.pid, signal.SIGKILL)
            await buyer.person.hears("call.reconnecting")
            began = time.monotonic()
            await asyncio.gather(buyer.rejoins(), agent.rejoins())
            await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
            assert pool._of_room[buyer.call_id] is second and time.monotonic() - began <= PER_MOVE_S
            await asyncio.gather(calls.hears(answers), answers.hears(calls))
            for side, since in zip((calls, answers), before, strict=True):
                assert "call.reconnecting" not in side.person.names()[since:]
        finally:
            for side in (calls, answers):
                await side.caller.close()


async def test_an_agent_whose_network_is_gone_is_missed_within_five_seconds_and_replaced_within_thirty(
    tmp_path: Path,
) -> None:
    """Socket and media end at once, nobody is told. The full run waits; the other puts a clock forward."""
    async with called(tmp_path) as (house, buyer, agent), behind_a_proxy(house, agent) as proxy:
        await connected(buyer, agent)
        await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
        async with house.node.db.write() as unit:
            await unit.shops.join_group(house.groups["cloud", "售后"], house.people["a2"])
        second = Side(await house.agent("a2"), "127.0.0.4")
        clock = house.node.legs.world.clock
        cut = clock()
        agent.caller.vanish()
        proxy.freeze()
        async with speaking(buyer):
            lost = await buyer.person.hears("call.reconnecting")
            assert clock() - cut <= RECONNECTING_MS
            who = next(each for each in lost["call"]["participants"] if each["role"] == "agent")
            assert lost["participant_id"] == who["participant_id"]
            assert who["reconnect_until"] + SWEEP_MS - cut <= REQUEUED_MS
            if full_run():
                await asyncio.sleep((who["reconnect_until"] - clock()) / 1_000)
            else:
                world = replace(house.node.legs.world, clock=lambda: int(who["reconnect_until"]))
                await Legs(world).sweep()
            left = await buyer.person.hears("call.left")
        assert left["call"]["state"] == "waiting"
        taken = await second.person.hears("conversation.taken")
        assert clock() - cut <= within(REQUEUED_MS)
        assert taken["conversation_id"] == lost["call"]["conversation_id"]
        rang = await second.person.hears("call.rang")
        second.call_id = rang["call"]["call_id"]
        assert second.call_id == buyer.call_id
        try:
            await second.join()
            await asyncio.gather(buyer.hears(second), second.hears(buyer))
        finally:
            await second.caller.close()


@asynccontextmanager
async def behind_a_proxy(house: House, agent: Side) -> AsyncIterator[Proxy]:
    """The agent's socket goes through a network that can be cut."""
    token = await house.post("/api/v1/agents/impersonate", {"login": "a1"}, key=house.keys["cloud"])
    behind = Person("/agent")
    async with proxied(house.node.settings.port) as proxy:
        await behind.connect(proxy.url, token["token"])
        await agent.person.leave()
        agent.person = behind
        try:
            yield proxy
        finally:
            proxy.thaw()
            await behind.leave()


async def test_a_buyer_whose_address_changes_again_and_again_is_back_within_three_seconds(
    tmp_path: Path,
) -> None:
    times, took = rounds(reduced=2, full=20), []
    async with called(tmp_path) as (_, buyer, agent):
        await connected(buyer, agent)
        for number in range(times):
            buyer.caller.vanish()
            buyer.address = f"127.0.0.{10 + number}"
            began = time.monotonic()
            await buyer.rejoins()
            await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
            took.append(time.monotonic() - began)
    assert sorted(took)[int(0.95 * (times - 1))] <= PER_MOVE_S


async def test_a_strangers_handshake_jumbo_datagrams_and_nonsense_descriptions_do_nothing_to_a_call(
    tmp_path: Path,
) -> None:
    hello, jumbo = client_hello(), b"\x80\x60" + bytes(1_700)
    async with called(tmp_path) as (_, buyer, agent):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.9", 0))

            def attack(side: Side) -> None:
                line = next(line for line in side.joined["offer"].splitlines() if "typ host" in line)
                address, port = line.split()[4:6]
                for _ in range(rounds(reduced=20, full=200)):
                    stranger.sendto(hello, (address, int(port)))
                    stranger.sendto(jumbo, (address, int(port)))

            for side in (buyer, agent):
                answer = await side.opens()
                attack(side)
                for nonsense in ("v=0\r\n", "v=0\r\nm=audio 0 x 1\r\n", answer.replace("a=setup", "a=x")):
                    with pytest.raises(Refusal) as refused:
                        await side.describes(nonsense)
                    assert refused.value.code == "description_refused"
                began = time.monotonic()
                await side.describes(answer)
                await side.caller.connected()
                assert time.monotonic() - began <= within(10.0)
            await buyer.person.hears("call.joined", lambda said: said["call"]["state"] == "connected")
            for side in (buyer, agent):
                attack(side)
            await asyncio.gather(buyer.hears(agent), agent.hears(buyer))
        assert "call.reconnecting" not in buyer.person.names() + agent.person.names()


async def test_calls_that_end_at_every_stage_leave_nothing_behind_in_desk_and_media_process(
    tmp_path: Path,
) -> None:
    """Two hundred of each; nor does either process grow by a call's worth of memory with each call."""
    async with served(tmp_path) as (house, buyer, agent, conversation_id):

        async def churn(times: int) -> None:
            for number in range(times):
                await aborted(buyer, agent, conversation_id, number % 6)
                await answered(buyer, agent, conversation_id)
                await connected(buyer, agent)
                await buyer.hears(agent)
                await agent.hangs_up()
                for side in (buyer, agent):
                    side.person.heard.clear()  # what these two remember is nothing that the desk keeps

        await churn(1)
        await everything_started(house)
        (pid,) = house.node.media.pids  # type: ignore[attr-defined]
        base, memory = counted(pid), [resident(each) for each in (os.getpid(), pid)]
        times = rounds(reduced=6, full=200)
        await churn(times)
        async with asyncio.timeout(60):
            # Nothing tells when a cancelled task is gone.
            while any(now > before for now, before in zip(counted(pid), base, strict=True)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        if full_run():  # a few calls are less than what an allocator keeps for itself
            for before, each in zip(memory, (os.getpid(), pid), strict=True):
                assert (resident(each) - before) / (2 * times) <= CALL_KEEPS_BYTES


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def everything_started(house: House) -> None:
    """All threads and connections that work may be given to are there: when one more begins is chance."""

    async def read() -> None:
        async with house.node.db.read() as unit:
            await unit.calls.due(0, 1)
            await asyncio.sleep(0.05)

    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.05) for _ in range(40)))
    await asyncio.gather(*(read() for _ in range(40)))


async def aborted(buyer: Side, agent: Side, conversation_id: str, stage: int) -> None:
    """A call that is given up: ringing, declined, unjoined, after the offer, during ICE, during DTLS."""
    if stage < 2:
        await rung(buyer, agent, conversation_id)
        if stage == 0:
            await buyer.hangs_up()
        else:
            await agent.person.ask("call.decline", call_id=agent.call_id)
        return
    await answered(buyer, agent, conversation_id)
    if stage >= 3:
        answer = await buyer.opens()
        if stage >= 4:
            await buyer.describes(answer)
        if stage == 5:
            await asyncio.sleep(0.01)
        await buyer.caller.close()
    await agent.hangs_up()


def counted(pid: int) -> tuple[int, int, int, int, int]:
    """Descriptors, threads and tasks here; descriptors and threads of the media process."""
    gc.collect()
    return (
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        len(asyncio.all_tasks()),
        len(os.listdir(f"/proc/{pid}/fd")),
        len(os.listdir(f"/proc/{pid}/task")),
    )
