"""Recordings on the desk: finished however often it is tried, told, kept and ended by the shop's policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from protocol.recordings import WritingCode
from recordings import finishing
from recordings.manifest import EndCode
from recordings.recorder import RefusalCode
from recordings.retention import DAY_MS, STATUTORY_DAYS_MIN
from server.desk.world import World
from server.finishing import AGAIN_AFTER_MS, Finishing
from server.identifiers import new_client_id
from server.keeping import Keeping
from server.storage.recordings import RecordingRow
from tests.desk.carrying import Scene, staged
from tests.recordings.calls import Desk as Recorded
from tests.recordings.calls import at, call, consent, play
from tests.recordings.shelves import FolderShelf


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(f"sqlite:///{tmp_path / 'desk.db'}", tmp_path) as made:
        yield made


@pytest.fixture
async def either_scene(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """On each database."""
    async with staged(database_url, tmp_path) as made:
        yield made


class Job:
    """The job of finishing, on a shelf and a clock of its own, beside the node's."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene, self.root = scene, folder / "written"
        self.shelf = FolderShelf(folder / "shelf")
        self.ahead_ms = 0
        world = scene.house.node.legs.world
        self.world: World = replace(world, clock=lambda: world.clock() + self.ahead_ms)
        self.job = Finishing(self.world, self.shelf, self.root)

    def record(self, call_id: str, seconds: float = 1.0) -> None:
        """A recording of the call lies there."""
        desk = Recorded(self.root)
        recording = desk.recorder.start(
            "rec-1", call_id, [consent("buyer")], at(0), desk.keys.append, desk.ends.append
        )
        play(recording, call(seconds, "buyer"))
        recording.stop("call_ended", at(seconds * 1000))
        assert desk.recorder.close(10)

    async def run(self) -> RecordingRow | None:
        """A sweep, and what it began, to the end; the recording as it stands then."""
        await self.job.sweep()
        await self.job.done()
        return await self.row()

    async def go_to(self, days: int) -> None:
        """The clock stands so many days after the recording's end."""
        row = await self.row()
        assert row is not None and row.ended_at is not None
        self.ahead_ms += row.ended_at + days * DAY_MS - self.world.clock()

    async def row(self) -> RecordingRow | None:
        async with self.world.db.read() as unit:
            return await unit.recordings.get("rec-1")

    async def told(self) -> list[tuple[str, str | None]]:
        """State and code of each line of the desk log."""
        async with self.world.db.read() as unit:
            entries = await unit.conversations.of_kind(self.scene.conversation_id, "desk", "recording")
        return [(entry.body["state"], entry.body["code"]) for entry in entries]


def test_every_word_of_the_recorder_has_a_name_on_the_wire() -> None:
    known = set(get_args(WritingCode))
    assert {*get_args(EndCode), *get_args(RefusalCode)} - known == {"consent_missing"}, "nobody is recorded"


async def test_a_full_disk_is_told_on_the_case_and_the_call_goes_on(scene: Scene) -> None:
    call_id = await scene.talk()
    opened = await scene.agent.ask(
        "case.open", conversation_id=scene.conversation_id, client_id=new_client_id(), title="瓶盖"
    )
    since = len(scene.agent.heard)
    scene.media.tell("recording_failed", call_id, code="disk_full", recording_id="rec-1")
    line = (await scene.agent.hears("chat.noted"))["entry"]
    assert (line["kind"], line["state"], line["code"]) == ("recording", "stopped", "disk_full")
    assert (line["recording_id"], line["call_id"]) == ("rec-1", call_id)
    changed = await scene.agent.hears("case.changed", since=since)
    assert changed["case"]["case_id"] == opened["case"]["case_id"]
    stopped = await scene.buyer.hears("call.recording_changed")
    assert stopped["call"]["recording"] == {"state": "stopped", "code": "disk_full"}
    assert stopped["call"]["state"] == "connected"
    assert "chat.noted" not in scene.buyer.names()


async def test_whoever_is_killed_after_the_shelf_is_followed_by_one_who_tells_it_once(
    scene: Scene, tmp_path: Path
) -> None:
    job = Job(scene, tmp_path)
    job.record(await scene.talk())
    assert await finishing.finish(job.root / "rec-1", job.shelf, "cloud/recordings") is not None
    row = await job.run()
    assert row is not None and (row.state, row.shop_id, row.ended_code) == ("kept", "cloud", "call_ended")
    assert not (job.root / "rec-1").exists()
    async with job.world.db.read() as unit:
        files = await unit.recordings.files("rec-1")
    assert {(file.participant_id, file.holds) for file in files} == {
        ("buyer", "media"), ("buyer", "poster"), ("buyer", "waveform"), (None, "index"),
    }  # fmt: skip
    assert all((job.shelf.folder / file.name).stat().st_size == file.size for file in files)
    await job.run()
    assert await job.told() == [("kept", None)]


async def test_a_shelf_that_is_away_is_tried_again_by_and_by_and_then_told(
    scene: Scene, tmp_path: Path
) -> None:
    job = Job(scene, tmp_path)
    job.record(await scene.talk())
    job.shelf.away = True
    for number, wait_ms in enumerate(AGAIN_AFTER_MS):
        row = await job.run()
        assert row is not None and (row.state, row.code, row.tries) == ("finishing", "shelf_away", number + 1)
        assert (await job.run()) == row, "not before its time"
        job.ahead_ms += wait_ms
    row = await job.run()
    assert row is not None and (row.state, row.code) == ("failed", "shelf_away")
    assert await job.told() == [("failed", "shelf_away")]
    assert any((job.root / "rec-1").glob("*.webm")), "what was written is still there"


async def test_a_recording_of_no_call_here_is_left_alone(scene: Scene, tmp_path: Path) -> None:
    job = Job(scene, tmp_path)
    job.record("nobody")
    assert await job.run() is None
    assert any((job.root / "rec-1").glob("*.webm"))


async def kept(scene: Scene, folder: Path) -> tuple[Job, Keeping]:
    """A recording on the shelf, and who looks after it."""
    job = Job(scene, folder)
    job.record(await scene.talk())
    row = await job.run()
    assert row is not None and row.state == "kept"
    return job, Keeping(job.world, job.shelf, job.root)


async def test_a_recording_is_watched_half_a_year_and_then_every_byte_of_it_goes(
    scene: Scene, tmp_path: Path
) -> None:
    job, keeping = await kept(scene, tmp_path)
    await job.go_to(days=179)
    await keeping.sweep()
    assert (await job.told())[1:] == []
    await job.go_to(days=180)
    await keeping.sweep()
    assert (await job.told())[1:] == [("erased", "period_over")]
    assert [path for path in job.shelf.folder.rglob("*") if path.is_file()] == []
    row = await job.row()
    assert row is not None and (row.state, row.due) == ("erased", None)
    await keeping.sweep()
    assert len(await job.told()) == 2


async def test_a_law_keeps_the_bytes_and_nobody_watches_them(either_scene: Scene, tmp_path: Path) -> None:
    job, keeping = await kept(either_scene, tmp_path)
    async with job.world.db.write() as unit:
        await unit.shops.change(
            "cloud", recordings_kept_days=30, recordings_statutory_days=STATUTORY_DAYS_MIN
        )
    await job.go_to(days=30)
    await keeping.sweep()
    assert (await job.told())[1:] == [("restricted", "statutory_period")]
    assert any(path.is_file() for path in job.shelf.folder.rglob("*"))
    await job.go_to(days=STATUTORY_DAYS_MIN)
    await keeping.sweep()
    assert (await job.told())[2:] == [("erased", "period_over")]


async def test_a_shelf_that_does_not_let_go_is_asked_again_before_it_is_called_erased(
    scene: Scene, tmp_path: Path
) -> None:
    job, keeping = await kept(scene, tmp_path)
    await job.go_to(days=180)
    job.shelf.away = True
    await keeping.sweep()
    row = await job.row()
    assert row is not None and row.state == "erased" and row.due is not None
    assert len(await job.told()) == 1
    job.shelf.away = False
    await keeping.sweep()
    assert (await job.told())[1:] == [("erased", "period_over")]
